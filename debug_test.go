package shm_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm"
	. "github.com/seed72196e11/shm/internal/shmtest"
)

// TestDebug uses memory after Close: with SHM_DEBUG=1 that faults, every time,
// and no later mapping takes the addresses.
func TestDebug(t *testing.T) {
	if !Supported {
		t.Skip("there is no memory to use")
	}
	t.Setenv("SHM_DEBUG", "1")
	seg, err := shm.Create(Name(t), 10, nil)
	require.NoError(t, err)
	stale := seg.Bytes()
	require.NoError(t, seg.Close())
	for range 3 {
		other, err := shm.Create(Name(t), 10, nil)
		require.NoError(t, err)
		defer other.Close()
		require.Panics(t, func() {
			shm.Guard(func() error { stale[0] = 1; return nil })
		}, "a fault in memory that is closed is no segment's fault")
	}
}
