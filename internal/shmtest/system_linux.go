package shmtest

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/seed72196e11/shm/internal/xnu"
)

// System describes the system that the suite runs on: this one, or a model of
// macOS (see package xnu).
func System() Traits {
	if onXNU() {
		return macOS
	}
	return Traits{LongestName: 255, Rounds: 800, AnotherMode: 0o640}
}

func onXNU() bool { return os.Getenv(xnu.Variable) != "" }

// Dir is where segments stand.
func Dir() string {
	if d := os.Getenv("SHM_DIR"); d != "" {
		return d
	}
	return "/dev/shm"
}

// Path is where the segment of that name stands.
func Path(name string) string { return filepath.Join(Dir(), name) }

// privateParent is where a directory of segments has the same file system.
func privateParent() string { return Dir() }

// mappings are the segments that this process still maps, under whatever name:
// the kernel shows those that Create made as deleted files.
func mappings() (left []string) {
	maps, _ := os.ReadFile("/proc/self/maps")
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, " "+Dir()+"/") {
			left = append(left, "mapping "+strings.TrimSpace(line))
		}
	}
	return left
}

// descriptors are this process's open files, but those of Go's poller, which
// opens them when it is first needed.
func descriptors() (open []string) {
	fds, _ := filepath.Glob("/proc/self/fd/*") // its own is closed by now
	for _, fd := range fds {
		target, err := os.Readlink(fd)
		if err == nil && target != "anon_inode:[eventpoll]" && target != "anon_inode:[eventfd]" {
			open = append(open, filepath.Base(fd)+" to "+target)
		}
	}
	return open
}
