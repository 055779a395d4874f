package kubeless

import "tidegate.io/go/functions"

func init() { panic("the reason") }

func F(functions.Event, functions.Context) (string, error) { return "", nil }
