package front

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

const (
	lineLimit  = 4000
	linesQueue = 1000
	lastLines  = time.Second
)

// Lines writes lines to a file that functions share and may fill. A line that finds too many
// waiting is dropped and counted: answering calls goes before telling.
type Lines struct {
	queue   chan string
	closing chan struct{}
	done    chan struct{}
	dropped atomic.Int64
}

// NewLines returns a writer of lines that goes on until Close.
func NewLines(to io.Writer) *Lines {
	lines := &Lines{
		queue:   make(chan string, linesQueue),
		closing: make(chan struct{}),
		done:    make(chan struct{}),
	}
	go lines.write(to)
	return lines
}

// Printf writes one line, without its end.
func (l *Lines) Printf(format string, arguments ...any) {
	line := fmt.Sprintf(format, arguments...)
	select {
	case l.queue <- line[:min(len(line), lineLimit)]:
	default:
		l.dropped.Add(1)
	}
}

// Close writes what waits, for a bounded time.
func (l *Lines) Close() {
	close(l.closing)
	select {
	case <-l.done:
	case <-time.After(lastLines):
	}
}

func (l *Lines) write(to io.Writer) {
	defer close(l.done)
	for {
		select {
		case line := <-l.queue:
			l.writeLine(to, line)
		case <-l.closing:
			for len(l.queue) > 0 {
				l.writeLine(to, <-l.queue)
			}
			return
		}
	}
}

func (l *Lines) writeLine(to io.Writer, line string) {
	if dropped := l.dropped.Swap(0); dropped > 0 {
		line = fmt.Sprintf("(%d lines dropped: the log was not read) %s", dropped, line)
	}
	io.WriteString(to, line+"\n") // there is nobody to tell of an error
}
