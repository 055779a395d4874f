// Package functions is what functions written for Kubeless import: the same types by their old
// path.
package functions

import "tidegate.io/go/functions"

// Event is what a function is called with.
type Event = functions.Event

// Extension is the HTTP side of an event.
type Extension = functions.Extension

// Context tells a function about itself.
type Context = functions.Context
