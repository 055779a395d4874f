// Package crash tells the front why the worker's process ended, even when that is before main: a
// panic while packages are initialised. A file that imports it is built into the function's
// package, so that it comes before the function's own initialisation.
package crash

import (
	"os"
	"runtime/debug"
)

// Descriptor is where the front expects the crash report, beside stderr.
const Descriptor = 4

func init() {
	report := os.NewFile(Descriptor, "crash report")
	debug.SetCrashOutput(report, debug.CrashOptions{}) // without a front there is no such file
	report.Close()
}
