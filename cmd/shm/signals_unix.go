//go:build unix

package main

import (
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"syscall"
)

// endings are the signals that ask a program to end, but those that it was
// started to ignore, as nohup does.
func endings() []os.Signal {
	asked := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}
	return slices.DeleteFunc(asked, signal.Ignored)
}

var errBrokenPipe error = syscall.EPIPE

// ignoreBrokenPipes makes a write that nobody reads an error, where it would
// end the program before it can clean up.
func ignoreBrokenPipes() { signal.Ignore(syscall.SIGPIPE) }

// apart keeps a terminal's Ctrl-C from a process: its parent sees the signal and
// ends it, and knows why it ended.
func apart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
