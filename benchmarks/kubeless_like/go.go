// The design of Kubeless's server for Go: net/http, and a goroutine for each call, which a timeout
// gives up and does not stop. It logs nothing, which is in its favour. Prints its port.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

const timeout = 180 * time.Second

var (
	labels   = []string{"method"}
	seconds  = promauto.NewHistogramVec(prometheus.HistogramOpts{Name: "function_duration_seconds"}, labels)
	calls    = promauto.NewCounterVec(prometheus.CounterOpts{Name: "function_calls_total"}, labels)
	failures = promauto.NewCounterVec(prometheus.CounterOpts{Name: "function_failures_total"}, labels)
)

type event struct {
	Data, EventID, EventType, EventTime, EventNamespace string
}

type outcome struct {
	answer []byte
	err    error
}

type call func(*http.Request) ([]byte, error)

// functions are what may be compiled in.
var functions = map[string]func(event) (string, error){
	"context": func(event) (string, error) {
		text, err := json.Marshal(map[string]string{"function-name": "context", "timeout": "180", "runtime": "go"})
		return string(text), err
	},
	"wait": func(event) (string, error) {
		time.Sleep(50 * time.Millisecond)
		return "awake", nil
	},
}

func compiledIn(name string) call {
	return func(r *http.Request) ([]byte, error) {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		get := r.Header.Get
		answer, err := functions[name](event{
			string(data), get("event-id"), get("event-type"), get("event-time"), get("event-namespace"),
		})
		return []byte(answer), err
	}
}

func handler(one call) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		within, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		done := make(chan outcome, 1)
		go func() {
			calls.WithLabelValues(r.Method).Inc()
			begun := time.Now()
			answer, err := one(r)
			seconds.WithLabelValues(r.Method).Observe(time.Since(begun).Seconds())
			done <- outcome{answer, err}
		}()
		select {
		case came := <-done:
			if came.err == nil {
				w.Write(came.answer)
				return
			}
			failures.WithLabelValues(r.Method).Inc()
			http.Error(w, came.err.Error(), http.StatusInternalServerError)
		case <-within.Done():
			failures.WithLabelValues(r.Method).Inc()
			http.Error(w, "Timeout exceeded", http.StatusRequestTimeout)
		}
	}
}

func listen() net.Listener {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	return listener
}

func main() {
	one := compiledIn(os.Args[1])
	if os.Args[1] == "behind" {
		one = behind(os.Args[2:])
	}
	listener := listen()
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	http.Serve(listener, handler(one))
}
