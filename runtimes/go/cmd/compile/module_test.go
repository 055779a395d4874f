package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func written(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func TestAFunctionsRequirementsCountAndOursWin(t *testing.T) {
	folder := written(t, map[string]string{"go.mod": `module example.com/f/v3
go 1.13
require (
	github.com/kubeless/kubeless v1.0.4
	example.com/lib v1.2.3
)
exclude example.com/lib v1.2.2
replace example.com/lib => ./lib
replace example.com/other => example.com/fork v1.0.0
replace github.com/kubeless/kubeless => ./elsewhere
`})
	user, err := readModule(folder)
	if err != nil {
		t.Fatal(err)
	}
	text := mainModule(user, folder, "/rt", "1.26")
	for _, line := range []string{
		"go 1.26",
		"require example.com/f/v3 v3.0.0",
		`replace example.com/f/v3 => "` + folder + `"`,
		`replace github.com/kubeless/kubeless => "/rt/kubeless"`,
		`replace tidegate.io/go => "/rt"`,
		"require example.com/lib v1.2.3",
		"exclude example.com/lib v1.2.2",
		`replace example.com/lib => "` + folder + `/lib"`,
		"replace example.com/other => example.com/fork v1.0.0",
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("%s is not in\n%s", line, text)
		}
	}
	if strings.Contains(text, "elsewhere") || strings.Contains(text, "v1.0.4") {
		t.Error(text)
	}
}

func TestAnAbsentAndAnEmptyModuleRequireNothing(t *testing.T) {
	for _, files := range []map[string]string{nil, {"go.mod": " \n"}} {
		user, err := readModule(written(t, files))
		if err != nil || user.Module.Path != defaultModule || len(user.Require) != 0 {
			t.Errorf("%+v, %v", user, err)
		}
	}
}

func TestTheLanguageVersionIsTheToolchains(t *testing.T) {
	for toolchain, language := range map[string]string{"go1.26.8\n": "1.26", "go1.27": "1.27"} {
		if got := languageVersion(toolchain); got != language {
			t.Errorf("%s: %s", toolchain, got)
		}
	}
}
