package wire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	get  = "GET / HTTP/1.1\r\nHost: a\r\n"
	post = "POST / HTTP/1.1\r\nHost: a\r\n"
)

// scripted is a client that sends pieces, and then ends or falls silent.
type scripted struct {
	net.Conn
	pieces [][]byte
	silent bool
}

func (s *scripted) Read(into []byte) (int, error) {
	if len(s.pieces) == 0 {
		if s.silent {
			return 0, timedOut()
		}
		return 0, io.EOF
	}
	count := copy(into, s.pieces[0])
	if s.pieces[0] = s.pieces[0][count:]; len(s.pieces[0]) == 0 {
		s.pieces = s.pieces[1:]
	}
	return count, nil
}

func (s *scripted) SetReadDeadline(time.Time) error { return nil }

// timedOut is what a read gives whose deadline has passed.
func timedOut() error {
	own, other := net.Pipe()
	defer other.Close()
	defer own.Close()
	own.SetReadDeadline(time.Now())
	_, err := own.Read(make([]byte, 1))
	return err
}

func connOf(pieces ...[]byte) *Conn {
	return &Conn{Conn: &scripted{pieces: pieces}, bodyLimit: 1000, patience: time.Minute}
}

func pieces(text string, size int) (split [][]byte) {
	for rest := []byte(text); len(rest) > 0; {
		taken := min(size, len(rest))
		split = append(split, rest[:taken])
		rest = rest[taken:]
	}
	return split
}

func TestWellFormedRequestsPassByteForByte(t *testing.T) {
	for _, text := range []string{
		get + "\r\n",
		get + "A: b\r\nC:\t d \r\n\r\n" + get + "\r\n",
		post + "Content-Length: 5\r\n\r\nhello" + get + "\r\n",
		post + "Transfer-Encoding: Chunked\r\n\r\n5;x=y\r\nhello\r\nA \r\n0123456789\r\n0\r\nT: 1\r\n\r\n" + get + "\r\n",
		"GET http://b/c?d=%20 HTTP/1.0\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: \r\n\r\n",
		post + "Content-Length: 5\r\n\r\nhel",
	} {
		for _, size := range []int{1, 2, 7, 10_000} {
			passed, err := io.ReadAll(connOf(pieces(text, size)...))
			if err != nil || string(passed) != text {
				t.Errorf("in pieces of %d: %q gave %q, %v", size, text, passed, err)
			}
		}
	}
}

func TestEmptyLinesBeforeARequestAreDropped(t *testing.T) {
	passed, _ := io.ReadAll(connOf([]byte("\r\n\r\n" + get + "\r\n")))
	if string(passed) != get+"\r\n" {
		t.Errorf("%q", passed)
	}
}

func TestTheFirstMalformedRequestIsReplacedAndEndsTheConnection(t *testing.T) {
	for _, bad := range []string{
		"hello\r\n\r\n",
		"GET / HTTP/1.1\r\n\r\n",
		"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
		"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
		RefusedMethod + " / HTTP/1.1\r\nHost: a\r\n\r\n",
		get + "Host: a\r\n\r\n",
		get + "Host : a\r\n\r\n",
		get + "A: b\nC: d\r\n\r\n",
		get + "A: b\r\n c\r\n\r\n",
		get + "Content-Type: a\r\ncontent-type: a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
		post + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		post + "Content-Length: 1, 1\r\n\r\na",
		post + "Content-Length:\r\n\r\n",
		post + "Content-Length: 99999999999999999999\r\n\r\n",
		post + "Content-Length: 1001\r\n\r\n",
		post + "Transfer-Encoding: gzip, chunked\r\n\r\n",
		"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		post + "Expect: more\r\n\r\n",
	} {
		conn := connOf([]byte(get + "\r\n" + bad + get + "\r\n"))
		passed, err := io.ReadAll(conn)
		if err != nil || string(passed) != get+"\r\n"+refusedRequest || conn.Refusal() == nil {
			t.Errorf("%q gave %q, %v", bad, passed, err)
		}
	}
}

