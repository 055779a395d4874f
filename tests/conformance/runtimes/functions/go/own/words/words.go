// Package words is a module beside a function.
package words

// Greeting is what it is there for.
const Greeting = "hello from beside"
