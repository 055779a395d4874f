package worker

import (
	"context"
	"errors"
	"net/http"
	"os"
	"time"

	"tidegate.io/go/functions"
	"tidegate.io/go/internal/channel"
)

const failureSentence = "the function failed; its log says why\n"

// call is one call that runs.
type call struct {
	worker *worker
	id     uint32
	ctx    context.Context
	cancel context.CancelFunc
	more   chan struct{} // the front's permission for further chunks
	credit int
	event  string // the event's id, for the log
	begun  bool   // the head of a stream has been sent
}

func newCall(w *worker, id uint32, deadline time.Time) *call {
	c := &call{worker: w, id: id, credit: channel.Window, event: "without an id"}
	c.more = make(chan struct{}, channel.Window)
	c.ctx, c.cancel = context.WithDeadline(context.Background(), deadline)
	return c
}

// run answers the call, come what may.
func (c *call) run(request *channel.Request) {
	answered := false
	defer func() {
		if !answered { // a panic, or the goroutine's own end
			c.fail(crashFrom(recover()))
		}
		c.cancel()
	}()
	if failed := c.answer(request); failed != nil {
		c.fail(failed)
	}
	answered = true
}

// answer runs the function and sends what it returns, or tells why there is nothing to send.
func (c *call) answer(request *channel.Request) *failure {
	event, err := eventFrom(c.ctx, request)
	if bad := (errBadData{}); errors.As(err, &bad) {
		c.say(http.StatusBadRequest, bad.Error()+"\n", false)
		return nil
	} else if err != nil {
		return failureFrom(err)
	}
	if event.EventID != "" {
		c.event = event.EventID
	}
	response := newResponse(c)
	event.Extensions.Response = response
	value, err := c.worker.function(event, c.contextOf(request))
	if err != nil {
		if value = answerIn(err); value == nil {
			return failureFrom(err)
		}
	}
	if err := response.finish(value); err != nil {
		return failureFrom(err)
	}
	return nil
}

// answerIn is the Response that an error is or wraps; nil when there is none.
func answerIn(err error) any {
	if value := (functions.Response{}); errors.As(err, &value) {
		return value
	}
	if pointer := (*functions.Response)(nil); errors.As(err, &pointer) {
		return pointer
	}
	return nil
}

// fail tells the log why, and the front that the call has failed. A call that was stopped is no
// news: the front has said so.
func (c *call) fail(failed *failure) {
	if c.ctx.Err() == nil || failed.trace != "" {
		os.Stderr.WriteString(failed.lines(c.worker.settings.Title(), c.event))
	}
	if c.begun {
		c.end(true)
		return
	}
	c.say(http.StatusInternalServerError, failureSentence, true)
}

// say sends an answer of the server's own.
func (c *call) say(status int, sentence string, failed bool) {
	header := http.Header{"Content-Type": {textType}}
	c.send(channel.Answer, &channel.Reply{
		Status: status, Failed: failed, Length: int64(len(sentence)), Header: header, Body: sentence,
	})
}

// send sends the call's head or whole answer.
func (c *call) send(kind channel.Kind, reply *channel.Reply) {
	if kind == channel.Answer {
		c.worker.forget(c.id)
	}
	c.begun = true
	c.worker.sender.Send(func(buffer []byte) []byte {
		return channel.AppendReply(buffer, kind, c.id, reply)
	})
}

// end sends a stream's last message.
func (c *call) end(failed bool) {
	c.worker.forget(c.id)
	c.worker.sender.Send(func(buffer []byte) []byte {
		return channel.AppendEnd(buffer, c.id, failed)
	})
}

// allowMore takes the front's permission for one more chunk.
func (c *call) allowMore() {
	select {
	case c.more <- struct{}{}:
	default: // more than a window: none of ours
	}
}

// chunk sends a part of a stream once the front may take one more.
func (c *call) chunk(part []byte) error {
	if c.credit == 0 {
		select {
		case <-c.more:
			c.credit++
		case <-c.ctx.Done():
			return c.ctx.Err()
		}
	}
	c.credit--
	c.worker.sender.Send(func(buffer []byte) []byte {
		return channel.AppendBytes(buffer, channel.Chunk, c.id, part)
	})
	return nil
}
