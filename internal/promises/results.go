package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// column is what was seen on one system.
type column struct {
	system   string
	notRun   string    // why there is nothing to be seen
	broken   bool      // something beside the promises failed
	promises []promise // in the suite's order
}

// promise is a subtest of the contract.
type promise struct {
	name   string
	result result
	why    string   // skipped: why
	skips  []string // of parts of it: which and why
}

func (p promise) failed() bool { return p.result == failed }

type result int

const (
	failed result = iota // also what never ended
	kept
	skipped
)

// suite is the test whose subtests are the promises.
const suite = "TestContract"

// event is what go test -json says (go doc test2json).
type event struct {
	Action, Test, Output string
}

// parse reads the output of go test -json and shows what failed to stderr.
func parse(in io.Reader, stderr io.Writer) ([]promise, error) {
	var promises []promise
	said := make(map[string]string) // by a test, whose name is empty for the package
	for d := json.NewDecoder(in); ; {
		var e event
		if err := d.Decode(&e); errors.Is(err, io.EOF) {
			return promises, nil
		} else if err != nil {
			return nil, fmt.Errorf("go test -json says what is no JSON: %w", err)
		}
		switch e.Action {
		case "output", "build-output":
			said[e.Test] += e.Output
			continue
		case "fail", "build-fail":
			fmt.Fprint(stderr, "\n", said[e.Test])
		}
		name, part, ok := promiseOf(e.Test)
		if !ok {
			continue
		}
		i := slices.IndexFunc(promises, func(p promise) bool { return p.name == name })
		if i < 0 {
			promises, i = append(promises, promise{name: name}), len(promises)
		}
		p := &promises[i]
		switch {
		case e.Action == "pass" && part == "":
			p.result = kept
		case e.Action == "skip" && part == "":
			p.result, p.why = skipped, reason(said[e.Test])
		case e.Action == "skip":
			p.skips = append(p.skips, part+": "+reason(said[e.Test]))
		}
	}
}

// promiseOf takes a test's name apart: the promise, and which part of it.
func promiseOf(test string) (name, part string, ok bool) {
	rest, ok := strings.CutPrefix(test, suite+"/")
	name, part, _ = strings.Cut(strings.ReplaceAll(rest, "_", " "), "/")
	return name, part, ok
}

// place is where in the source a test said something, as package testing begins
// the line.
var place = regexp.MustCompile(`(?m)^ +[a-z0-9_]+\.go:[0-9]+: `)

// reason is the last that a skipped test said, in one line.
func reason(output string) string {
	places := place.FindAllStringIndex(output, -1)
	if places == nil {
		return "it does not say why"
	}
	text := output[places[len(places)-1][1]:]
	text, _, _ = strings.Cut(text, "--- SKIP")
	return strings.Join(strings.Fields(text), " ")
}
