package worker

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"tidegate.io/go/functions"
	"tidegate.io/go/internal/channel"
	"tidegate.io/go/internal/settings"
)

const patience = 30 * time.Second

type function = func(functions.Event, functions.Context) (any, error)

// front is the other end of a worker's channel.
type front struct {
	t    *testing.T
	conn net.Conn
	from *bufio.Reader
}

// started is the front's end of a worker that serves a function, and has said that it is ready.
func started(t *testing.T, serve function) *front {
	t.Helper()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	own, theirs := connOf(t, pair[0]), connOf(t, pair[1])
	sender, err := channel.NewSender(theirs, false)
	if err != nil {
		t.Fatal(err)
	}
	found := &settings.Settings{Module: "m", Handler: "H", BodyLimit: 1000}
	w := &worker{settings: found, function: serve, sender: sender, calls: map[uint32]*call{}}
	go w.serve(theirs, "m.H")
	f := &front{t, own, bufio.NewReader(own)}
	f.expect(channel.Ready)
	return f
}

func connOf(t *testing.T, descriptor int) *net.UnixConn {
	file := os.NewFile(uintptr(descriptor), "end")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.(*net.UnixConn)
}

func (f *front) send(kind channel.Kind) {
	f.conn.Write(channel.AppendBytes(nil, kind, 1, nil))
}

func (f *front) expect(kind channel.Kind) channel.Message {
	f.t.Helper()
	f.conn.SetReadDeadline(time.Now().Add(patience))
	message, err := channel.Read(f.from, channel.AnswerLimit)
	if err != nil || message.Kind != kind {
		f.t.Fatalf("wanted kind %d, got %d, %v", kind, message.Kind, err)
	}
	return message
}

func (f *front) call(header http.Header, body string) {
	request := &channel.Request{
		Deadline: time.Now().Add(patience), Method: "POST", Target: "/", Header: header,
	}
	f.conn.Write(append(channel.AppendCall(nil, 1, request, len(body)), body...))
}

func (f *front) answer(kind channel.Kind) *channel.Reply {
	f.t.Helper()
	reply, err := channel.ReplyFrom(f.expect(kind).Payload)
	if err != nil {
		f.t.Fatal(err)
	}
	return reply
}

// answered is the whole answer of a function to an empty request.
func answered(t *testing.T, serve function) *channel.Reply {
	t.Helper()
	f := started(t, serve)
	f.call(nil, "")
	return f.answer(channel.Answer)
}

func returning(value any, err error) function {
	return func(functions.Event, functions.Context) (any, error) { return value, err }
}

func TestAnErrorThatIsAResponseIsAnAnswer(t *testing.T) {
	gone := functions.Response{Status: 410, Body: "gone"}
	for _, err := range []error{gone, &gone, fmt.Errorf("inside: %w", gone), errors.Join(io.EOF, &gone)} {
		reply := answered(t, returning(nil, err))
		if reply.Status != 410 || reply.Body != "gone" || reply.Failed {
			t.Errorf("%v: %+v", err, reply)
		}
	}
}

func TestAnotherErrorIsAFailureThatTheCallerIsNotTold(t *testing.T) {
	reply := answered(t, returning("text", errors.New("secret")))
	if reply.Status != 500 || !reply.Failed || reply.Body != failureSentence {
		t.Errorf("%+v", reply)
	}
}

func TestAFunctionThatEndsItsGoroutineHasFailed(t *testing.T) {
	reply := answered(t, func(functions.Event, functions.Context) (any, error) {
		runtime.Goexit()
		return nil, nil
	})
	if reply.Status != 500 || !reply.Failed {
		t.Errorf("%+v", reply)
	}
}

func TestWhatIsWrittenComesBeforeWhatIsReturned(t *testing.T) {
	reply := answered(t, func(event functions.Event, _ functions.Context) (any, error) {
		event.Extensions.Response.Header().Set("x-kind", "both")
		event.Extensions.Response.WriteHeader(202)
		_, err := io.WriteString(event.Extensions.Response, "<html>")
		return "</html>", err
	})
	if reply.Status != 202 || reply.Body != "<html></html>" || reply.Header.Get("X-Kind") != "both" ||
		reply.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("%+v", reply)
	}
}

