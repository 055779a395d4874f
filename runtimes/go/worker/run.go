// Package worker is the part of the server that is built together with a function: it answers the
// calls that the front hands over. Many run side by side, each in a goroutine.
package worker

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"tidegate.io/go/functions"
	"tidegate.io/go/internal/channel"
	"tidegate.io/go/internal/settings"
)

// descriptor is the worker's end of the channel.
const descriptor = 3

// Run answers calls of a function until the front is gone, and does not return. The names are
// those that the function was built for.
func Run[T any](
	module, handler string, function func(functions.Event, functions.Context) (T, error),
) {
	own, sender, err := channelEnd()
	if err != nil {
		fmt.Fprintln(os.Stderr, "this is a function's worker: start the server beside it")
		os.Exit(settings.BadConfiguration)
	}
	found, err := settings.FromEnv(os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, err) // the front has read the same
		os.Exit(settings.BadConfiguration)
	}
	w := &worker{
		settings: found,
		sender:   sender,
		calls:    map[uint32]*call{},
		function: func(event functions.Event, context functions.Context) (any, error) {
			return function(event, context)
		},
	}
	go endWithFront()
	w.serve(own, module+"."+handler)
	endGroup()
}

// endWithFront waits for the system's word that the front is gone (Linux). The channel's end says
// the same, perhaps later.
func endWithFront() {
	gone := make(chan os.Signal, 1)
	signal.Notify(gone, syscall.SIGHUP)
	<-gone
	endGroup()
}

// endGroup ends this process, and those that the function has started: the front has made it the
// head of a group.
func endGroup() {
	_ = syscall.Kill(0, syscall.SIGKILL)
}

func channelEnd() (net.Conn, *channel.Sender, error) {
	syscall.CloseOnExec(descriptor)
	file := os.NewFile(descriptor, "channel")
	defer file.Close()
	own, err := net.FileConn(file)
	if err != nil {
		return nil, nil, err
	}
	unix, ok := own.(*net.UnixConn)
	if !ok {
		return nil, nil, fmt.Errorf("descriptor %d is no channel", descriptor)
	}
	sender, err := channel.NewSender(unix, false)
	return own, sender, err
}

// worker holds the calls that run.
type worker struct {
	settings *settings.Settings
	function func(functions.Event, functions.Context) (any, error)
	sender   *channel.Sender

	mutex sync.Mutex
	calls map[uint32]*call
}

// serve says whether this is the function that is wanted, and answers until the channel closes.
func (w *worker) serve(own net.Conn, builtFor string) {
	if builtFor != w.settings.Function() {
		w.sendText(channel.Failed, 0, fmt.Sprintf(
			"loading %s: this program was built for %s: build it again",
			w.settings.Function(), builtFor))
	} else {
		w.sendText(channel.Ready, 0, "")
	}
	messages := bufio.NewReaderSize(own, channel.ChunkSize)
	limit := w.settings.BodyLimit + channel.WholeLimit
	for {
		message, err := channel.Read(messages, limit)
		if err != nil {
			return
		}
		w.hear(message)
	}
}

func (w *worker) hear(message channel.Message) {
	if message.Kind == channel.Call {
		w.begin(message)
		return
	}
	w.mutex.Lock()
	running := w.calls[message.Call]
	w.mutex.Unlock()
	switch {
	case running == nil: // it has ended meanwhile
	case message.Kind == channel.Cancel:
		running.cancel()
	case message.Kind == channel.More:
		running.allowMore()
	}
}

func (w *worker) begin(message channel.Message) {
	request, err := channel.RequestFrom(message.Payload)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: reading a call: %v\n", w.settings.Title(), err)
		os.Exit(1) // the front says 500, and starts another worker
	}
	begun := newCall(w, message.Call, request.Deadline)
	w.mutex.Lock()
	w.calls[message.Call] = begun
	w.mutex.Unlock()
	go begun.run(request)
}

func (w *worker) forget(call uint32) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	delete(w.calls, call)
}

func (w *worker) sendText(kind channel.Kind, call uint32, text string) {
	w.sender.Send(func(buffer []byte) []byte {
		return channel.AppendBytes(buffer, kind, call, []byte(text))
	})
}
