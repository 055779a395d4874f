module tidegate.io/go

go 1.26

tool tidegate.io/go/cmd/compile
