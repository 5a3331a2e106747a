package tests

import (
	"os/exec"
	"syscall"
	"testing"

	"github.com/seed72196e11/shm/internal/shmtest"
	"github.com/seed72196e11/shm/internal/testenv"
)

// pythonUnlinks: Python removes the names of segments, also those that it
// merely attached to.
const pythonUnlinks = true

// needPlace skips a test where Python looks elsewhere for segments than Go.
func needPlace(t *testing.T) {
	t.Helper()
	if shmtest.Dir() != "/dev/shm" {
		testenv.Need(t, "python", "it looks for segments in /dev/shm alone, and SHM_DIR names another directory")
	}
}

// group makes a process and those that it starts one group.
func group(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func killGroup(cmd *exec.Cmd) { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
