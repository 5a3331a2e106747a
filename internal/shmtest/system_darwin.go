package shmtest

import (
	"os"
	"strconv"
)

// System describes the system that the suite runs on.
func System() Traits { return macOS }

// privateParent is where a directory of segments can be made.
func privateParent() string { return os.TempDir() }

func mappings() []string { return nil }

// descriptors are the numbers of this process's open files. A few small ones
// belong to Go's poller, which opens them when it is first needed.
func descriptors() (open []string) {
	fds, _ := os.ReadDir("/dev/fd")
	for _, fd := range fds {
		if n, err := strconv.Atoi(fd.Name()); err == nil && n > 10 {
			open = append(open, fd.Name())
		}
	}
	return open
}
