package worker

import (
	"fmt"
	"runtime"
	"strings"
)

// failure is why a call has failed, for the log alone.
type failure struct {
	reason string // the kind of failure and its text, on one line
	trace  string
}

const (
	reasonLimit = 500
	depthLimit  = 64
	ownPackage  = "tidegate.io/go/worker."
)

func failureFrom(err error) *failure {
	return &failure{reason: "error: " + oneLine(err.Error())}
}

// crashFrom describes what recover has returned, which is nil where the function ended its
// goroutine. It must be called by the deferred function: the stack is still the panic's.
func crashFrom(recovered any) *failure {
	if recovered == nil {
		return &failure{reason: "error: it ended its goroutine"}
	}
	return &failure{reason: "panic: " + oneLine(fmt.Sprint(recovered)), trace: functionTrace()}
}

func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > reasonLimit {
		text = text[:reasonLimit]
	}
	return strings.ToValidUTF8(text, "?")
}

// functionTrace is the panicking stack from the function's own code on.
func functionTrace() string {
	counters := make([]uintptr, depthLimit)
	frames := runtime.CallersFrames(counters[:runtime.Callers(0, counters)])
	var trace strings.Builder
	panicked := false
	for {
		frame, more := frames.Next()
		switch {
		case frame.Function == "runtime.gopanic":
			panicked = true
			trace.Reset()
		case panicked && strings.HasPrefix(frame.Function, ownPackage):
			return trace.String()
		case panicked && !strings.HasPrefix(frame.Function, "runtime."):
			fmt.Fprintf(&trace, "%s(...)\n\t%s:%d\n", frame.Function, frame.File, frame.Line)
		}
		if !more {
			return trace.String()
		}
	}
}

// lines is what the log says of the call.
func (f *failure) lines(title, event string) string {
	return fmt.Sprintf("%s: call %s failed: %s\n%s", title, oneLine(event), f.reason, f.trace)
}