func TestAFlushMakesAStream(t *testing.T) {
	f := started(t, func(event functions.Event, _ functions.Context) (any, error) {
		response := event.Extensions.Response
		io.WriteString(response, "one ")
		response.(http.Flusher).Flush()
		io.WriteString(response, "two ")
		return "three", nil
	})
	f.call(nil, "")
	if head := f.answer(channel.Head); head.Status != 200 || head.Length != -1 {
		t.Errorf("%+v", head)
	}
	text := ""
	for range 3 {
		text += string(f.expect(channel.Chunk).Payload)
	}
	if text != "one two three" || channel.EndFailed(f.expect(channel.End).Payload) {
		t.Error(text)
	}
}

type closing struct {
	io.Reader
	closed chan struct{}
}

func (c closing) Close() error { close(c.closed); return nil }

func TestAStreamWaitsForItsReaderAndEndsWhenThatHasLeft(t *testing.T) {
	source := closing{strings.NewReader(strings.Repeat("x", 10*channel.ChunkSize)), make(chan struct{})}
	f := started(t, returning(source, nil))
	f.call(nil, "")
	f.expect(channel.Head)
	for range channel.Window {
		f.expect(channel.Chunk)
	}
	f.send(channel.More)
	f.expect(channel.Chunk)
	f.send(channel.Cancel) // and no further chunk comes before the end
	if !channel.EndFailed(f.expect(channel.End).Payload) {
		t.Error("a stream that was stopped is whole")
	}
	select {
	case <-source.closed:
	case <-time.After(patience):
		t.Error("the reader is open")
	}
}

func TestAReaderThatFailsAtOnceIsAFailureWithAStatus(t *testing.T) {
	broken, writer := io.Pipe()
	writer.CloseWithError(errors.New("the reason"))
	if reply := answered(t, returning(broken, nil)); reply.Status != 500 || !reply.Failed {
		t.Errorf("%+v", reply)
	}
}

func TestAFunctionThatHeedsItsContextEndsWhenItIsCancelled(t *testing.T) {
	f := started(t, func(event functions.Event, _ functions.Context) (any, error) {
		<-event.Extensions.Context.Done()
		return nil, event.Extensions.Context.Err()
	})
	f.call(nil, "")
	f.send(channel.Cancel)
	if reply := f.answer(channel.Answer); !reply.Failed {
		t.Errorf("%+v", reply)
	}
}

func TestDataIsJSONByItsMediaTypeAlone(t *testing.T) {
	f := started(t, func(event functions.Event, _ functions.Context) (any, error) {
		var value any
		err := event.Decode(&value)
		return []any{event.IsJSON(), value}, err
	})
	for body, want := range map[string]string{`{"a":1}`: `[true,{"a":1}]`, "": "[true,null]"} {
		f.call(http.Header{"Content-Type": {"Application/X+JSON; a=b"}}, body)
		if reply := f.answer(channel.Answer); reply.Body != want {
			t.Errorf("%q: %s", body, reply.Body)
		}
	}
	f.call(http.Header{"Content-Type": {"application/json"}}, `{"secret`)
	if reply := f.answer(channel.Answer); reply.Status != 400 || reply.Failed ||
		strings.Contains(reply.Body, "secret") {
		t.Errorf("%+v", reply)
	}
}

func TestAHeaderOfTheServersOwnIsDropped(t *testing.T) {
	header := http.Header{"content-length": {"9"}, "Date": {"never"}, "X-A": {"1", "2"}}
	reply := answered(t, returning(functions.Response{Header: header, Body: "a"}, nil))
	if len(reply.Header) != 2 || len(reply.Header["X-A"]) != 2 || reply.Length != 1 {
		t.Errorf("%+v", reply)
	}
}

func TestATraceBeginsWithTheFunctionAndEndsBeforeTheServer(t *testing.T) {
	var failed *failure
	func() {
		defer func() { failed = crashFrom(recover()) }()
		var nothing map[string]int
		nothing["a"] = 1
	}()
	if failed.reason != "panic: assignment to entry in nil map" {
		t.Error(failed.reason)
	}
	if strings.Contains(failed.trace, "runtime.") {
		t.Error(failed.trace)
	}
}

func TestAReasonIsOneLineOfBoundedLength(t *testing.T) {
	reason := failureFrom(errors.New(strings.Repeat("a\n", 2*reasonLimit))).reason
	if strings.Contains(reason, "\n") || len(reason) > reasonLimit+len("error: ") {
		t.Errorf("%d bytes", len(reason))
	}
}
