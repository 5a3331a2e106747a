// Package tests holds what needs more than one package or program: other
// processes, Python, and the rules between packages.
package tests

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm"
	"github.com/seed72196e11/shm/internal/shmtest"
)

func TestMain(m *testing.M) { shmtest.Main(m) }

// openSegment opens a segment, which is closed at the end of the test.
func openSegment(t *testing.T, name string) shm.Segment {
	t.Helper()
	seg, err := shm.Open(name, nil)
	require.NoError(t, err)
	t.Cleanup(func() { seg.Close() })
	return seg
}
