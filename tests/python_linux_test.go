package tests

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm"
	"github.com/seed72196e11/shm/internal/shmtest"
	"github.com/seed72196e11/shm/recarray"
)

// TestNPYInPython shares a self-describing table that Go made: Python is told
// the name alone, and the bytes are those that numpy.save writes.
func TestNPYInPython(t *testing.T) {
	dt := parse(t, ticks)
	name := shmtest.Name(t)
	const n = 1000
	size, err := recarray.NPYSize(dt, n)
	require.NoError(t, err)
	seg, err := shm.Create(name, size, &shm.Options{Init: func(mem []byte) error {
		a, err := recarray.CreateNPY(mem, dt, n)
		if err == nil {
			fill(t, a)
		}
		return err
	}})
	require.NoError(t, err)
	t.Cleanup(func() { seg.Close() })
	a, err := recarray.OpenNPY(seg.Bytes())
	require.NoError(t, err)

	py := startPython(t, "attach_npy.py", shmtest.Path(name))
	var same bool
	py.answer(&same)
	require.True(t, same, "numpy.save writes other bytes")
	shareInBothDirections(t, py, name, a)

	py.end()
	info, err := seg.Stat()
	require.NoError(t, err, "a file that Python maps is not its tracker's")
	require.EqualValues(t, size, info.Size)
}

// TestNamesOfPython: whatever name Python gave, Go finds it.
func TestNamesOfPython(t *testing.T) {
	unique := shm.NewName()
	for what, name := range map[string][]any{
		"Python's own": nil,
		"punctuation":  {"my table (1), " + unique},
		"255 bytes":    {strings.Repeat("x", 255-len(unique)) + unique},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			py := startPython(t, "create.py", name...)
			var given string
			py.answer(&given)
			t.Cleanup(func() { shm.Unlink(given) })
			if name == nil {
				require.Regexp(t, "^psm_[0-9a-f]{8}$", given)
			}

			info, err := shm.Stat(given)
			require.NoError(t, err)
			require.Equal(t, fs.FileMode(0o600), info.Mode)
			require.EqualValues(t, 5000, info.Size)
			require.Equal(t, 0, info.Users)
			require.Equal(t, 1, info.Foreign, "the one Python that has it mapped")
			all, err := shm.List()
			require.NoError(t, err)
			info.Foreign = -1 // List does not look
			require.Contains(t, all, info)

			seg := openSegment(t, given)
			require.Equal(t, 5000, seg.Size())
			require.Equal(t, "hello", string(seg.Bytes()[:5]))
			copy(seg.Bytes(), "go on")
			var seen string
			py.ask(nil, &seen)
			require.Equal(t, "go on", seen)

			require.NoError(t, seg.Unlink())
			_, err = shm.Open(given, nil)
			require.ErrorIs(t, err, fs.ErrNotExist)
			py.ask(nil, &seen)
			require.Equal(t, "go on", seen, "Python keeps the memory")
		})
	}
}
