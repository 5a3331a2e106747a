package tests

import (
	"os/exec"
	"testing"
)

// pythonUnlinks: Python removes no names; they go with their last user.
const pythonUnlinks = false

func needPlace(*testing.T) {}

// group does nothing: what Python starts on Windows ends with it.
func group(*exec.Cmd) {}

func killGroup(cmd *exec.Cmd) { cmd.Process.Kill() }
