package front

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"

	"tidegate.io/go/internal/channel"
	"tidegate.io/go/internal/wire"
)

// heldBodies is how many bodies of the largest size may be held at once.
const heldBodies = 4

const mib = 1024 * 1024

// connKey finds a request's connection in its context.
type connKey struct{}

// ServeHTTP answers one request: the server's own paths itself, all others by the function.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == wire.RefusedMethod {
		f.refuse(w, r.Context().Value(connKey{}).(*wire.Conn).Refusal())
		return
	}
	if !r.ProtoAtLeast(1, 1) {
		w.Header().Set("Connection", "close")
	}
	if f.settings.AccessLog {
		logged := &accessWriter{ResponseWriter: w, status: http.StatusOK}
		w = logged
		defer f.logAccess(logged, r)
	}
	if !f.serveOwn(w, r) {
		f.serveFunction(w, r)
	}
}

// serveOwn answers for the server: is it alive, is the function ready, what has it done.
func (f *Front) serveOwn(w http.ResponseWriter, r *http.Request) bool {
	switch r.URL.EscapedPath() {
	case "/healthz":
		f.say(w, http.StatusOK, "OK")
	case "/readyz":
		switch {
		case f.draining.Load():
			f.say(w, http.StatusServiceUnavailable, "stopping")
		case !f.pool.Ready():
			f.say(w, http.StatusServiceUnavailable, errNotLoaded.Error())
		default:
			f.say(w, http.StatusOK, "OK")
		}
	case "/metrics":
		w.Header().Set("Content-Type", metricsType)
		_, _ = io.WriteString(w, f.metrics.Text())
	default:
		return false
	}
	return true
}

// serveFunction reads the body and lets the function answer.
func (f *Front) serveFunction(w http.ResponseWriter, r *http.Request) {
	body, held, refusal := f.readBody(r)
	defer f.held.Add(-held)
	if refusal != nil {
		f.refuse(w, refusal)
		return
	}
	call := newCall(f.ids.Add(1), r.Method, r.URL.EscapedPath(), f.allowed(r.Header))
	if err := f.pool.Enter(r.Context(), call); errors.Is(err, context.Canceled) {
		panic(http.ErrAbortHandler) // the caller has left the queue
	} else if err != nil {
		f.say(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	request := &channel.Request{
		Deadline: call.deadline, Method: r.Method, Target: r.RequestURI, Host: r.Host,
		Peer: r.RemoteAddr, Header: r.Header,
	}
	call.worker.sender.Send(func(buffer []byte) []byte {
		return append(channel.AppendCall(buffer, call.id, request, len(body)), body...)
	})
	running := &answering{front: f, call: call, writer: w, method: r.Method}
	running.run()
}

// allowed is how long a call may take: the caller may shorten the function's timeout.
func (f *Front) allowed(header http.Header) time.Duration {
	deadline, err := strconv.ParseFloat(header.Get("X-Tidegate-Deadline"), 64)
	if err != nil || math.IsNaN(deadline) || math.IsInf(deadline, 0) {
		return f.settings.Timeout
	}
	left := deadline - float64(time.Now().UnixNano())/1e9
	if left >= f.settings.Timeout.Seconds() {
		return f.settings.Timeout
	}
	return time.Duration(max(left, 0) * float64(time.Second))
}

// readBody reads a body whole. Its size is held against the bodies of others until the caller
// gives held back.
func (f *Front) readBody(r *http.Request) (body []byte, held int64, refusal *wire.Refusal) {
	if r.ContentLength >= 0 {
		if !f.hold(r.ContentLength) {
			return nil, 0, tooManyBodies()
		}
		body = make([]byte, r.ContentLength)
		_, err := io.ReadFull(r.Body, body)
		return body, r.ContentLength, bodyRefusal(err)
	}
	for {
		if len(body) == cap(body) {
			if !f.hold(int64(max(cap(body), channel.ChunkSize))) {
				return nil, held, tooManyBodies()
			}
			held += int64(max(cap(body), channel.ChunkSize))
			body = append(make([]byte, 0, held), body...)
		}
		count, err := r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+count]
		if int64(len(body)) > f.settings.BodyLimit {
			return nil, held, wire.TooLarge(f.settings.BodyLimit)
		}
		if err == io.EOF {
			return body, held, nil
		}
		if err != nil {
			return nil, held, bodyRefusal(err)
		}
	}
}

func (f *Front) hold(size int64) bool {
	if f.held.Add(size) > max(heldBodies*f.settings.BodyLimit, mib) {
		f.held.Add(-size)
		return false
	}
	return true
}

func tooManyBodies() *wire.Refusal {
	return &wire.Refusal{
		Status:   http.StatusServiceUnavailable,
		Sentence: "too many large bodies at once: try again",
	}
}

// bodyRefusal is why a body could not be read; nil without an error.
func bodyRefusal(err error) *wire.Refusal {
	if err == nil {
		return nil
	}
	if refusal := (*wire.Refusal)(nil); errors.As(err, &refusal) {
		return refusal
	}
	return &wire.Refusal{Status: http.StatusBadRequest, Sentence: "the body is malformed"}
}

// refuse answers a request that cannot be read to its end; the connection closes.
func (f *Front) refuse(w http.ResponseWriter, refusal *wire.Refusal) {
	w.Header().Set("Connection", "close")
	f.say(w, refusal.Status, refusal.Sentence)
}

// say answers with one sentence of the server's own.
func (f *Front) say(w http.ResponseWriter, status int, sentence string) {
	w.Header().Set("Content-Type", textType)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(sentence)+1))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, sentence+"\n")
}
