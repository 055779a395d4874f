package channel

import (
	"net"
	"runtime"
	"sync"
	"syscall"
)

// spareLimit is how large a buffer is kept for the next messages.
const spareLimit = 256 * 1024

// Sender writes messages of many goroutines. Who sends first writes what others add meanwhile, as
// far as the socket takes it at once; the rest is written in the background, since nobody who
// sends must wait for the other end. What is queued is bounded by the calls in flight.
type Sender struct {
	conn   *net.UnixConn
	raw    syscall.RawConn
	gather bool

	mutex  sync.Mutex
	queued []byte
	spare  []byte
	busy   bool // somebody writes
	broken bool
}

// NewSender returns a sender for one end of a channel. With gather it lets other goroutines run
// first, which may have messages too: fewer writes, and one wake of the other end for many. Where
// others may compute for long, that would make answers wait.
func NewSender(conn *net.UnixConn, gather bool) (*Sender, error) {
	raw, err := conn.SyscallConn()
	return &Sender{conn: conn, raw: raw, gather: gather}, err
}

// Send sends what add appends to a buffer: whole messages. An error is left to who reads the
// channel: its other end is gone.
func (s *Sender) Send(add func(buffer []byte) []byte) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.broken {
		return
	}
	s.queued = add(s.queued)
	if s.busy {
		return
	}
	s.busy = true
	if s.gather {
		s.yield()
	}
	for len(s.queued) > 0 {
		batch := s.take()
		if sent := s.attempt(batch); sent < len(batch) {
			go s.writeOn(batch[sent:])
			return
		}
		s.giveBack(batch)
	}
	s.busy = false
}

func (s *Sender) yield() {
	s.mutex.Unlock()
	defer s.mutex.Lock()
	runtime.Gosched()
}

// take and giveBack change buffers, so that one fills while the other is written.
func (s *Sender) take() []byte {
	batch := s.queued
	s.queued, s.spare = s.spare, nil
	return batch
}

func (s *Sender) giveBack(batch []byte) {
	if cap(batch) <= spareLimit {
		s.spare = batch[:0]
	}
}

// attempt writes without waiting, and without the mutex, and returns how much was taken.
func (s *Sender) attempt(batch []byte) (sent int) {
	s.mutex.Unlock()
	defer s.mutex.Lock()
	_ = s.raw.Write(func(descriptor uintptr) bool {
		sent, _ = syscall.Write(int(descriptor), batch)
		return true
	})
	return max(sent, 0)
}

// writeOn writes what the socket did not take at once, and what has come since.
func (s *Sender) writeOn(batch []byte) {
	for len(batch) > 0 {
		_, err := s.conn.Write(batch)
		s.mutex.Lock()
		s.broken = s.broken || err != nil
		batch = s.take()
		if s.broken || len(batch) == 0 {
			s.queued, s.busy = nil, false
			batch = nil
		}
		s.mutex.Unlock()
	}
}

// Stop sends nothing more.
func (s *Sender) Stop() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.broken = true
}
