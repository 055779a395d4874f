package front

import "syscall"

// endWithParent lets the system tell the worker when the front is gone. SIGHUP ends a Go program
// that does not listen to it yet; ours then ends what it has started, too.
func endWithParent(attributes *syscall.SysProcAttr) *syscall.SysProcAttr {
	attributes.Pdeathsig = syscall.SIGHUP
	return attributes
}
