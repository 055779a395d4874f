package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// build makes a program of a function. The function's folder stays as it is: what it lacks is laid
// over it.
type build struct {
	runtime string // the folder of our module
	stage   string // a folder of the build's own
	source  *source
}

// programs are what is built: the server, and the worker that has the function in it.
var programs = []string{"server", "function"}

const mainFile = `package main

import (
	function %q

	"tidegate.io/go/worker"
)

func main() { worker.Run(%q, %q, function.%s) }
`

const crashFile = `package %s

import _ "tidegate.io/go/worker/crash" // before this package, so that the front hears of its panics
`

// prepare writes the program's module.
func (b *build) prepare() error {
	s := b.source
	user, err := readModule(s.folder)
	if err != nil {
		return s.fail("%s/go.mod cannot be read: %v", s.folder, err)
	}
	language, err := exec.Command("go", "env", "GOVERSION").Output()
	if err != nil {
		return fmt.Errorf("asking go for its version: %w", err)
	}
	version := languageVersion(string(language))
	files := map[string]string{
		"go.mod":           mainModule(user, s.folder, b.runtime, version),
		"program/main.go":  fmt.Sprintf(mainFile, user.Module.Path, s.module, s.handler, s.handler),
		"over/crash":       fmt.Sprintf(crashFile, s.packageName),
		"over/go.mod.text": fmt.Sprintf("module %s\n\ngo %s\n", defaultModule, version),
		"overlay.json":     b.overlay(),
	}
	if sums, err := os.ReadFile(filepath.Join(s.folder, "go.sum")); err == nil {
		files["go.sum"] = string(sums)
	}
	for name, text := range files {
		file := filepath.Join(b.stage, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// languageVersion is that of a toolchain: 1.26 for go1.26.8.
func languageVersion(toolchain string) string {
	parts := strings.Split(strings.TrimPrefix(strings.TrimSpace(toolchain), "go"), ".")
	return strings.Join(parts[:min(2, len(parts))], ".")
}

// overlay tells the go command which files the function's folder has besides its own.
func (b *build) overlay() string {
	folder := b.source.folder
	replace := map[string]string{
		filepath.Join(folder, "tidegate_crash.go"): filepath.Join(b.stage, "over/crash"),
	}
	if !hasModule(folder) {
		replace[filepath.Join(folder, "go.mod")] = filepath.Join(b.stage, "over/go.mod.text")
	}
	text, _ := json.Marshal(map[string]any{"Replace": replace}) // strings always can
	return string(text)
}

// compile runs the go command; its output goes to stderr, and its first error into the sentence.
func (b *build) compile() error {
	var output bytes.Buffer
	command := exec.Command("go", "build", "-mod=mod", "-trimpath", "-buildvcs=false",
		"-ldflags=-s -w", "-overlay", filepath.Join(b.stage, "overlay.json"),
		"-o", filepath.Join(b.stage, "out")+string(filepath.Separator),
		"./program", oursModule+"/cmd/server")
	command.Dir = b.stage
	command.Stderr = io.MultiWriter(os.Stderr, &output)
	err := command.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return b.explain(output.String())
	}
	return err
}

// explain makes a sentence of what the compiler says.
func (b *build) explain(output string) error {
	s := b.source
	lines := bufio.NewScanner(strings.NewReader(output))
	first := "go build failed"
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "program/main.go:") {
			return s.fail("'%s' in %s is not a func(event functions.Event, "+
				"context functions.Context) (result, error), with a result of any type",
				s.handler, s.file)
		}
		if line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "go: downloading") {
			first = line
			break
		}
	}
	return s.fail("%s does not compile: %s", s.file, strings.ReplaceAll(first, b.stage+"/", ""))
}

// install puts the programs where they are wanted, each whole or not at all.
func (b *build) install(target string) error {
	built := map[string]string{"server": "server", "function": "program"}
	for _, program := range programs {
		text, err := os.ReadFile(filepath.Join(b.stage, "out", built[program]))
		if err != nil {
			return err
		}
		place := filepath.Join(target, program)
		if err := os.WriteFile(place+".new", text, 0o755); err != nil {
			return fmt.Errorf("writing %s: %w: give a folder that can be written", place, err)
		}
		if err := os.Rename(place+".new", place); err != nil {
			return fmt.Errorf("writing %s: %w", place, err)
		}
	}
	return nil
}
