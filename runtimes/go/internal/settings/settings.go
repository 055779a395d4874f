// Package settings reads what the environment says about the function and its server, once, and
// checks it whole.
package settings

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Exit codes of the server.
const (
	BadConfiguration = 2
	LoadFailed       = 3
	BindFailed       = 4
	CutShort         = 5
)

const mib = 1024 * 1024

// sharedConcurrency is how many calls run at once by default: goroutines of one worker are cheap.
const sharedConcurrency = 100

// Settings are one function's.
type Settings struct {
	Module, Handler string
	Folder          string
	Host            string
	Port            int
	PortFile        string
	Timeout         time.Duration
	TimeoutText     string // as it was written, for the function
	Concurrency     int
	Queue           int
	BodyLimit       int64
	ShutdownTimeout time.Duration
	AccessLog       bool
	Runtime         string
	MemoryLimit     string
	Name, Namespace string
}

// Function is the function's name as MOD_NAME and FUNC_HANDLER give it.
func (s *Settings) Function() string { return s.Module + "." + s.Handler }

// Title is how log lines call the function.
func (s *Settings) Title() string {
	if s.Name != "" {
		return s.Name
	}
	return s.Function()
}

// FromEnv reads settings by a function like os.Getenv. An error names the variable and says what
// to set it to.
func FromEnv(getenv func(string) string) (*Settings, error) {
	r := reader{getenv: getenv}
	access := getenv("FUNC_ACCESS_LOG")
	settings := &Settings{
		Module:          r.required("MOD_NAME", "the function's file without its suffix"),
		Handler:         r.required("FUNC_HANDLER", "the name of the function in that file"),
		Folder:          r.text("KUBELESS_INSTALL_VOLUME", "/kubeless"),
		Host:            r.text("FUNC_HOST", "0.0.0.0"),
		Port:            r.whole("FUNC_PORT", 8080, 65535),
		PortFile:        getenv("FUNC_PORT_FILE"),
		Timeout:         r.seconds("FUNC_TIMEOUT", 180, 0.001, 86400),
		TimeoutText:     r.text("FUNC_TIMEOUT", "180"),
		Concurrency:     r.whole("FUNC_CONCURRENCY", 0, 10_000),
		Queue:           r.whole("FUNC_QUEUE", 100, 100_000),
		ShutdownTimeout: r.seconds("FUNC_SHUTDOWN_TIMEOUT", 10, 0, 3600),
		AccessLog:       access != "" && access != "0" && access != "false",
		Runtime:         getenv("FUNC_RUNTIME"),
		MemoryLimit:     getenv("FUNC_MEMORY_LIMIT"),
		Name:            getenv("FUNC_NAME"),
		Namespace:       getenv("FUNC_NAMESPACE"),
	}
	old := r.whole("FUNC_MEMFILE_MAX", 100*mib, 2048*mib)
	settings.BodyLimit = int64(r.whole("FUNC_BODY_LIMIT", old, 2048*mib))
	if settings.Concurrency == 0 {
		settings.Concurrency = sharedConcurrency
	}
	return settings, r.err
}

// reader remembers the first error, so that reading stays a list.
type reader struct {
	getenv func(string) string
	err    error
}

func (r *reader) fail(format string, arguments ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, arguments...)
	}
}

func (r *reader) text(variable, otherwise string) string {
	if text := r.getenv(variable); text != "" {
		return text
	}
	return otherwise
}

func (r *reader) required(variable, meaning string) string {
	text := r.getenv(variable)
	if text == "" {
		r.fail("%s is not set: set it to %s", variable, meaning)
	}
	return text
}

func (r *reader) whole(variable string, otherwise, high int) int {
	text := r.getenv(variable)
	if text == "" {
		return otherwise
	}
	value, err := strconv.Atoi(text)
	if err != nil || value < 0 || value > high {
		r.fail("%s is '%s': set it to a whole number from 0 to %d", variable, text, high)
	}
	return value
}

func (r *reader) seconds(variable string, otherwise, low, high float64) time.Duration {
	value := otherwise
	if text := r.getenv(variable); text != "" {
		var err error
		value, err = strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(value) || value < low || value > high {
			r.fail("%s is '%s': set it to a number from %v to %v", variable, text, low, high)
			return 0
		}
	}
	return time.Duration(value * float64(time.Second))
}
