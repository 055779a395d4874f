package channel

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"net"
	"net/http"
	"os"
	"reflect"
	"sync"
	"syscall"
	"testing"
	"time"
)

func payload(t *testing.T, frame []byte, kind Kind, call uint32) []byte {
	t.Helper()
	message, err := Read(bytes.NewReader(frame), AnswerLimit)
	if err != nil || message.Kind != kind || message.Call != call {
		t.Fatalf("read %v, %v", message, err)
	}
	return message.Payload
}

func TestARequestArrivesAsItWasSent(t *testing.T) {
	sent := &Request{
		Deadline: time.Unix(1, 500), Method: "POST", Target: "/a?b=c", Host: "h", Peer: "p:1",
		Header: http.Header{"A": {"1", "2"}, "B": {""}}, Body: "body",
	}
	frame := append(AppendCall(nil, 7, sent, len(sent.Body)), sent.Body...)
	got, err := RequestFrom(payload(t, frame, Call, 7))
	if err != nil || !reflect.DeepEqual(got, sent) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAReplyArrivesAsItWasSent(t *testing.T) {
	for _, sent := range []*Reply{
		{Status: 200, Length: -1, Header: http.Header{}},
		{Status: 500, Failed: true, Length: 3, Header: http.Header{"A": {"1"}}, Body: "abc"},
	} {
		got, err := ReplyFrom(payload(t, AppendReply(nil, Answer, 1, sent), Answer, 1))
		if err != nil || !reflect.DeepEqual(got, sent) {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

func TestAnEndSaysWhetherTheCallHasFailed(t *testing.T) {
	for _, failed := range []bool{false, true} {
		if EndFailed(payload(t, AppendEnd(nil, 1, failed), End, 1)) != failed {
			t.Errorf("not %v", failed)
		}
	}
}

func TestAMessageBeyondTheLimitIsNotRead(t *testing.T) {
	frame := AppendBytes(nil, Chunk, 1, make([]byte, 10))
	if _, err := Read(bytes.NewReader(frame), 9); err != errTooLong {
		t.Errorf("%v", err)
	}
}

func FuzzAPayloadNeverCrashesItsReader(f *testing.F) {
	f.Add(AppendReply(nil, Head, 1, &Reply{Header: http.Header{"A": {"b"}}})[prefix:])
	f.Add(binary.AppendUvarint(nil, 1<<63))
	f.Fuzz(func(t *testing.T, payload []byte) {
		_, _ = RequestFrom(payload)
		_, _ = ReplyFrom(payload)
	})
}

func ends(t *testing.T) (*net.UnixConn, *net.UnixConn) {
	t.Helper()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	conns := [2]*net.UnixConn{}
	for place, descriptor := range pair {
		file := os.NewFile(uintptr(descriptor), "end")
		conn, err := net.FileConn(file)
		if err != nil {
			t.Fatal(err)
		}
		file.Close()
		t.Cleanup(func() { conn.Close() })
		conns[place] = conn.(*net.UnixConn)
	}
	return conns[0], conns[1]
}

// Messages of many goroutines arrive whole and in each one's order, though nobody reads at first.
func TestManySendersShareAChannel(t *testing.T) {
	const senders, messages, size = 8, 50, 20_000
	for _, gather := range []bool{false, true} {
		own, other := ends(t)
		sender, err := NewSender(own, gather)
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for call := range uint32(senders) {
			all.Go(func() {
				for number := range messages {
					text := bytes.Repeat([]byte{byte(number)}, size)
					sender.Send(func(b []byte) []byte { return AppendBytes(b, Chunk, call, text) })
				}
			})
		}
		all.Wait() // nobody has waited for a reader
		next := make([]int, senders)
		from := bufio.NewReader(other)
		for range senders * messages {
			message, err := Read(from, size)
			if err != nil {
				t.Fatal(err)
			}
			want := bytes.Repeat([]byte{byte(next[message.Call])}, size)
			if !bytes.Equal(message.Payload, want) {
				t.Fatalf("message %d of %d is torn", next[message.Call], message.Call)
			}
			next[message.Call]++
		}
	}
}

func TestASenderWithoutAnotherEndDropsMessages(t *testing.T) {
	own, other := ends(t)
	sender, _ := NewSender(own, false)
	other.Close()
	for range 1000 {
		sender.Send(func(b []byte) []byte { return AppendBytes(b, Chunk, 1, make([]byte, 10_000)) })
	}
	deadline := time.Now().Add(30 * time.Second)
	for {
		sender.mutex.Lock()
		broken := sender.broken
		sender.mutex.Unlock()
		if broken {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("it still believes in the other end")
		}
		time.Sleep(time.Millisecond)
	}
}
