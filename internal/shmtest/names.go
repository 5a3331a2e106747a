package shmtest

import (
	"errors"
	"io/fs"
	"sync"
	"testing"

	"github.com/seed72196e11/shm"
)

// given are the names that Name gave, for the look round at the end.
var given struct {
	mu    sync.Mutex
	names []string
}

// Name returns a name for a segment of this test alone, which is unlinked at
// its end if it is still there.
func Name(t testing.TB) string {
	name := shm.NewName()
	given.mu.Lock()
	given.names = append(given.names, name)
	given.mu.Unlock()
	t.Cleanup(func() {
		if err := shm.Unlink(name); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("cleaning up: %v", err)
		}
	})
	return name
}

// leftovers lists the segments that tests have left, and where the system can
// say it, the mappings.
func leftovers() []string {
	given.mu.Lock()
	defer given.mu.Unlock()
	left := mappings()
	for _, name := range given.names {
		if _, err := shm.Stat(name); err == nil {
			left = append(left, "segment "+name)
		}
	}
	return left
}
