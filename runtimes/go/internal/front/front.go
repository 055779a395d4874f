// Package front is the part of the server that never runs a function: it listens, reads requests,
// lets workers run the function, and stops in good order.
package front

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"tidegate.io/go/internal/settings"
	"tidegate.io/go/internal/wire"
)

const (
	idleTimeout = 75 * time.Second
	lastGrace   = 2 * time.Second // for workers to be gone

	// headBytes is beyond what the check of heads lets through: net/http's own limit never counts.
	headBytes = 256 * 1024
)

// Front holds connections and workers together.
type Front struct {
	settings *settings.Settings
	pool     *Pool
	metrics  *Metrics
	log      *Lines
	access   *Lines
	server   *http.Server
	address  string // as it is listened on
	ids      atomic.Uint32
	held     atomic.Int64 // bytes of bodies
	draining atomic.Bool

	refused chan string // why the function cannot be loaded
	fresh   freshConns
}

// Main runs the server and returns the process's exit code. Work for the main thread goes to it.
func Main(mainThread MainThread) int {
	found, err := settings.FromEnv(os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return settings.BadConfiguration
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	f := newFront(found, mainThread)
	defer f.log.Close()
	code, lastWords := f.run(stop)
	f.end()
	if lastWords != "" {
		f.log.Printf("%s", lastWords)
	}
	return code
}

func newFront(found *settings.Settings, mainThread MainThread) *Front {
	f := &Front{
		settings: found,
		metrics:  NewMetrics(),
		log:      NewLines(os.Stderr),
		access:   NewLines(os.Stdout),
		refused:  make(chan string, 1),
	}
	program := filepath.Join(found.Folder, Program)
	f.pool = NewPool(found, f.log, func() (*process, error) {
		return startProcess(mainThread, program)
	})
	f.pool.Loaded, f.pool.Refused = f.loaded, f.refuseToLoad
	f.server = &http.Server{
		Handler:                      f,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               headBytes,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     log.New(io.Discard, "", 0),
		ConnState:                    f.fresh.watch,
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, conn)
		},
	}
	return f
}

// run serves until a signal or a failure ends it; the exit code and the sentence that explains it.
func (f *Front) run(stop <-chan os.Signal) (int, string) {
	listener, err := f.listen()
	if err != nil {
		return settings.BindFailed, fmt.Sprintf("%s: listening on %s: %v",
			f.settings.Title(), f.address, rootCause(err))
	}
	go f.server.Serve(wire.NewListener(listener, f.settings.BodyLimit))
	if err := f.writePort(listener.Addr()); err != nil {
		return settings.BadConfiguration, fmt.Sprintf("%s: writing FUNC_PORT_FILE: %v: "+
			"set it to a file in a folder that can be written", f.settings.Title(), err)
	}
	if err := f.pool.Start(); err != nil {
		return settings.LoadFailed, f.cannotStart(err)
	}
	select {
	case sentence := <-f.refused:
		return settings.LoadFailed, sentence
	case <-stop:
		return f.drain()
	}
}

func (f *Front) listen() (net.Listener, error) {
	f.address = net.JoinHostPort(f.settings.Host, strconv.Itoa(f.settings.Port))
	listener, err := net.Listen("tcp", f.address)
	if err == nil {
		_, port, _ := net.SplitHostPort(listener.Addr().String())
		f.address = net.JoinHostPort(f.settings.Host, port)
	}
	return listener, err
}

// rootCause is an error without what the sentence around it says already.
func rootCause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

func (f *Front) cannotStart(err error) string {
	program := filepath.Join(f.settings.Folder, Program)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Sprintf("loading %s: there is no program %s: build the function first",
			f.settings.Function(), program)
	}
	return fmt.Sprintf("loading %s: starting %s: %v", f.settings.Function(), program, rootCause(err))
}

// writePort tells the port where it is asked for; a reader finds all of it or none.
func (f *Front) writePort(address net.Addr) error {
	file := f.settings.PortFile
	if file == "" {
		return nil
	}
	_, port, _ := net.SplitHostPort(address.String())
	unfinished := file + "." + strconv.Itoa(os.Getpid())
	if err := os.WriteFile(unfinished, []byte(port+"\n"), 0o644); err != nil {
		return err
	}
	return os.Rename(unfinished, file)
}

func (f *Front) loaded() {
	f.log.Printf("%s: ready on %s (Go %s, timeout %v s)", f.settings.Title(), f.address,
		strings.TrimPrefix(runtime.Version(), "go"), f.settings.Timeout.Seconds())
}

// refuseToLoad ends the server; the first reason counts.
func (f *Front) refuseToLoad(sentence string) {
	select {
	case f.refused <- sentence:
	default:
	}
}

// drain accepts no more and lets the calls in flight end.
func (f *Front) drain() (int, string) {
	f.draining.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), f.settings.ShutdownTimeout)
	defer cancel()
	f.fresh.close()
	err := f.server.Shutdown(ctx)
	if unfinished := f.pool.Unfinished(); err != nil && unfinished > 0 {
		return settings.CutShort, fmt.Sprintf("%s: stopping: %d calls were cut short",
			f.settings.Title(), unfinished)
	}
	return 0, ""
}

// end leaves nothing behind.
func (f *Front) end() {
	ctx, cancel := context.WithTimeout(context.Background(), lastGrace)
	defer cancel()
	f.pool.Close(ctx)
	f.server.Close()
	f.access.Close()
}

// freshConns are connections without a request so far, which a stop need not wait for.
type freshConns struct {
	mutex sync.Mutex
	conns map[net.Conn]struct{}
}

func (c *freshConns) watch(conn net.Conn, state http.ConnState) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if state != http.StateNew {
		delete(c.conns, conn)
		return
	}
	if c.conns == nil {
		c.conns = map[net.Conn]struct{}{}
	}
	c.conns[conn] = struct{}{}
}

func (c *freshConns) close() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for conn := range c.conns {
		conn.Close()
	}
}
