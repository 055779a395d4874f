// Package kubeless has a function as it was written for Kubeless, good and bad on purpose.
package kubeless

import (
	"errors"
	"os/exec"

	"example.com/words"
	"github.com/kubeless/kubeless/pkg/functions"
)

// Handler does what the event says.
func Handler(event functions.Event, context functions.Context) (string, error) {
	switch event.Data {
	case "fail":
		return "", errors.New("the reason")
	case "heed":
		<-event.Extensions.Context.Done()
		return "", event.Extensions.Context.Err()
	case "panic beside":
		go panic("beside the call")
		select {}
	case "start a program":
		return "", exec.Command("sleep", "1000").Run()
	}
	return words.Greeting, nil
}

// Other is another function of this file.
func Other(event functions.Event, context functions.Context) (string, error) { return "", nil }