func TestAMalformedChunkEndsTheBodyWithTheRefusal(t *testing.T) {
	for _, bad := range []string{
		"x\r\n", "-1\r\n", "\r\n", "123456789\r\n", "1 2\r\n", "1\r\nabc\r\n", "1\r\na\n", "1\n",
		"0\r\nT : 1\r\n\r\n", "0\r\n\n\r\n\r\n", "1;\x00\r\na\r\n", "1;" + strings.Repeat("x", lineLimit),
	} {
		conn := connOf([]byte(post + "Transfer-Encoding: chunked\r\n\r\n" + bad))
		_, err := io.ReadAll(conn)
		if refusal := (*Refusal)(nil); bad != "1\n" && !errors.As(err, &refusal) {
			t.Errorf("%q gave %v", bad, err)
		}
	}
}

func TestARequestThatDoesNotArriveIsRefused(t *testing.T) {
	head := &Conn{Conn: &scripted{pieces: pieces(get, 100), silent: true}, patience: -1}
	passed, err := io.ReadAll(head)
	if err != nil || string(passed) != refusedRequest || head.Refusal().Status != 408 {
		t.Errorf("head: %q, %v", passed, err)
	}
	body := &Conn{
		Conn:      &scripted{pieces: pieces(post+"Content-Length: 9\r\n\r\nhel", 100), silent: true},
		bodyLimit: 9, patience: -1,
	}
	_, err = io.ReadAll(body)
	if refusal := (*Refusal)(nil); !errors.As(err, &refusal) || refusal.Status != 408 {
		t.Errorf("body: %v", err)
	}
}

func TestASilentClientBetweenRequestsIsLeftToNetHTTP(t *testing.T) {
	conn := &Conn{Conn: &scripted{silent: true}, patience: -1}
	if _, err := conn.Read(make([]byte, 1)); err == nil || conn.Refusal() != nil {
		t.Errorf("%v, %v", err, conn.Refusal())
	}
}

// FuzzConn holds what passes to three promises: it is what the client sent, net/http reads it as
// whole requests, and it does not matter how the client's bytes are cut.
func FuzzConn(f *testing.F) {
	for _, seed := range []string{
		get + "\r\n\r\n" + get + "\r\n", "\r\n" + post + "Content-Length: 2\r\n\r\nhi" + get + "\r\n",
		post + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n" + get + "\r\n",
		post + "Transfer-Encoding: chunked\r\n\r\n2;a\r\nhi\r\n0\r\nA: b\r\n\r\nGET",
		post + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", get + "A: b\n\r\n",
		post + "Expect: 100-continue\r\nContent-Length: 1\r\n\r\na", "GET /%41?%zz HTTP/1.0\r\n\r\n",
	} {
		f.Add(seed, 3)
	}
	f.Fuzz(func(t *testing.T, text string, size int) {
		conn := connOf([]byte(text))
		passed, err := io.ReadAll(conn)
		sent, refused := bytes.CutSuffix(passed, []byte(refusedRequest))
		if !strings.HasPrefix(withoutLineEnds(text), withoutLineEnds(string(sent))) {
			t.Fatalf("%q is not what was sent", sent) // but for empty lines between requests
		}
		again, _ := io.ReadAll(connOf(pieces(text, 1+max(size, 0)%50)...))
		if refused && !bytes.Equal(passed, again) {
			t.Fatalf("whole: %q, in pieces: %q", passed, again)
		}
		if broken := (*Refusal)(nil); !errors.As(err, &broken) {
			readAll(t, passed)
		}
	})
}

func withoutLineEnds(text string) string {
	return strings.NewReplacer("\r", "", "\n", "").Replace(text)
}

// readAll lets net/http's parser read requests until they end, which may be early.
func readAll(t *testing.T, passed []byte) {
	reader := bufio.NewReader(bytes.NewReader(passed))
	for {
		request, err := http.ReadRequest(reader)
		if err == nil {
			_, err = io.Copy(io.Discard, request.Body)
		}
		if err != nil {
			if !cutShort(err) {
				t.Fatalf("net/http refuses %q: %v", passed, err)
			}
			return
		}
	}
}

// cutShort tells whether net/http misses the end of a request: a trailer must be there at once.
func cutShort(err error) bool {
	return strings.Contains(err.Error(), "EOF") || strings.Contains(err.Error(), "trailer")
}
