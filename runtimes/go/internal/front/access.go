package front

import (
	"net"
	"net/http"
	"strings"
	"time"
)

// accessWriter remembers what an access line says of an answer.
type accessWriter struct {
	http.ResponseWriter
	status int
	size   int
}

// WriteHeader sends the head.
func (w *accessWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Write sends a part of the body.
func (w *accessWriter) Write(part []byte) (int, error) {
	count, err := w.ResponseWriter.Write(part)
	w.size += count
	return count, err
}

// Unwrap lets http.ResponseController find what it needs.
func (w *accessWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// logAccess writes the request in Apache's combined format.
func (f *Front) logAccess(w *accessWriter, r *http.Request) {
	peer, _, _ := net.SplitHostPort(r.RemoteAddr)
	f.access.Printf("%s - - [%s] %s %d %d %s %s",
		peer, time.Now().Format("02/Jan/2006:15:04:05 -0700"),
		quoted(r.Method+" "+r.RequestURI+" "+r.Proto), w.status, w.size,
		quoted(orDash(r.Referer())), quoted(orDash(r.UserAgent())))
}

var quoting = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func quoted(text string) string { return `"` + quoting.Replace(text) + `"` }

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
