package front

import (
	"bufio"
	"time"

	"tidegate.io/go/internal/channel"
)

// grace is how long a stopped call may take to end before its worker is killed.
const grace = 250 * time.Millisecond

// worker is a process that runs the function, as the pool sees it: starting -> ready ->
// retiring, which takes no new calls -> gone. The pool's mutex guards its fields.
type worker struct {
	process  *process
	sender   *channel.Sender
	calls    map[uint32]*call
	started  time.Time
	ready    bool
	retiring bool
	gone     bool
}

func newWorker(started *process) *worker {
	return &worker{
		process: started, sender: started.sender, calls: map[uint32]*call{}, started: time.Now(),
	}
}

// wanted tells whether anyone waits for one of its calls.
func (w *worker) wanted() bool {
	for _, running := range w.calls {
		if !running.settled.Load() {
			return true
		}
	}
	return false
}

// lose tells the callers of a worker that has ended, and returns how many still waited.
func (w *worker) lose() (lost int) {
	for _, running := range w.calls {
		if !running.settled.Load() {
			lost++
		}
		close(running.messages)
	}
	clear(w.calls)
	return lost
}

// kill ends the process, unless it has ended.
func (w *worker) kill() {
	if !w.gone {
		w.process.kill()
	}
}

// send queues a message without a payload.
func (w *worker) send(kind channel.Kind, call uint32) {
	w.sender.Send(func(buffer []byte) []byte {
		return channel.AppendBytes(buffer, kind, call, nil)
	})
}

// listen gives every message to hear, until the channel ends.
func (w *worker) listen(hear func(*worker, channel.Message)) {
	messages := bufio.NewReaderSize(w.process.channel, channel.ChunkSize)
	for {
		message, err := channel.Read(messages, channel.AnswerLimit)
		if err != nil {
			return
		}
		hear(w, message)
	}
}
