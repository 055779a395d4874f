// Compile builds a function and its server from what the environment names. It is called by the
// script "build" with the folder of this module, the caller's, and perhaps one for the programs.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"tidegate.io/go/internal/settings"
)

func main() {
	if len(os.Args) < 3 || len(os.Args) > 4 {
		fmt.Fprintln(os.Stderr, "usage: build [folder for the programs]")
		os.Exit(settings.BadConfiguration)
	}
	err := run(os.Args[1], os.Args[2], os.Args[3:])
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, err)
	if load := (loadError{}); errors.As(err, &load) {
		os.Exit(settings.LoadFailed)
	}
	os.Exit(settings.BadConfiguration)
}

// loadError is a function that cannot be built: one sentence for its author.
type loadError struct{ sentence string }

func (e loadError) Error() string { return e.sentence }

func run(runtime, from string, output []string) error {
	found, err := settings.FromEnv(os.Getenv)
	if err != nil {
		return err
	}
	found.Folder = absolute(from, found.Folder)
	target := found.Folder
	if len(output) > 0 {
		target = absolute(from, output[0])
	}
	source, err := readSource(found)
	if err != nil {
		return err
	}
	stage, err := os.MkdirTemp("", "tidegate-go-")
	if err != nil {
		return fmt.Errorf("making a folder to build in: %w: set TMPDIR to one that can be written", err)
	}
	defer os.RemoveAll(stage)
	b := build{runtime: runtime, stage: stage, source: source}
	if err := b.prepare(); err != nil {
		return err
	}
	if err := b.compile(); err != nil {
		return err
	}
	return b.install(target)
}

func absolute(from, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(from, path)
}
