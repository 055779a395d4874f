package front

import (
	"sync/atomic"
	"time"

	"tidegate.io/go/internal/channel"
)

// call is one request for the function on its way through the front.
type call struct {
	id       uint32
	method   string
	path     string // without the query, for the log
	received time.Time
	deadline time.Time

	// messages are those of the worker, whose end closes it. It has room for all that a worker
	// may send before it is asked for more.
	messages chan channel.Message

	worker  *worker     // who runs it; set once, when its turn has come
	settled atomic.Bool // its caller has an answer, or is gone
}

// queued is room for a head, a window of chunks and the end.
const queued = channel.Window + 2

func newCall(id uint32, method, path string, allowed time.Duration) *call {
	now := time.Now()
	return &call{
		id: id, method: method, path: path, received: now, deadline: now.Add(allowed),
		messages: make(chan channel.Message, queued),
	}
}

// expired tells whether the call's time is over.
func (c *call) expired() bool { return !time.Now().Before(c.deadline) }
