package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// oursModule and kubelessModule are the paths by which functions import their types.
const (
	oursModule     = "tidegate.io/go"
	kubelessModule = "github.com/kubeless/kubeless"
	defaultModule  = "function"
)

// version is a module's path and version, as `go mod edit -json` writes them.
type version struct{ Path, Version string }

func (v version) String() string { return strings.TrimSpace(v.Path + " " + v.Version) }

// userModule is what counts of a function's go.mod.
type userModule struct {
	Module  version
	Require []version
	Exclude []version
	Replace []struct{ Old, New version }
}

// readModule reads the folder's go.mod; an absent or an empty one is as good as none.
func readModule(folder string) (*userModule, error) {
	found := &userModule{Module: version{Path: defaultModule}}
	if !hasModule(folder) {
		return found, nil
	}
	command := exec.Command("go", "mod", "edit", "-json", filepath.Join(folder, "go.mod"))
	command.Stderr = os.Stderr
	text, err := command.Output()
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, found); err != nil {
		return nil, err
	}
	return found, nil
}

func hasModule(folder string) bool {
	text, err := os.ReadFile(filepath.Join(folder, "go.mod"))
	return err == nil && len(bytes.TrimSpace(text)) > 0
}

// mainModule is the go.mod of the program: the function's requirements and ours, the function's
// own module and ours from where they are. The function's language version stays its own.
func mainModule(user *userModule, folder, runtime, language string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "module program\n\ngo %s\n", language)
	ours := map[string]string{
		user.Module.Path: folder,
		oursModule:       runtime,
		kubelessModule:   filepath.Join(runtime, "kubeless"),
	}
	for path, place := range ours {
		fmt.Fprintf(&text, "require %s %s\nreplace %s => %q\n", path, anyVersion(path), path, place)
	}
	for _, required := range user.Require {
		if _, known := ours[required.Path]; !known {
			fmt.Fprintf(&text, "require %v\n", required)
		}
	}
	for _, excluded := range user.Exclude {
		fmt.Fprintf(&text, "exclude %v\n", excluded)
	}
	for _, replaced := range user.Replace {
		if _, known := ours[replaced.Old.Path]; !known {
			fmt.Fprintf(&text, "replace %v => %s\n", replaced.Old, place(folder, replaced.New))
		}
	}
	return text.String()
}

// place is a replacement seen from elsewhere: folders are relative to the function's.
func place(folder string, replacement version) string {
	if strings.HasPrefix(replacement.Path, "./") || strings.HasPrefix(replacement.Path, "../") {
		return fmt.Sprintf("%q", filepath.Join(folder, replacement.Path))
	}
	return replacement.String()
}

var majorSuffix = regexp.MustCompile(`[/.]v([0-9]+)$`)

// anyVersion is a version that a module of this path may have.
func anyVersion(path string) string {
	if major := majorSuffix.FindStringSubmatch(path); major != nil {
		return "v" + major[1] + ".0.0"
	}
	return "v0.0.0"
}
