package front

import (
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"
)

const metricsType = "text/plain; version=0.0.4; charset=utf-8"

var bounds = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// boundTexts are the bounds as every language writes them.
var boundTexts = []string{
	"0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "+Inf",
}

var knownMethods = map[string]bool{
	"GET": true, "HEAD": true, "POST": true, "PUT": true, "PATCH": true, "DELETE": true,
	"OPTIONS": true, "TRACE": true, "CONNECT": true,
}

// Metrics are Kubeless's three: calls, failures and durations by method.
type Metrics struct {
	mutex   sync.Mutex
	methods map[string]*methodMetrics
}

type methodMetrics struct {
	buckets  []int // by bound, and one beyond the last
	seconds  float64
	failures int
}

// NewMetrics returns metrics without samples.
func NewMetrics() *Metrics { return &Metrics{methods: map[string]*methodMetrics{}} }

// Observe counts a call that has ended; unknown methods count as other.
func (m *Metrics) Observe(method string, duration time.Duration, failed bool) {
	if !knownMethods[method] {
		method = "other"
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	row := m.methods[method]
	if row == nil {
		row = &methodMetrics{buckets: make([]int, len(bounds)+1)}
		m.methods[method] = row
	}
	seconds := duration.Seconds()
	row.buckets[sort.SearchFloat64s(bounds, seconds)]++
	row.seconds += seconds
	if failed {
		row.failures++
	}
}

// Text is all samples in Prometheus's format.
func (m *Metrics) Text() string {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	var durations, calls, failures strings.Builder
	describe(&durations, "function_duration_seconds", "histogram", "Duration of calls in seconds")
	describe(&calls, "function_calls_total", "counter", "Calls that have ended")
	describe(&failures, "function_failures_total", "counter", "Calls that failed")
	for method, row := range m.methods {
		total := row.histogram(&durations, method)
		fmt.Fprintf(&calls, "function_calls_total{method=%q} %d\n", method, total)
		fmt.Fprintf(&failures, "function_failures_total{method=%q} %d\n", method, row.failures)
	}
	return durations.String() + calls.String() + failures.String()
}

func describe(to *strings.Builder, name, kind, text string) {
	fmt.Fprintf(to, "# HELP %s %s\n# TYPE %s %s\n", name, text, name, kind)
}

// histogram writes the durations of one method and returns their number.
func (row *methodMetrics) histogram(to *strings.Builder, method string) int {
	const name = "function_duration_seconds"
	total := 0
	for place, count := range row.buckets {
		total += count
		fmt.Fprintf(to, "%s_bucket{method=%q,le=%q} %d\n", name, method, boundTexts[place], total)
	}
	fmt.Fprintf(to, "%s_sum{method=%q} %v\n", name, method, row.seconds)
	fmt.Fprintf(to, "%s_count{method=%q} %d\n", name, method, total)
	return total
}
