// Package functions has the types that a function meets: what it is called with, and what it may
// answer.
//
//	func Handler(event functions.Event, context functions.Context) (string, error)
//
// Instead of string a function may return any type: a string is text, []byte is bytes, an
// io.Reader is streamed and closed, a Response says all, and everything else is JSON.
package functions

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// Event is what a function is called with. A string is empty where the caller's header is absent.
type Event struct {
	Data           string // the body, byte for byte
	EventID        string
	EventType      string
	EventTime      string
	EventNamespace string
	CloudEvent     map[string]string // attributes by name; nil without a ce-id header
	Extensions     Extension
}

// Decode puts the event's JSON into target, like json.Unmarshal. Empty data is null.
func (e Event) Decode(target any) error {
	if e.Data == "" {
		return json.Unmarshal([]byte("null"), target)
	}
	return json.Unmarshal([]byte(e.Data), target)
}

// IsJSON tells whether the media type says that the data is JSON. If so it is valid, or empty: the
// server has seen to that.
func (e Event) IsJSON() bool {
	mediaType, _, _ := strings.Cut(e.Extensions.Request.Header.Get("Content-Type"), ";")
	mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	return mediaType == "application/json" || strings.HasSuffix(mediaType, "+json")
}

// Extension is the HTTP side of an event.
type Extension struct {
	Request *http.Request

	// Response takes status and headers, which apply where the returned value does not say
	// otherwise. What is written to it comes before the returned value; Flush sends it.
	Response http.ResponseWriter

	// Context ends when the call's time is over or its caller has left a stream.
	Context context.Context
}

// Context tells a function about itself.
type Context struct {
	FunctionName string
	Timeout      string // seconds, perhaps with a fraction
	Runtime      string
	MemoryLimit  string
	Name         string // of the Function object, and its namespace
	Namespace    string
	Deadline     time.Time // when this call is stopped
}

// Response is an answer with its status and headers. It is an error too, so that code deep inside
// a function can give up with an answer.
type Response struct {
	Status int // 0 leaves it as it is: 200
	Header http.Header
	Body   any
}

// Error makes a Response fit where an error is returned.
func (r Response) Error() string {
	return "an answer: " + http.StatusText(r.Status)
}
