package wire

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	bufferSize = 4096

	// A refused client may still be sending: closing at once would reset the connection and
	// take the answer along.
	lingering      = 500 * time.Millisecond
	lingeringBytes = 1024 * 1024
)

// RefusedMethod is the method of the request that stands for a refused one, so that net/http
// answers it in its turn. It is longer than a client's method may be.
const RefusedMethod = "REFUSED-BEFORE-NET-HTTP-HAS-SEEN-IT"

const refusedRequest = RefusedMethod + " / HTTP/1.1\r\nHost: refused\r\nConnection: close\r\n\r\n"

// Conn is a client's connection as net/http reads it: byte for byte what the client sent, up to
// the first request that is refused.
type Conn struct {
	net.Conn
	bodyLimit int64
	patience  time.Duration // for a head as a whole, and for a body between two pieces
	onClose   func()

	buffer   []byte // what the client sent and net/http has not read
	passed   int    // how much of the buffer is found good
	searched int    // how much of the buffer has no end of a head
	left     int64  // bytes that the body has besides the buffer's
	chunked  *chunks
	refusal  atomic.Pointer[Refusal]

	deadlines sync.Mutex
	wanted    time.Time // net/http's deadline for reading
	limit     time.Time // ours
}

// Refusal is why the connection's last request was refused.
func (c *Conn) Refusal() *Refusal { return c.refusal.Load() }

// Read gives net/http what has been found good.
func (c *Conn) Read(into []byte) (int, error) {
	for c.passed == 0 {
		if c.left > 0 && len(c.buffer) == 0 {
			return c.readBody(into)
		}
		if err := c.look(); err != nil {
			return 0, err
		}
	}
	taken := copy(into, c.buffer[:c.passed])
	c.passed -= taken
	c.buffer = c.buffer[taken:]
	return taken, nil
}

// look finds more of the buffer good, or reads more.
func (c *Conn) look() error {
	switch {
	case c.Refusal() != nil:
		return io.EOF
	case c.left > 0:
		c.passed = int(min(c.left, int64(len(c.buffer))))
		c.left -= int64(c.passed)
		return nil
	case c.chunked != nil:
		return c.lookAtChunk()
	default:
		return c.lookAtHead()
	}
}

func (c *Conn) lookAtHead() error {
	for c.searched == 0 && bytes.HasPrefix(c.buffer, []byte("\r\n")) {
		c.buffer = c.buffer[2:] // empty lines before a request are allowed
	}
	end := bytes.Index(c.buffer[c.searched:], []byte("\r\n\r\n"))
	if c.searched+max(end, 0) > headLimit || (end < 0 && len(c.buffer) > headLimit) {
		c.refuse(refuse(431, "the request's head is larger than %d bytes", headLimit))
		return nil
	}
	if end < 0 {
		c.searched = max(0, len(c.buffer)-3)
		return c.readHead()
	}
	end += c.searched
	c.searched = 0
	c.begin(c.buffer[:end])
	return nil
}

// begin takes a whole head.
func (c *Conn) begin(raw []byte) {
	length, refusal := bodyLength(raw, c.bodyLimit)
	if refusal != nil {
		c.refuse(refusal)
		return
	}
	c.passed = len(raw) + 4
	if length == chunkedLength {
		c.chunked = &chunks{}
	} else {
		c.left = length
	}
}

func (c *Conn) lookAtChunk() error {
	passed, refusal := c.chunked.next(c.buffer)
	if refusal != nil {
		c.refusal.Store(refusal)
		return refusal
	}
	c.passed = passed
	if c.chunked.expects == bodyEnd {
		c.chunked = nil
	}
	if passed == 0 {
		return c.fill(time.Now().Add(c.patience))
	}
	return nil
}

// refuse puts the request that stands for the refused one in its place.
func (c *Conn) refuse(refusal *Refusal) {
	c.refusal.Store(refusal)
	c.buffer = []byte(refusedRequest)
	c.passed = len(c.buffer)
}

// readHead reads more of a head, which has a time limit once it has begun.
func (c *Conn) readHead() error {
	limit := c.limit
	if len(c.buffer) == 0 {
		limit = time.Time{}
	} else if limit.IsZero() {
		limit = time.Now().Add(c.patience)
	}
	err := c.fill(limit)
	if late := (*Refusal)(nil); errors.As(err, &late) {
		c.refuse(late)
		return nil
	}
	return err
}

func (c *Conn) readBody(into []byte) (int, error) {
	c.limitReads(time.Now().Add(c.patience))
	count, err := c.Conn.Read(into[:min(int64(len(into)), c.left)])
	c.left -= int64(count)
	return count, c.late(err)
}

func (c *Conn) fill(limit time.Time) error {
	c.limitReads(limit)
	if cap(c.buffer)-len(c.buffer) < bufferSize/2 {
		c.buffer = append(make([]byte, 0, max(bufferSize, 2*len(c.buffer))), c.buffer...)
	}
	count, err := c.Conn.Read(c.buffer[len(c.buffer):cap(c.buffer)])
	c.buffer = c.buffer[:len(c.buffer)+count]
	if count > 0 {
		return nil // an error comes again
	}
	return c.late(err)
}

// late turns an error into a refusal when it was our limit that passed, not net/http's.
func (c *Conn) late(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) && !c.limit.IsZero() && !time.Now().Before(c.limit) {
		c.refusal.Store(refuse(408, "the request did not arrive in time"))
		return c.Refusal()
	}
	return err
}

func (c *Conn) limitReads(limit time.Time) {
	c.deadlines.Lock()
	defer c.deadlines.Unlock()
	if !limit.Equal(c.limit) {
		c.limit = limit
		c.Conn.SetReadDeadline(c.earlier())
	}
}

// SetReadDeadline is net/http's, which also ends a read by it from another goroutine.
func (c *Conn) SetReadDeadline(wanted time.Time) error {
	c.deadlines.Lock()
	defer c.deadlines.Unlock()
	c.wanted = wanted
	return c.Conn.SetReadDeadline(c.earlier())
}

func (c *Conn) earlier() time.Time {
	if c.wanted.IsZero() || (!c.limit.IsZero() && c.limit.Before(c.wanted)) {
		return c.limit
	}
	return c.wanted
}

// CloseWrite lets net/http end an answer before it stops reading.
func (c *Conn) CloseWrite() error {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		return tcp.CloseWrite()
	}
	return nil
}

// Close ends the connection; a refused client gets time to read why.
func (c *Conn) Close() error {
	defer c.onClose()
	if c.Refusal() != nil {
		c.CloseWrite()
		c.Conn.SetReadDeadline(time.Now().Add(lingering))
		io.CopyN(io.Discard, c.Conn, lingeringBytes)
	}
	return c.Conn.Close()
}
