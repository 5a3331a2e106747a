package tests

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm"
)

// TestNamesOfPython: whatever name Python gave, Go finds it, as long as somebody
// has it open.
func TestNamesOfPython(t *testing.T) {
	unique := shm.NewName()
	for what, name := range map[string][]any{
		"Python's own": nil,
		"punctuation":  {"my table (1), " + unique},
		"long":         {strings.Repeat("x", 200-len(unique)) + unique},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			py := startPython(t, "create.py", name...)
			var given string
			py.answer(&given)
			if name == nil {
				require.Regexp(t, "^wnsm_[0-9a-f]{8}$", given)
			}
			info, err := shm.Stat(given)
			require.NoError(t, err)
			require.EqualValues(t, 8192, info.Size, "whole pages")
			require.Equal(t, -1, info.Users)

			seg := openSegment(t, given)
			require.Equal(t, 8192, seg.Size())
			require.Equal(t, "hello", string(seg.Bytes()[:5]))
			copy(seg.Bytes(), "go on")
			var seen string
			py.ask(nil, &seen)
			require.Equal(t, "go on", seen)

			require.ErrorIs(t, seg.Unlink(), shm.ErrForeign)
			py.end()
			require.Equal(t, "go on", string(openSegment(t, given).Bytes()[:5]), "Go has it open")
		})
	}
}

// TestPythonTakesTheName: while Python has a segment, its name is taken, and then
// free.
func TestPythonTakesTheName(t *testing.T) {
	name := shm.NewName()
	py := startPython(t, "create.py", name)
	var given string
	py.answer(&given)
	_, err := shm.Create(name, 10, nil)
	require.ErrorIs(t, err, fs.ErrExist)
	py.end()
	_, err = shm.Open(name, nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
	create(t, name, 10, nil)
	require.NoError(t, shm.Unlink(name))
}
