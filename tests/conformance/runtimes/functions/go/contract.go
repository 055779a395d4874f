// Package kubeless has the functions that every language's contract suite runs, in Go: what users
// write, good and bad on purpose.
package kubeless

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/kubeless/kubeless/pkg/functions"
	rich "tidegate.io/go/functions"
)

type object = map[string]any

// Echo answers what the function was given, as JSON.
func Echo(event functions.Event, context functions.Context) (any, error) {
	request := event.Extensions.Request
	data, err := given(event)
	if err != nil {
		return nil, err
	}
	query := object{}
	for name, values := range request.URL.Query() {
		query[name] = values[len(values)-1]
	}
	return object{
		"data":            data,
		"event-id":        orNull(event.EventID),
		"event-type":      orNull(event.EventType),
		"event-time":      orNull(event.EventTime),
		"event-namespace": orNull(event.EventNamespace),
		"cloudevent":      event.CloudEvent,
		"request": object{
			"method":       request.Method,
			"path":         request.URL.Path,
			"query_string": request.URL.RawQuery,
			"query":        query,
		},
	}, nil
}

func given(event functions.Event) (object, error) {
	if event.IsJSON() {
		var value any
		err := event.Decode(&value)
		return object{"json": value}, err
	}
	latin := []rune{}
	for _, b := range []byte(event.Data) {
		latin = append(latin, rune(b))
	}
	return object{"bytes": string(latin)}, nil
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// Context answers what the function was told about itself.
func Context(event functions.Event, context functions.Context) (any, error) {
	timeout, err := strconv.ParseFloat(context.Timeout, 64)
	return object{
		"function-name": context.FunctionName,
		"timeout":       timeout,
		"runtime":       context.Runtime,
		"memory-limit":  context.MemoryLimit,
		"name":          context.Name,
		"namespace":     context.Namespace,
		"deadline":      float64(context.Deadline.UnixMicro()) / 1e6,
	}, err
}

var teapot = rich.Response{
	Status: http.StatusTeapot, Header: http.Header{"X-Kind": {"teapot"}}, Body: "short and stout",
}

func parts() io.Reader {
	return io.MultiReader(strings.NewReader("one "), strings.NewReader("two"))
}

func shaped(event functions.Event) any {
	response := event.Extensions.Response
	response.Header().Set("X-Shaped", "yes")
	response.Header().Set("Content-Type", "text/csv")
	response.WriteHeader(http.StatusCreated)
	return "a,b"
}

// Reply answers in the way that the path names.
func Reply(event functions.Event, context functions.Context) (any, error) {
	switch event.Extensions.Request.URL.Path {
	case "/text":
		return "grüße", nil
	case "/bytes":
		return []byte{0, 0xff}, nil
	case "/object":
		return object{"a": []any{1, nil, true}}, nil
	case "/list":
		return []any{"a", 1}, nil
	case "/number":
		return 42, nil
	case "/false":
		return false, nil
	case "/nothing":
		return nil, nil
	case "/status":
		return rich.Response{Status: 201, Body: "made"}, nil
	case "/status-headers":
		header := http.Header{"Location": {"/elsewhere"}}
		return rich.Response{Status: 302, Header: header, Body: []byte{}}, nil
	case "/response":
		return &teapot, nil
	case "/raised":
		return nil, fmt.Errorf("deep inside: %w", teapot)
	case "/shaped":
		return shaped(event), nil
	case "/parts":
		return parts(), nil
	case "/no-content":
		return rich.Response{Status: 204}, nil
	case "/unwritable":
		return make(chan int), nil
	case "/bad-header":
		return rich.Response{Header: http.Header{"X-Bad": {"a\r\nSet-Cookie: b"}}, Body: ""}, nil
	case "/bad-status":
		return rich.Response{Status: 99, Body: ""}, nil
	case "/large":
		return []byte(strings.Repeat("x", 3_000_000)), nil
	}
	return nil, errors.New("no such answer")
}

// ACTS is no function.
const ACTS = "count fail spin …"

// Act does what the query says, as good and bad functions do.
func Act(event functions.Event, context functions.Context) (any, error) {
	query := event.Extensions.Request.URL.Query()
	switch query.Get("do") {
	case "count":
		return object{"count": counter.Add(1), "pid": os.Getpid()}, nil
	case "fail":
		panic(errors.New("the reason"))
	case "spin":
		for {
		}
	case "sleep":
		time.Sleep(seconds(query))
	case "block":
		for { // in a system call, without Go's knowing what for
			_, _ = syscall.Select(0, nil, nil, nil, nil)
		}
	case "swallow":
		for {
			<-event.Extensions.Context.Done()
			time.Sleep(time.Hour)
		}
	case "exit", "die":
		os.Exit(7)
	case "crash":
		_ = syscall.Kill(os.Getpid(), syscall.SIGSEGV)
		select {}
	case "leak":
		for {
			kept = append(kept, []byte(strings.Repeat("x", 1_000_000)))
		}
	case "litter":
		return litter()
	case "chatter":
		line := strings.Repeat("x", 1000)
		for range 20_000 {
			fmt.Println(line)
		}
		return "said", nil
	case "meet":
		return meet(query)
	case "endless":
		return endless{}, nil
	case "broken":
		return io.MultiReader(strings.NewReader("one"), failing{}), nil
	case "stuck":
		return io.MultiReader(strings.NewReader("one"), stuck{}), nil
	case "nap":
		return nap(event, query)
	}
	return nil, nil
}

var counter atomic.Int64

var kept [][]byte

// litter starts programs that go on, and leaves them alone.
func litter() (any, error) {
	pids := []int{}
	for range 3 {
		program := exec.Command("sleep", "1000")
		if err := program.Start(); err != nil {
			return nil, err
		}
		pids = append(pids, program.Process.Pid)
	}
	return pids, nil
}

func seconds(query url.Values) time.Duration {
	value, err := strconv.ParseFloat(query.Get("seconds"), 64)
	if err != nil {
		value = 1e6
	}
	return time.Duration(value * float64(time.Second))
}

// meet waits until the other party has come, too: only calls that run side by side meet.
func meet(query url.Values) (any, error) {
	folder := query.Get("folder")
	if err := os.WriteFile(folder+"/"+query.Get("me"), nil, 0o644); err != nil {
		return nil, err
	}
	for {
		if _, err := os.Stat(folder + "/" + query.Get("other")); err == nil {
			return "met", nil
		}
		time.Sleep(5 * time.Millisecond)
	}
}

type endless struct{}

func (endless) Read(into []byte) (int, error) { return len(into), nil }

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the reason") }

type stuck struct{}

func (stuck) Read([]byte) (int, error) { select {} }

func nap(event functions.Event, query url.Values) (any, error) {
	file := query.Get("file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		return nil, err
	}
	defer func() { _ = os.WriteFile(file+".unwound", nil, 0o644) }()
	time.Sleep(seconds(query))
	return "awake", nil
}
