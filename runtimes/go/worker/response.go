package worker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"tidegate.io/go/functions"
	"tidegate.io/go/internal/channel"
	"tidegate.io/go/internal/wire"
)

const (
	textType  = "text/plain; charset=utf-8"
	bytesType = "application/octet-stream"
	jsonType  = "application/json"
)

// serversOwn are headers that the server sets, whatever the function says.
var serversOwn = map[string]bool{
	"Connection": true, "Content-Length": true, "Date": true, "Keep-Alive": true, "Te": true,
	"Trailer": true, "Transfer-Encoding": true, "Upgrade": true,
}

// response is a function's http.ResponseWriter, and turns what it returns into an answer.
type response struct {
	call    *call
	header  http.Header
	status  int
	written bytes.Buffer // not sent yet
	begun   bool         // the head has been sent: what follows is streamed
}

func newResponse(c *call) *response {
	return &response{call: c, header: http.Header{}}
}

// Header returns the headers, which count until the first part of the body is sent.
func (r *response) Header() http.Header { return r.header }

// WriteHeader sets the status, once.
func (r *response) WriteHeader(status int) {
	if r.status == 0 && (status < 100 || status > 199) {
		r.status = status
	}
}

// Write adds to the body; large ones are sent as they come.
func (r *response) Write(part []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	r.written.Write(part)
	if r.begun || r.written.Len() > channel.WholeLimit {
		if err := r.push(); err != nil {
			return 0, err
		}
	}
	return len(part), nil
}

// Flush sends what is written so far.
func (r *response) Flush() {
	r.WriteHeader(http.StatusOK)
	_ = r.push() // a caller that has left is told by Write and by the context
}

// push makes the answer a stream and sends what is written.
func (r *response) push() error {
	if err := r.begin(-1, r.writtenType()); err != nil {
		return err
	}
	return r.sendAll(&r.written)
}

// writtenType is net/http's guess for what is written.
func (r *response) writtenType() string {
	if r.written.Len() == 0 {
		return textType
	}
	return http.DetectContentType(r.written.Bytes())
}

// begin sends the head of a body that follows in parts; -1 is the length of a stream.
func (r *response) begin(length int64, contentType string) error {
	if r.begun {
		return nil
	}
	reply, err := r.reply(contentType)
	if err != nil {
		return err
	}
	reply.Length = length
	r.begun = true
	r.call.send(channel.Head, reply)
	return nil
}

// reply is the head as the front gets it; an error names what HTTP cannot say.
func (r *response) reply(contentType string) (*channel.Reply, error) {
	status := r.status
	if status == 0 {
		status = http.StatusOK
	}
	if status < 200 || status > 599 {
		return nil, fmt.Errorf("the status must be from 200 to 599, not %d", status)
	}
	header := http.Header{}
	if contentType != "" {
		header.Set("Content-Type", contentType)
	}
	for name, values := range r.header {
		name = http.CanonicalHeaderKey(name)
		if serversOwn[name] {
			continue
		}
		for _, value := range values {
			if !wire.IsHeader(name, value) {
				return nil, fmt.Errorf(
					"the response header %q has a character that HTTP does not allow", name)
			}
		}
		header[name] = values
	}
	return &channel.Reply{Status: status, Header: header}, nil
}

// finish sends the rest of the answer: what the function has returned.
func (r *response) finish(value any) error {
	value = r.shape(value)
	if stream, ok := value.(io.Reader); ok {
		return r.stream(stream)
	}
	body, contentType, err := encode(value)
	if err != nil {
		return err
	}
	if r.written.Len() > 0 {
		contentType = r.writtenType()
	}
	r.written.Write(body)
	if r.begun || r.written.Len() > channel.WholeLimit {
		return r.sendParts(contentType)
	}
	reply, err := r.reply(contentType)
	if err != nil {
		return err
	}
	reply.Length, reply.Body = int64(r.written.Len()), r.written.String()
	r.call.send(channel.Answer, reply)
	return nil
}

// shape applies a Response, unless its head would come too late, and returns the body.
func (r *response) shape(value any) any {
	if pointer, ok := value.(*functions.Response); ok && pointer != nil {
		value = *pointer
	}
	shaped, ok := value.(functions.Response)
	if !ok {
		return value
	}
	if shaped.Status != 0 {
		r.status = shaped.Status
	}
	for name, values := range shaped.Header {
		r.header[http.CanonicalHeaderKey(name)] = values
	}
	return shaped.Body
}

// encode turns a value into a body and the content type that goes with it.
func encode(value any) ([]byte, string, error) {
	switch value := value.(type) {
	case nil:
		return nil, "", nil
	case string:
		return []byte(value), textType, nil
	case []byte:
		return value, bytesType, nil
	}
	body, err := json.Marshal(value)
	if err != nil {
		return nil, "", fmt.Errorf("the returned %T cannot be written as JSON: %w", value, err)
	}
	return body, jsonType, nil
}

// sendParts sends a body that is too large for one message, or whose head has gone.
func (r *response) sendParts(contentType string) error {
	if err := r.begin(int64(r.written.Len()), contentType); err != nil {
		return err
	}
	if err := r.sendAll(&r.written); err != nil {
		return err
	}
	r.call.end(false)
	return nil
}

// stream sends what a reader gives, as it comes. Its first part is awaited before the head, so
// that a reader that fails at once is a failure that the caller is told.
func (r *response) stream(source io.Reader) error {
	if closer, ok := source.(io.Closer); ok {
		defer closer.Close()
	}
	buffer := make([]byte, channel.ChunkSize/2)
	for {
		count, err := source.Read(buffer)
		if err != nil && err != io.EOF {
			return fmt.Errorf("reading the returned stream: %w", err)
		}
		if count > 0 || err == io.EOF {
			r.written.Write(buffer[:count])
			if err := r.begin(-1, textType); err != nil {
				return err
			}
			if err := r.sendAll(&r.written); err != nil {
				return err
			}
		}
		if err == io.EOF {
			r.call.end(false)
			return nil
		}
	}
}

func (r *response) sendAll(body *bytes.Buffer) error {
	for body.Len() > 0 {
		if err := r.call.chunk(body.Next(channel.ChunkSize)); err != nil {
			return err
		}
	}
	return nil
}
