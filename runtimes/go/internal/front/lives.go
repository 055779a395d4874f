package front

import (
	"context"
	"fmt"
	"time"
)

// Start begins a worker that is to take new calls.
func (p *Pool) Start() error {
	started, err := p.start()
	if err != nil {
		return err
	}
	w := newWorker(started)
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.workers[w] = struct{}{}
	p.current = w
	if p.closing {
		w.kill()
	}
	crashes := make(chan string, 1)
	go func() { crashes <- started.crashReport() }()
	go func() {
		w.listen(p.hear)
		p.leave(w)
		p.bury(w, started.reap(), <-crashes)
	}()
	return nil
}

func (p *Pool) welcome(w *worker) {
	p.mutex.Lock()
	w.ready = true
	first := !p.loaded
	p.loaded = true
	p.admit()
	p.mutex.Unlock()
	if first {
		p.Loaded()
	}
}

func (p *Pool) refuse(sentence string) {
	if p.Ready() {
		p.log.Printf("%s: a further worker: %s", p.settings.Title(), sentence)
		return
	}
	p.Refused(sentence)
}

// giveUpOn retires the worker of a call that has outlived its cancellation.
func (p *Pool) giveUpOn(call *call) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	w := call.worker
	if _, running := w.calls[call.id]; !running || w.gone {
		return
	}
	if !w.retiring {
		w.retiring = true
		time.AfterFunc(p.settings.ShutdownTimeout, func() { p.kill(w) })
		p.replace(w)
	}
	if !w.wanted() {
		w.kill()
	}
}

// kill ends a worker now.
func (p *Pool) kill(w *worker) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	w.kill()
}

// replace starts the next worker: at once, or after a pause where one has just begun and ended.
func (p *Pool) replace(w *worker) {
	if p.closing || p.current != w {
		return
	}
	p.current = nil
	pause := time.Duration(0)
	if time.Since(w.started) > longLife {
		p.respawn = firstRespawn
	} else if !w.retiring {
		pause = p.pause()
	}
	time.AfterFunc(pause, p.startAnother)
}

func (p *Pool) startAnother() {
	if err := p.Start(); err != nil {
		p.log.Printf("%s: starting a worker: %v", p.settings.Title(), err)
		p.mutex.Lock()
		defer p.mutex.Unlock()
		time.AfterFunc(p.pause(), p.startAnother)
	}
}

// pause is how long to wait before the next start, longer every time.
func (p *Pool) pause() time.Duration {
	pause := p.respawn
	p.respawn = min(2*p.respawn, lastRespawn)
	return pause
}

// leave keeps everybody from killing a process whose number may soon be another's.
func (p *Pool) leave(w *worker) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	w.gone = true
	w.sender.Stop()
}

// bury settles what a worker that has ended ran, and replaces it.
func (p *Pool) bury(w *worker, ending, report string) {
	p.mutex.Lock()
	delete(p.workers, w)
	lost := w.lose()
	expected := w.retiring || p.closing
	failedToLoad := !p.loaded && !p.closing
	if !failedToLoad {
		p.replace(w)
	}
	p.tellEmpty()
	p.mutex.Unlock()
	if failedToLoad {
		p.Refused(p.loadFailure(ending, report))
	} else if lost > 0 || !expected {
		p.log.Printf("%s: worker %d %s with %d calls in flight",
			p.settings.Title(), w.process.command.Process.Pid, ending, lost)
	}
}

func (p *Pool) loadFailure(ending, report string) string {
	if report == "" {
		report = "its process " + ending
	}
	return fmt.Sprintf("loading %s: %s/%s.go failed at import: %s",
		p.settings.Function(), p.settings.Folder, p.settings.Module, report)
}

// Close ends every worker and waits for that until the context ends.
func (p *Pool) Close(ctx context.Context) {
	p.mutex.Lock()
	p.closing = true
	for w := range p.workers {
		w.kill()
	}
	p.tellEmpty()
	p.mutex.Unlock()
	select {
	case <-p.empty:
	case <-ctx.Done():
	}
}

func (p *Pool) tellEmpty() {
	if p.closing && len(p.workers) == 0 {
		p.emptied.Do(func() { close(p.empty) })
	}
}
