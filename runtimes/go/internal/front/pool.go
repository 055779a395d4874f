package front

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"tidegate.io/go/internal/channel"
	"tidegate.io/go/internal/settings"
)

const (
	firstRespawn = 100 * time.Millisecond
	lastRespawn  = 10 * time.Second

	// longLife is what a worker lives that does not end over and over.
	longLife = time.Second
)

// Why a call is not taken; the texts are for callers, who may try again.
var (
	errNotLoaded = errors.New("the function is not loaded yet")
	errTooLate   = errors.New("the call's deadline had passed when it came")
	errFull      = errors.New("the function is busy and its queue is full")
	errBusy      = errors.New("the function was busy until the call's deadline")
)

// Pool runs calls in one worker, and in a new one when that has ended or retires.
//
// A call is waiting -> running -> settled (its caller has an answer) -> ended (its worker said
// so, or is gone). When its time is over it is settled with 408 and cancelled; if it has not
// ended after a grace, its worker retires and is killed as soon as nobody waits for its other
// calls. Go has no means to stop a goroutine, so that is how the work really stops.
type Pool struct {
	settings *settings.Settings
	log      *Lines
	start    func() (*process, error)

	// Loaded is called once, when the function is ready; Refused once instead, when it cannot be.
	Loaded  func()
	Refused func(sentence string)

	mutex   sync.Mutex
	workers map[*worker]struct{}
	current *worker // takes new calls when it is ready
	waiting []*turn
	loaded  bool
	closing bool
	respawn time.Duration
	empty   chan struct{} // closed when the pool is closing and the last worker has gone
	emptied sync.Once
}

// turn is a call that waits for its turn.
type turn struct {
	call *call
	come chan struct{}
}

// NewPool returns a pool without a worker: Start gives it the first.
func NewPool(found *settings.Settings, log *Lines, start func() (*process, error)) *Pool {
	return &Pool{
		settings: found, log: log, start: start, respawn: firstRespawn,
		workers: map[*worker]struct{}{}, empty: make(chan struct{}),
	}
}

// Ready tells whether a call would be run now or soon.
func (p *Pool) Ready() bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.loaded && !p.closing
}

// Enter waits for the call's turn: nil, one of the errors above, or the caller's leaving.
func (p *Pool) Enter(ctx context.Context, call *call) error {
	waiting, err := p.enter(call)
	if waiting == nil || err != nil {
		return err
	}
	timer := time.NewTimer(time.Until(call.deadline))
	defer timer.Stop()
	select {
	case <-waiting.come:
		return nil
	case <-timer.C:
		err = errBusy
	case <-ctx.Done():
		err = ctx.Err()
	}
	return p.giveUp(waiting, err)
}

// enter begins the call, or gives it a turn to wait for.
func (p *Pool) enter(call *call) (*turn, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	switch {
	case !p.loaded || p.closing:
		return nil, errNotLoaded
	case call.expired():
		return nil, errTooLate
	case len(p.waiting) == 0 && p.free():
		p.begin(call)
		return nil, nil
	case len(p.waiting) >= p.settings.Queue:
		return nil, errFull
	}
	waiting := &turn{call, make(chan struct{})}
	p.waiting = append(p.waiting, waiting)
	return waiting, nil
}

// giveUp leaves the queue, unless the turn has come just now.
func (p *Pool) giveUp(waiting *turn, err error) error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	place := slices.Index(p.waiting, waiting)
	if place < 0 {
		return nil
	}
	p.waiting = slices.Delete(p.waiting, place, place+1)
	return err
}

func (p *Pool) free() bool {
	return p.current != nil && p.current.ready && len(p.current.calls) < p.settings.Concurrency
}

func (p *Pool) begin(call *call) {
	call.worker = p.current
	p.current.calls[call.id] = call
}

// admit begins waiting calls while there is room.
func (p *Pool) admit() {
	for len(p.waiting) > 0 && p.free() {
		first := p.waiting[0]
		p.waiting = slices.Delete(p.waiting, 0, 1)
		p.begin(first.call)
		close(first.come)
	}
}

// hear takes what a worker says.
func (p *Pool) hear(w *worker, message channel.Message) {
	switch message.Kind {
	case channel.Ready:
		p.welcome(w)
	case channel.Failed:
		p.refuse(string(message.Payload))
	default:
		p.deliver(w, message)
	}
}

// deliver gives a message to the call's own goroutine, if that still waits for it.
func (p *Pool) deliver(w *worker, message channel.Message) {
	p.mutex.Lock()
	call := w.calls[message.Call]
	if message.Kind == channel.Answer || message.Kind == channel.End {
		delete(w.calls, message.Call)
		p.relieve(w)
	}
	p.mutex.Unlock()
	if call == nil || call.settled.Load() {
		return
	}
	select {
	case call.messages <- message:
	default:
		w.kill() // it sends more than it may: it is no worker of ours
	}
}

// relieve uses the room that an ended call has left.
func (p *Pool) relieve(w *worker) {
	if w.retiring && !w.wanted() {
		w.kill()
		return
	}
	p.admit()
}

// Settle is called when the call's caller has an answer, or is gone. A call that has not ended by
// itself is cancelled, and its worker is given up when that does not help.
func (p *Pool) Settle(call *call, ended bool) {
	call.settled.Store(true)
	if !ended {
		call.worker.send(channel.Cancel, call.id)
		time.AfterFunc(grace, func() { p.giveUpOn(call) })
	}
}

// Unfinished is how many calls have no answer yet.
func (p *Pool) Unfinished() int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	count := len(p.waiting)
	for w := range p.workers {
		for _, call := range w.calls {
			if !call.settled.Load() {
				count++
			}
		}
	}
	return count
}
