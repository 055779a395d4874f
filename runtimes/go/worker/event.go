package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"tidegate.io/go/functions"
	"tidegate.io/go/internal/channel"
)

// errBadData is a body that is not what its Content-Type says; the text is for the caller.
type errBadData struct{ where string }

func (e errBadData) Error() string {
	return "the body is not the JSON that its Content-Type promises: " + e.where
}

// eventFrom makes the event of a request, whose Response is left to the caller.
func eventFrom(ctx context.Context, request *channel.Request) (functions.Event, error) {
	received, err := requestFrom(ctx, request)
	if err != nil {
		return functions.Event{}, err
	}
	header := request.Header
	attributes := cloudEvent(header)
	event := functions.Event{
		Data:           request.Body,
		EventID:        firstOf(header, "Event-Id", attributes["id"]),
		EventType:      firstOf(header, "Event-Type", attributes["type"]),
		EventTime:      firstOf(header, "Event-Time", attributes["time"]),
		EventNamespace: joined(header["Event-Namespace"]),
		CloudEvent:     attributes,
		Extensions:     functions.Extension{Request: received, Context: ctx},
	}
	return event, checkData(event)
}

func requestFrom(ctx context.Context, request *channel.Request) (*http.Request, error) {
	target, err := url.ParseRequestURI(request.Target)
	if err != nil {
		return nil, fmt.Errorf("reading the request's target: %w", err)
	}
	received := &http.Request{
		Method:        request.Method,
		URL:           target,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        request.Header,
		Body:          io.NopCloser(strings.NewReader(request.Body)),
		ContentLength: int64(len(request.Body)),
		Host:          request.Host,
		RemoteAddr:    request.Peer,
		RequestURI:    request.Target,
	}
	return received.WithContext(ctx), nil
}

// cloudEvent reads the attributes of binary mode; nil when the request is no CloudEvent.
func cloudEvent(header http.Header) map[string]string {
	if _, found := header["Ce-Id"]; !found {
		return nil
	}
	attributes := map[string]string{}
	for name, values := range header {
		if attribute, found := strings.CutPrefix(name, "Ce-"); found {
			attributes[strings.ToLower(attribute)] = decoded(joined(values))
		}
	}
	if values, found := header["Content-Type"]; found {
		attributes["datacontenttype"] = joined(values)
	}
	return attributes
}

// decoded undoes percent-encoding; what is not encoded well stays as it is.
func decoded(value string) string {
	if text, err := url.PathUnescape(value); err == nil {
		return text
	}
	return value
}

func firstOf(header http.Header, name, otherwise string) string {
	if values, found := header[name]; found {
		return joined(values)
	}
	return otherwise
}

func joined(values []string) string { return strings.Join(values, ", ") }

// checkData refuses a body that is not the JSON it claims to be.
func checkData(event functions.Event) error {
	if event.Data == "" || !event.IsJSON() {
		return nil
	}
	var ignored json.RawMessage
	err := json.Unmarshal([]byte(event.Data), &ignored)
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		return errBadData{fmt.Sprintf("see byte %d", syntax.Offset)}
	}
	return err
}

// contextOf is what a function is told about itself.
func (c *call) contextOf(request *channel.Request) functions.Context {
	found := c.worker.settings
	return functions.Context{
		FunctionName: found.Handler,
		Timeout:      found.TimeoutText,
		Runtime:      found.Runtime,
		MemoryLimit:  found.MemoryLimit,
		Name:         found.Name,
		Namespace:    found.Namespace,
		Deadline:     request.Deadline,
	}
}
