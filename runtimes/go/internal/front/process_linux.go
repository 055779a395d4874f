package front

import "syscall"

// endWithParent lets the system kill the worker when the front is gone.
func endWithParent(attributes *syscall.SysProcAttr) *syscall.SysProcAttr {
	attributes.Pdeathsig = syscall.SIGKILL
	return attributes
}
