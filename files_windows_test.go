package shm

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"
)

// TestMoveDenied renames a file that somebody is about to delete, which Windows
// refuses with the words that it has for scanners too.
func TestMoveDenied(t *testing.T) {
	dir, err := os.MkdirTemp("", "shmtest-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	require.NoError(t, os.WriteFile(from, nil, 0o600))
	handle, err := openFile(from, windows.DELETE, nil, windows.OPEN_EXISTING, 0)
	require.NoError(t, err)
	t.Cleanup(func() { windows.CloseHandle(handle) })
	pending := func(is byte) {
		if err := windows.SetFileInformationByHandle(handle, windows.FileDispositionInfo, &is, 1); err != nil {
			t.Errorf("got %v", err)
		}
	}

	pending(1)
	err = move(from, to)
	if err == nil {
		t.Skip("Wine does not refuse")
	}
	require.ErrorIs(t, err, fs.ErrPermission, "for good")
	time.AfterFunc(movePatience/4, func() { pending(0) })
	require.NoError(t, move(from, to), "for a moment")
	require.FileExists(t, to)
}
