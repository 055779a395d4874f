// Package channel carries messages between the front and a worker, over a socket pair that many
// calls share.
//
//	front -> worker   Call      the request
//	                  More      one more chunk may come
//	                  Cancel    stop the call; its last message is still awaited
//	worker -> front   Ready | Failed with a sentence
//	                  Answer    status, headers, a whole body
//	                  Head      status, headers; Chunk…; End
//
// A call ends with exactly one Answer or End. Both ends are built together: there is no version.
package channel

import (
	"encoding/binary"
	"errors"
	"io"
)

// Kind is what a message says.
type Kind byte

// The kinds of messages.
const (
	Call Kind = iota
	More
	Cancel
	Ready
	Failed
	Answer
	Head
	Chunk
	End
)

const (
	// Window is how many chunks of a call may be on their way before the worker waits for More.
	Window = 4

	// ChunkSize is the most that a Chunk has.
	ChunkSize = 64 * 1024

	// WholeLimit is the most that an Answer's body has: longer ones go in chunks, so that the
	// front holds no more than a window of each.
	WholeLimit = 1024 * 1024

	// AnswerLimit is the most that a message to the front has: a body and its headers.
	AnswerLimit = 2 * WholeLimit

	prefix = 4 + 1 + 4 // the length of what follows, the kind, the call's id
)

// Message is one message; its payload is what Writer and Reader of values read and write.
type Message struct {
	Kind    Kind
	Call    uint32
	Payload []byte
}

var errTooLong = errors.New("a message is longer than its kind may be")

// Read waits for the next message, of at most limit bytes.
func Read(from io.Reader, limit int64) (Message, error) {
	var first [prefix]byte
	if _, err := io.ReadFull(from, first[:]); err != nil {
		return Message{}, err
	}
	length := binary.BigEndian.Uint32(first[:4])
	if int64(length) > limit {
		return Message{}, errTooLong
	}
	message := Message{Kind(first[4]), binary.BigEndian.Uint32(first[5:]), make([]byte, length)}
	_, err := io.ReadFull(from, message.Payload)
	return message, err
}

// begin appends a message's prefix, whose length finish fills in.
func begin(buffer []byte, kind Kind, call uint32) []byte {
	buffer = append(buffer, 0, 0, 0, 0, byte(kind))
	return binary.BigEndian.AppendUint32(buffer, call)
}

func finish(buffer []byte, start int) []byte {
	binary.BigEndian.PutUint32(buffer[start:], uint32(len(buffer)-start-prefix))
	return buffer
}

// appendText appends a text's length and bytes.
func appendText(buffer []byte, text string) []byte {
	return append(binary.AppendUvarint(buffer, uint64(len(text))), text...)
}

// texts reads what appendText and its like have written. Both ends are ours, but the function
// shares the worker's process: a payload that ends early is an error, not a crash.
type texts struct {
	rest string
	err  error
}

func (t *texts) number() uint64 {
	value, count := uint64(0), 0
	for shift := uint(0); count < len(t.rest) && shift < 64; shift += 7 {
		b := t.rest[count]
		count++
		value |= uint64(b&0x7f) << shift
		if b < 0x80 {
			t.rest = t.rest[count:]
			return value
		}
	}
	t.fail()
	return 0
}

func (t *texts) text() string {
	length := t.number()
	if length > uint64(len(t.rest)) {
		t.fail()
		return ""
	}
	text := t.rest[:length]
	t.rest = t.rest[length:]
	return text
}

func (t *texts) fail() {
	t.rest, t.err = "", errors.New("a message ends early")
}
