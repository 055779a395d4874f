package wire

import (
	"net"
	"sync"
	"time"
)

const (
	// connectionLimit is how many clients are served at once.
	connectionLimit = 1024

	patience = 30 * time.Second
)

// Listener accepts connections whose requests are checked, and tells those beyond the limit to
// come again.
type Listener struct {
	net.Listener
	bodyLimit int64

	mutex sync.Mutex
	open  map[*Conn]struct{}
}

// NewListener checks what comes through inner; bodies may have bodyLimit bytes.
func NewListener(inner net.Listener, bodyLimit int64) *Listener {
	return &Listener{Listener: inner, bodyLimit: bodyLimit, open: map[*Conn]struct{}{}}
}

// Accept waits for a client.
func (l *Listener) Accept() (net.Conn, error) {
	inner, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	conn := &Conn{Conn: inner, bodyLimit: l.bodyLimit, patience: patience}
	conn.onClose = func() { l.forget(conn) }
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.open[conn] = struct{}{}
	if len(l.open) > connectionLimit {
		conn.refuse(refuse(503, "too many connections at once: try again"))
	}
	return conn, nil
}

func (l *Listener) forget(conn *Conn) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	delete(l.open, conn)
}
