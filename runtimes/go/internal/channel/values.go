package channel

import (
	"encoding/binary"
	"net/http"
	"time"
	"unsafe"
)

// Request is what a Call says.
type Request struct {
	Deadline time.Time
	Method   string
	Target   string
	Host     string
	Peer     string
	Header   http.Header
	Body     string
}

// AppendCall appends a Call but for its body, which has bodyLength bytes and is appended by the
// caller: it may be large, and is copied once less.
func AppendCall(buffer []byte, call uint32, request *Request, bodyLength int) []byte {
	start := len(buffer)
	buffer = begin(buffer, Call, call)
	buffer = binary.AppendUvarint(buffer, uint64(request.Deadline.UnixNano()))
	buffer = appendText(buffer, request.Method)
	buffer = appendText(buffer, request.Target)
	buffer = appendText(buffer, request.Host)
	buffer = appendText(buffer, request.Peer)
	buffer = appendHeader(buffer, request.Header)
	buffer = finish(buffer, start)
	length := len(buffer) - start - prefix + bodyLength
	binary.BigEndian.PutUint32(buffer[start:], uint32(length))
	return buffer
}

// RequestFrom reads a Call's payload, which belongs to the request from then on.
func RequestFrom(payload []byte) (*Request, error) {
	t := texts{rest: unsafe.String(unsafe.SliceData(payload), len(payload))}
	request := &Request{
		Deadline: time.Unix(0, int64(t.number())),
		Method:   t.text(),
		Target:   t.text(),
		Host:     t.text(),
		Peer:     t.text(),
		Header:   t.header(),
	}
	request.Body = t.rest
	return request, t.err
}

// Reply is what an Answer or a Head says.
type Reply struct {
	Status int
	Failed bool  // whether the call counts as a failure
	Length int64 // of the body; -1 for a stream, whose length nobody knows
	Header http.Header
	Body   string
}

// AppendReply appends an Answer or a Head.
func AppendReply(buffer []byte, kind Kind, call uint32, reply *Reply) []byte {
	start := len(buffer)
	buffer = begin(buffer, kind, call)
	buffer = binary.AppendUvarint(buffer, uint64(reply.Status))
	buffer = binary.AppendUvarint(buffer, truth(reply.Failed))
	buffer = binary.AppendUvarint(buffer, uint64(reply.Length+1))
	buffer = appendHeader(buffer, reply.Header)
	buffer = append(buffer, reply.Body...)
	return finish(buffer, start)
}

// ReplyFrom reads the payload of an Answer or a Head, which belongs to the reply from then on.
func ReplyFrom(payload []byte) (*Reply, error) {
	t := texts{rest: unsafe.String(unsafe.SliceData(payload), len(payload))}
	reply := &Reply{
		Status: int(t.number()),
		Failed: t.number() == 1,
		Length: int64(t.number()) - 1,
		Header: t.header(),
	}
	reply.Body = t.rest
	return reply, t.err
}

// AppendBytes appends a message whose payload is bytes: a Chunk, a sentence, or nothing.
func AppendBytes(buffer []byte, kind Kind, call uint32, payload []byte) []byte {
	start := len(buffer)
	return finish(append(begin(buffer, kind, call), payload...), start)
}

// AppendEnd appends an End.
func AppendEnd(buffer []byte, call uint32, failed bool) []byte {
	return AppendBytes(buffer, End, call, []byte{byte(truth(failed))})
}

// EndFailed reads an End's payload: whether the call has failed.
func EndFailed(payload []byte) bool {
	return len(payload) != 1 || payload[0] != 0
}

func truth(value bool) uint64 {
	if value {
		return 1
	}
	return 0
}

func appendHeader(buffer []byte, header http.Header) []byte {
	count := 0
	for _, values := range header {
		count += len(values)
	}
	buffer = binary.AppendUvarint(buffer, uint64(count))
	for name, values := range header {
		for _, value := range values {
			buffer = appendText(appendText(buffer, name), value)
		}
	}
	return buffer
}

func (t *texts) header() http.Header {
	count := t.number()
	header := make(http.Header, min(count, 64))
	for ; count > 0 && t.err == nil; count-- {
		name := t.text()
		header[name] = append(header[name], t.text())
	}
	return header
}
