package shm_test

import (
	"testing"

	"github.com/seed72196e11/shm/internal/shmtest"
)

func TestMain(m *testing.M) { shmtest.Main(m) }

// TestContract is what the package promises, on every system.
func TestContract(t *testing.T) {
	if !shmtest.Supported {
		shmtest.Unsupported(t)
		return
	}
	shmtest.Run(t)
}
