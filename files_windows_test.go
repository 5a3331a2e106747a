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

// TestNoAddresses: what the system says when a view finds no room. Only a 32-bit
// process gets there within reason.
func TestNoAddresses(t *testing.T) {
	for _, errno := range []error{windows.ERROR_NOT_ENOUGH_MEMORY, windows.ERROR_INVALID_ADDRESS} {
		err := noAddresses(os.NewSyscallError("MapViewOfFile", errno), 1<<30)
		require.ErrorIs(t, err, ErrTooLarge)
		require.ErrorContains(t, err, "1073741824 bytes, for which this process has no room")
	}
	for _, other := range []error{
		os.NewSyscallError("MapViewOfFile", windows.ERROR_ACCESS_DENIED),
		os.NewSyscallError("CreateFileMapping", windows.ERROR_NOT_ENOUGH_MEMORY),
	} {
		require.Equal(t, other, noAddresses(other, 1<<30))
	}
}
