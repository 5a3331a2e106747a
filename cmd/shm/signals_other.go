//go:build !unix

package main

import (
	"errors"
	"os"
	"os/exec"
)

func endings() []os.Signal { return []os.Signal{os.Interrupt} }

var errBrokenPipe = errors.New("broken pipe") // such systems have a word of their own, or none

func ignoreBrokenPipes() {}

func apart(*exec.Cmd) {}
