package shm_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	. "github.com/seed72196e11/shm/internal/shmtest"
)

// TestHammer lasts as long as SHM_TEST_HAMMER says.
func TestHammer(t *testing.T) {
	if !Supported {
		t.Skip("there is nothing to hammer on")
	}
	h := Hammer{Processes: 32, Names: 10, Duration: 3 * time.Second}
	if d := os.Getenv("SHM_TEST_HAMMER"); d != "" {
		var err error
		h.Duration, err = time.ParseDuration(d)
		require.NoError(t, err)
	}
	if Emulated() {
		h.Processes = 4
	}
	h.Run(t)
}
