package front

import (
	"io"
	"strings"
	"testing"
	"time"

	"tidegate.io/go/internal/settings"
)

// stuckFile takes nothing before it is told.
type stuckFile struct {
	open    chan struct{}
	written strings.Builder
}

func (f *stuckFile) Write(text []byte) (int, error) {
	<-f.open
	return f.written.Write(text)
}

func TestALogThatNobodyReadsDropsLinesAndCountsThem(t *testing.T) {
	file := &stuckFile{open: make(chan struct{})}
	lines := NewLines(file)
	for range linesQueue + 10 {
		lines.Printf("line") // must not wait
	}
	close(file.open)
	lines.Printf("last")
	<-waitFor(func() { lines.Close() })
	text := file.written.String()
	if !strings.Contains(text, "lines dropped: the log was not read) line\n") ||
		strings.Count(text, "\n") < linesQueue {
		t.Errorf("%d lines, of which the first are %.200q", strings.Count(text, "\n"), text)
	}
}

func waitFor(work func()) <-chan struct{} {
	done := make(chan struct{})
	go func() { work(); close(done) }()
	return done
}

func TestALogIsClosedThoughItsFileIsStuck(t *testing.T) {
	lines := NewLines(&stuckFile{open: make(chan struct{})})
	lines.Printf("line")
	select {
	case <-waitFor(lines.Close):
	case <-time.After(30 * time.Second):
		t.Error("it waits for the file")
	}
}

func TestALongLineIsCut(t *testing.T) {
	var written strings.Builder
	lines := NewLines(io.Writer(&written))
	lines.Printf("%s", strings.Repeat("x", 2*lineLimit))
	lines.Close()
	if written.Len() != lineLimit+1 {
		t.Errorf("%d bytes", written.Len())
	}
}

func TestADurationFallsIntoTheBucketsFromItsBoundOn(t *testing.T) {
	metrics := NewMetrics()
	metrics.Observe("BREW", 100*time.Millisecond, true)
	metrics.Observe("BREW", time.Minute, false)
	text := metrics.Text()
	for _, line := range []string{
		`function_duration_seconds_bucket{method="other",le="0.05"} 0`,
		`function_duration_seconds_bucket{method="other",le="0.1"} 1`,
		`function_duration_seconds_bucket{method="other",le="10.0"} 1`,
		`function_duration_seconds_bucket{method="other",le="+Inf"} 2`,
		`function_duration_seconds_sum{method="other"} 60.1`,
		`function_calls_total{method="other"} 2`,
		`function_failures_total{method="other"} 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("%s is not in\n%s", line, text)
		}
	}
}

func TestWorkersThatEndOverAndOverAreStartedLessAndLess(t *testing.T) {
	pool := NewPool(&settings.Settings{}, nil, nil)
	total := time.Duration(0)
	for range 10 {
		total += pool.pause()
	}
	if first := pool.pause(); total < 20*time.Second || first != lastRespawn {
		t.Errorf("%v, then %v", total, first)
	}
}

func TestQuotesInAnAccessLineAreEscaped(t *testing.T) {
	if got := quoted(`a"b\c`); got != `"a\"b\\c"` {
		t.Error(got)
	}
}
