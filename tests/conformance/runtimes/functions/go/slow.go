// A package that is not initialised before it is told.
package kubeless

import (
	"os"
	"time"

	"tidegate.io/go/functions"
)

func init() {
	for {
		if _, err := os.Stat(os.Getenv("LOAD_WHEN")); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func Echo(functions.Event, functions.Context) (string, error) { return "hi", nil }
