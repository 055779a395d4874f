// The server of a function that was built beside it.
package main

import (
	"os"
	"runtime"

	"tidegate.io/go/internal/front"
)

func init() {
	runtime.LockOSThread() // main runs on the process's main thread, and stays there
}

func main() {
	mainThread := make(front.MainThread)
	go func() { os.Exit(front.Main(mainThread)) }()
	for work := range mainThread {
		work()
	}
}
