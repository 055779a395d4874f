// Package wire lets only well-formed HTTP/1.1 requests through to net/http, which is more lenient
// than the contract: it takes bare line feeds, folded headers, repeated lengths, and a
// Content-Length beside a Transfer-Encoding.
package wire

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const (
	headLimit   = 64 * 1024
	headerLimit = 200
	methodLimit = 32
)

// chunkedLength is the length of a body that tells its end itself.
const chunkedLength = -1

// Refusal says why a request is not served; it is an error where a body is read.
type Refusal struct {
	Status   int
	Sentence string
}

func (r *Refusal) Error() string { return r.Sentence }

func refuse(status int, format string, arguments ...any) *Refusal {
	return &Refusal{status, fmt.Sprintf(format, arguments...)}
}

// head is what a request's head says about what follows it.
type head struct {
	minor int // of the version, HTTP/1.x
	seen  [len(once)]string
	found [len(once)]bool
}

// once lists headers that must not be repeated; the order gives their places in head.seen.
var once = [...]string{"content-length", "host", "transfer-encoding", "content-type"}

const (
	contentLength = iota
	host
	transferEncoding
)

// bodyLength checks a whole head, without the empty line, and returns the bytes of body that
// follow, or chunkedLength.
func bodyLength(raw []byte, limit int64) (int64, *Refusal) {
	line, rest, _ := bytes.Cut(raw, []byte("\r\n"))
	h := head{}
	if err := h.requestLine(string(line)); err != nil {
		return 0, err
	}
	for count := 1; len(rest) > 0; count++ {
		if count > headerLimit {
			return 0, refuse(http.StatusRequestHeaderFieldsTooLarge,
				"the request has more than %d headers", headerLimit)
		}
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		if err := h.header(line); err != nil {
			return 0, err
		}
	}
	return h.length(limit)
}

func (h *head) requestLine(line string) *Refusal {
	method, rest, _ := strings.Cut(line, " ")
	target, version, _ := strings.Cut(rest, " ")
	if !isToken(method) || len(method) > methodLimit || !isTarget(target) ||
		(version != "HTTP/1.1" && version != "HTTP/1.0") {
		return refuse(http.StatusBadRequest, "the request line is not 'METHOD target HTTP/1.1'")
	}
	h.minor = int(version[len(version)-1] - '0')
	return checkTarget(target)
}

// checkTarget refuses what is no path, nor the absolute form of one.
func checkTarget(target string) *Refusal {
	if target[0] != '/' && target != "*" {
		scheme, _, absolute := strings.Cut(target, "://")
		scheme = strings.ToLower(scheme)
		if !absolute || (scheme != "http" && scheme != "https") {
			return refuse(http.StatusBadRequest, "the request target is not a path")
		}
	}
	if _, err := url.ParseRequestURI(target); err != nil { // which net/http would refuse
		return refuse(http.StatusBadRequest, "the request target cannot be decoded")
	}
	return nil
}

func (h *head) header(line []byte) *Refusal {
	name, value, found := bytes.Cut(line, []byte(":"))
	if !found || !isToken(name) || !isValue(value) {
		return refuse(http.StatusBadRequest, "a header line is malformed")
	}
	for place, single := range once {
		if len(name) != len(single) || !strings.EqualFold(string(name), single) {
			continue
		}
		if h.found[place] {
			return refuse(http.StatusBadRequest, "the %s header is repeated", single)
		}
		h.found[place], h.seen[place] = true, string(bytes.Trim(value, " \t"))
	}
	if len(name) == len("expect") && strings.EqualFold(string(name), "expect") {
		return checkExpectation(string(bytes.Trim(value, " \t")))
	}
	return nil
}

func checkExpectation(expectation string) *Refusal {
	if !strings.EqualFold(expectation, "100-continue") {
		return refuse(http.StatusExpectationFailed,
			"the only expectation understood is 100-continue")
	}
	return nil
}

func (h *head) length(limit int64) (int64, *Refusal) {
	if h.minor == 1 && !h.found[host] {
		return 0, refuse(http.StatusBadRequest, "the request has no Host header")
	}
	if !isHost(h.seen[host]) {
		return 0, refuse(http.StatusBadRequest, "the Host header is malformed")
	}
	if h.found[transferEncoding] {
		return h.chunked()
	}
	if !h.found[contentLength] {
		return 0, nil
	}
	return parseLength(h.seen[contentLength], limit)
}

func (h *head) chunked() (int64, *Refusal) {
	if h.found[contentLength] {
		return 0, refuse(http.StatusBadRequest,
			"the request has both Content-Length and Transfer-Encoding")
	}
	if !strings.EqualFold(h.seen[transferEncoding], "chunked") || h.minor == 0 {
		return 0, refuse(http.StatusNotImplemented,
			"the only transfer encoding understood is chunked, in HTTP/1.1")
	}
	return chunkedLength, nil
}

func parseLength(text string, limit int64) (int64, *Refusal) {
	for _, digit := range []byte(text) {
		if digit < '0' || digit > '9' {
			text = ""
		}
	}
	length, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, refuse(http.StatusBadRequest, "the Content-Length is not a number")
	}
	if length > limit {
		return 0, TooLarge(limit)
	}
	return length, nil
}

// TooLarge refuses a body beyond the limit.
func TooLarge(limit int64) *Refusal {
	return refuse(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes", limit)
}
