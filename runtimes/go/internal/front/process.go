package front

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"tidegate.io/go/internal/channel"
)

// Program is the file beside the function that is its worker, built together with it.
const Program = "function"

const (
	crashLimit = 1024
	lastReport = time.Second
)

// process is a worker's process and the front's end of its channel.
type process struct {
	command *exec.Cmd
	channel *net.UnixConn
	sender  *channel.Sender
	crash   *os.File
}

// MainThread runs what must be run by the thread that lives as long as the front: a worker is
// killed by the system when the thread that has started it ends.
type MainThread chan func()

// Do runs work on the main thread and waits for its end.
func (m MainThread) Do(work func()) {
	done := make(chan struct{})
	m <- func() { work(); close(done) }
	<-done
}

// startProcess starts a worker of the program.
func startProcess(main MainThread, program string) (*process, error) {
	own, theirs, err := socketPair()
	if err != nil {
		return nil, fmt.Errorf("making a channel: %w", err)
	}
	defer theirs.Close()
	sender, err := channel.NewSender(own, true)
	if err != nil {
		return nil, fmt.Errorf("making a channel: %w", err)
	}
	crashes, report, err := os.Pipe()
	if err != nil {
		own.Close()
		return nil, fmt.Errorf("making a pipe: %w", err)
	}
	defer report.Close()
	command := exec.Command(program)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	command.ExtraFiles = []*os.File{theirs, report} // descriptors 3 and 4
	command.SysProcAttr = endWithParent(&syscall.SysProcAttr{Setsid: true})
	main.Do(func() { err = command.Start() })
	if err != nil {
		own.Close()
		crashes.Close()
		return nil, err
	}
	return &process{command, own, sender, crashes}, nil
}

func socketPair() (*net.UnixConn, *os.File, error) {
	syscall.ForkLock.RLock()
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(ends[0])
		syscall.CloseOnExec(ends[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, err
	}
	file := os.NewFile(uintptr(ends[0]), "channel")
	defer file.Close() // the connection has a descriptor of its own
	own, err := net.FileConn(file)
	theirs := os.NewFile(uintptr(ends[1]), "channel")
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return own.(*net.UnixConn), theirs, nil
}

// kill ends the worker and every process that it has started, unless it has been reaped: the
// caller knows.
func (p *process) kill() {
	_ = syscall.Kill(-p.command.Process.Pid, syscall.SIGKILL)
}

// reap waits for the end of the process, after its channel has ended, and says how it was.
func (p *process) reap() string {
	p.kill() // a worker without a channel is of no use, and its children go with it
	err := p.command.Wait()
	p.channel.Close()
	// What has left the group may hold the report's other end.
	_ = p.crash.SetReadDeadline(time.Now().Add(lastReport))
	status, ok := p.command.ProcessState.Sys().(syscall.WaitStatus)
	if !ok {
		return fmt.Sprintf("ended: %v", err)
	}
	if status.Signaled() {
		signal := status.Signal()
		return fmt.Sprintf("killed by signal %d (%s)", signal, signalName(signal))
	}
	return fmt.Sprintf("exited with code %d", status.ExitStatus())
}

func signalName(signal syscall.Signal) string {
	switch signal {
	case syscall.SIGKILL:
		return "SIGKILL"
	case syscall.SIGSEGV:
		return "SIGSEGV"
	case syscall.SIGTERM:
		return "SIGTERM"
	}
	return signal.String()
}

// crashReport reads what the worker's runtime says when it crashes, to its end, and returns the
// first line of it.
func (p *process) crashReport() string {
	defer p.crash.Close()
	first, _ := io.ReadAll(io.LimitReader(p.crash, crashLimit))
	io.Copy(io.Discard, p.crash) // a full pipe would keep the process from ending
	line, _, _ := strings.Cut(string(first), "\n")
	return strings.TrimSpace(line)
}
