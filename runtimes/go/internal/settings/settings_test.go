package settings

import (
	"strings"
	"testing"
	"time"
)

func from(pairs ...string) (*Settings, error) {
	env := map[string]string{"MOD_NAME": "m", "FUNC_HANDLER": "H"}
	for i := 0; i < len(pairs); i += 2 {
		env[pairs[i]] = pairs[i+1]
	}
	return FromEnv(func(name string) string { return env[name] })
}

func TestDefaultsAreThoseOfTheContract(t *testing.T) {
	found, err := from()
	if err != nil {
		t.Fatal(err)
	}
	want := Settings{
		Module: "m", Handler: "H", Folder: "/kubeless", Host: "0.0.0.0", Port: 8080,
		Timeout: 180 * time.Second, TimeoutText: "180", Concurrency: 100, Queue: 100,
		BodyLimit: 104857600, ShutdownTimeout: 10 * time.Second,
	}
	if *found != want {
		t.Errorf("%+v", *found)
	}
}

func TestTheBodyLimitHasAnOldName(t *testing.T) {
	if found, _ := from("FUNC_MEMFILE_MAX", "5"); found.BodyLimit != 5 {
		t.Errorf("old name: %d", found.BodyLimit)
	}
	if found, _ := from("FUNC_MEMFILE_MAX", "5", "FUNC_BODY_LIMIT", "6"); found.BodyLimit != 6 {
		t.Errorf("both: %d", found.BodyLimit)
	}
}

func TestLogLinesBeginWithTheFunctionsName(t *testing.T) {
	named, _ := from("FUNC_NAME", "hello")
	unnamed, _ := from()
	if named.Title() != "hello" || unnamed.Title() != "m.H" {
		t.Errorf("%q, %q", named.Title(), unnamed.Title())
	}
}

func TestAWrongVariableIsNamed(t *testing.T) {
	for variable, value := range map[string]string{
		"MOD_NAME": "", "FUNC_PORT": "65536", "FUNC_TIMEOUT": "inf", "FUNC_QUEUE": "1.5",
		"FUNC_SHUTDOWN_TIMEOUT": "-1", "FUNC_BODY_LIMIT": "lots",
	} {
		_, err := from(variable, value)
		if err == nil || !strings.HasPrefix(err.Error(), variable+" is ") ||
			!strings.Contains(err.Error(), ": set it to ") {
			t.Errorf("%s: %v", variable, err)
		}
	}
}
