// The path that functions written for Kubeless import.
module github.com/kubeless/kubeless

go 1.26

require tidegate.io/go v0.0.0

replace tidegate.io/go => ../
