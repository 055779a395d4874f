package channel

import (
	"io"
	"sync"
)

// spareLimit is how large a buffer is kept for the next messages.
const spareLimit = 256 * 1024

// Sender writes messages of many goroutines, as many at once as have come meanwhile. Nobody who
// sends waits for the other end: what is queued is bounded by the calls in flight.
type Sender struct {
	mutex   sync.Mutex
	queued  []byte
	spare   []byte
	wake    chan struct{}
	stopped bool
}

// NewSender returns a sender whose Run writes.
func NewSender() *Sender {
	return &Sender{wake: make(chan struct{}, 1)}
}

// Send queues what add appends to a buffer: whole messages.
func (s *Sender) Send(add func(buffer []byte) []byte) {
	s.mutex.Lock()
	if !s.stopped {
		s.queued = add(s.queued)
	}
	s.mutex.Unlock()
	select {
	case s.wake <- struct{}{}:
	default: // it is awake
	}
}

// Stop ends Run when all is written.
func (s *Sender) Stop() {
	s.mutex.Lock()
	s.stopped = true
	s.mutex.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run writes until Stop, or until the other end is gone.
func (s *Sender) Run(to io.Writer) {
	for range s.wake {
		for {
			batch, stopped := s.take()
			if len(batch) == 0 {
				if stopped {
					return
				}
				break
			}
			if _, err := to.Write(batch); err != nil {
				s.Stop()
				return
			}
			s.giveBack(batch)
		}
	}
}

func (s *Sender) take() ([]byte, bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	batch := s.queued
	s.queued, s.spare = s.spare, nil
	return batch, s.stopped
}

func (s *Sender) giveBack(batch []byte) {
	if cap(batch) > spareLimit {
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.spare = batch[:0]
}
