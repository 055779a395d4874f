module function

go 1.13

require (
	example.com/words v0.0.0
	github.com/kubeless/kubeless v1.0.4
)

replace example.com/words => ./words
