package shmtest

import (
	"io/fs"
	"os"
	"runtime"

	"github.com/seed72196e11/shm/internal/testenv"
)

// This file and those of the systems are what the suite asks of the system
// beside the package under test.

// ownDirectory makes a directory of segments for this package's tests, where
// killed creators leave files behind, and nothing else depends on which one it
// is: not on Linux.
func ownDirectory() (remove func()) {
	if runtime.GOOS == "linux" || os.Getenv("SHM_DIR") != "" {
		return func() {}
	}
	dir, err := os.MkdirTemp("", "shmtest-")
	if err == nil {
		err = os.Setenv("SHM_DIR", dir)
	}
	if err != nil {
		panic(err)
	}
	return func() { testenv.RemoveAll(dir) }
}

// Traits are where systems differ in what the contract leaves open.
type Traits struct {
	LongestName int         // that Open can look for, in bytes
	Rounds      int         // that a race gets to go wrong
	AnotherMode fs.FileMode // that a segment can have, and has not by default if there is such a one
}
