package front

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"tidegate.io/go/internal/channel"
)

// writeTimeout is how long a caller may take for a whole answer, or for a chunk of one.
const writeTimeout = 75 * time.Second

const textType = "text/plain; charset=utf-8"

// errGone is a worker that ended before its call.
var errGone = errors.New("the worker is gone")

// answering is a call whose turn has come, and where its answer goes.
type answering struct {
	front  *Front
	call   *call
	writer http.ResponseWriter
	method string

	streaming bool // the head has been sent: nothing but the rest can follow
	bodiless  bool // HTTP sends no body with this method or status
}

// run sends the answer as the worker gives it, until it is whole or its time is over. A broken
// stream ends in a panic, which is net/http's way to close the connection so that the caller can
// tell.
func (a *answering) run() {
	timer := time.NewTimer(time.Until(a.call.deadline))
	defer timer.Stop()
	for {
		select {
		case message, alive := <-a.call.messages:
			if !alive {
				a.lost()
				return
			}
			if a.take(message) {
				return
			}
		case <-timer.C:
			a.expire()
			return
		}
	}
}

// take uses one message and tells whether it was the last.
func (a *answering) take(message channel.Message) bool {
	switch message.Kind {
	case channel.Answer:
		return a.whole(message.Payload)
	case channel.Head:
		return a.head(message.Payload)
	case channel.Chunk:
		return a.chunk(message.Payload)
	case channel.End:
		a.end(channel.EndFailed(message.Payload))
		return true
	}
	return false
}

func (a *answering) whole(payload []byte) bool {
	reply, err := channel.ReplyFrom(payload)
	if err != nil {
		return a.distrust()
	}
	if reply.Failed && a.call.expired() {
		a.expire() // the function has noticed its deadline before us
		return true
	}
	a.settle(true, reply.Failed)
	a.writeHead(reply)
	if !a.bodiless {
		a.limitWrites(len(reply.Body))
		_, _ = io.WriteString(a.writer, reply.Body) // a caller that has left misses it
	}
	return true
}

func (a *answering) head(payload []byte) bool {
	reply, err := channel.ReplyFrom(payload)
	if err != nil {
		return a.distrust()
	}
	a.streaming = true
	a.writeHead(reply)
	_ = http.NewResponseController(a.writer).Flush() // or net/http counts a short stream's length
	return false
}

// distrust ends a worker that writes what is no message of ours.
func (a *answering) distrust() bool {
	a.front.pool.kill(a.call.worker)
	a.lost()
	return true
}

func (a *answering) writeHead(reply *channel.Reply) {
	header := a.writer.Header()
	for name, values := range reply.Header {
		header[name] = values
	}
	a.bodiless = a.method == http.MethodHead ||
		reply.Status == http.StatusNoContent || reply.Status == http.StatusNotModified
	if reply.Length >= 0 && (a.method == http.MethodHead || !a.bodiless) {
		header.Set("Content-Length", strconv.FormatInt(reply.Length, 10))
	}
	if reply.Length == 0 && reply.Header.Get("Content-Type") == "" {
		header["Content-Type"] = nil // nor does net/http guess one
	}
	a.writer.WriteHeader(reply.Status)
}

// chunk passes a part on, and tells whether the caller has left.
func (a *answering) chunk(part []byte) bool {
	if !a.bodiless {
		a.limitWrites(len(part))
		if err := a.write(part); err != nil {
			a.leave(err)
			return true
		}
	}
	a.call.worker.send(channel.More, a.call.id)
	return false
}

func (a *answering) write(part []byte) error {
	if _, err := a.writer.Write(part); err != nil {
		return err
	}
	return http.NewResponseController(a.writer).Flush()
}

// limitWrites bounds how long a caller may take for what is written next.
func (a *answering) limitWrites(size int) {
	if size <= 4096 && !a.streaming {
		return // it fits into any socket
	}
	limit := time.Now().Add(writeTimeout)
	if a.streaming && a.call.deadline.Before(limit) {
		limit = a.call.deadline
	}
	_ = http.NewResponseController(a.writer).SetWriteDeadline(limit)
}

// leave stops a stream that nobody reads any more.
func (a *answering) leave(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) && a.call.expired() {
		a.expire()
		return
	}
	a.settle(false, false)
	a.breakOff()
}

// breakOff closes the connection after what was written, without the stream's last chunk.
func (a *answering) breakOff() {
	_ = http.NewResponseController(a.writer).Flush()
	panic(http.ErrAbortHandler)
}

func (a *answering) end(failed bool) {
	if failed && a.call.expired() {
		a.expire()
		return
	}
	a.settle(true, failed)
	if failed {
		a.breakOff()
	}
	_ = http.NewResponseController(a.writer).SetWriteDeadline(time.Time{})
}

// expire tells a caller that the call's time is over, and stops the function.
func (a *answering) expire() {
	a.front.log.Printf("%s: %s %s: stopped after %.3f s: its time is over",
		a.front.settings.Title(), a.call.method, a.call.path, time.Since(a.call.received).Seconds())
	a.settle(false, true)
	if a.streaming {
		a.breakOff()
	}
	a.front.say(a.writer, http.StatusRequestTimeout, "the function took longer than its timeout")
}

// lost tells a caller that the function's process has ended.
func (a *answering) lost() {
	a.settle(true, true)
	if a.streaming {
		a.breakOff()
	}
	a.front.say(a.writer, http.StatusInternalServerError,
		"the function's process ended during the call")
}

// settle counts the call, before its caller can ask how many there were.
func (a *answering) settle(ended, failed bool) {
	a.front.pool.Settle(a.call, ended)
	a.front.metrics.Observe(a.call.method, time.Since(a.call.received), failed)
}
