package shmtest

import (
	"io/fs"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seed72196e11/shm"
	"github.com/seed72196e11/shm/internal/testenv"
)

func private(t *testing.T) {
	if onXNU() {
		privateObject(t)
		return
	}
	privateFile(t)
}

// privateFile is the promise where a segment is a file.
func privateFile(t *testing.T) {
	t.Run("the mode is exact whatever the umask", exactMode)
	t.Run("nothing but the owner's bits by default", func(t *testing.T) {
		name := Name(t)
		create(t, name, 10, nil)
		info, err := os.Stat(Path(name))
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode())
	})

	t.Run("what is no segment is refused", func(t *testing.T) {
		target := Name(t)
		create(t, target, 10, nil)
		for kind, plant := range map[string]func(path string) error{
			"symbolic link": func(path string) error { return os.Symlink(Path(target), path) },
			"dangling link": func(path string) error { return os.Symlink(path+"-nowhere", path) },
			"pipe":          func(path string) error { return unix.Mkfifo(path, 0o666) },
			"directory":     func(path string) error { return os.Mkdir(path, 0o777) },
			"socket":        func(path string) error { return unix.Mknod(path, unix.S_IFSOCK|0o666, 0) },
		} {
			name := Name(t)
			require.NoError(t, plant(Path(name)), kind)
			t.Cleanup(func() { os.Remove(Path(name)) })
			refused(t, name, kind)
			require.NoError(t, os.Remove(Path(name)), "it is still there")
		}
	})

	t.Run("a device is refused", func(t *testing.T) {
		needRoot(t)
		for kind, plant := range map[string]func(path string) error{
			"/dev/null":        func(path string) error { return unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))) },
			"without a driver": func(path string) error { return unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(240, 255))) },
			"a disk":           func(path string) error { return unix.Mknod(path, unix.S_IFBLK|0o666, int(unix.Mkdev(240, 255))) },
		} {
			name := Name(t)
			if err := plant(Path(name)); err != nil {
				testenv.Need(t, "devices", err.Error())
			}
			t.Cleanup(func() { os.Remove(Path(name)) })
			refused(t, name, "device, "+kind)
		}
	})

	t.Run("and not even opened", func(t *testing.T) {
		name := Name(t)
		require.NoError(t, unix.Mkfifo(Path(name), 0o666))
		t.Cleanup(func() { os.Remove(Path(name)) })
		opened := make(chan error, 1)
		go func() { // waits for a reader
			f, err := os.OpenFile(Path(name), os.O_WRONLY, 0)
			if err == nil {
				err = f.Close()
			}
			opened <- err
		}()
		defer func() { // lets it go
			f, err := os.OpenFile(Path(name), os.O_RDWR, 0)
			require.NoError(t, err)
			require.NoError(t, <-opened)
			require.NoError(t, f.Close())
		}()
		for range 20 {
			_, err := shm.Open(name, &shm.Options{ReadOnly: true})
			require.ErrorIs(t, err, shm.ErrForeign)
			require.ErrorIs(t, shm.Unlink(name), shm.ErrForeign)
			_, err = shm.Stat(name)
			require.ErrorIs(t, err, shm.ErrForeign)
			require.Empty(t, opened, "something has opened the pipe to read")
			time.Sleep(time.Millisecond) // time for the writer to come
		}
	})

	t.Run("another user's segment is refused", func(t *testing.T) {
		needRoot(t)
		name := Name(t)
		create(t, name, 10, &shm.Options{Mode: 0o666})
		require.NoError(t, os.Chown(Path(name), 12345, 12345))
		_, err := shm.Open(name, nil)
		require.ErrorIs(t, err, fs.ErrPermission)
		require.Contains(t, err.Error(), "12345")
		require.Equal(t, 10, open(t, name, &shm.Options{AnyOwner: true}).Size())
		info, err := shm.Stat(name)
		require.NoError(t, err)
		require.Equal(t, "12345", info.Owner)
	})

	t.Run("others may only what the mode says", othersMay)
}

// refused checks that what has the name is no segment to any call, and that it
// stays where it is.
func refused(t *testing.T, name, kind string) {
	t.Helper()
	_, openErr := shm.Open(name, nil)
	_, readErr := shm.Open(name, &shm.Options{ReadOnly: true})
	_, statErr := shm.Stat(name)
	for call, err := range map[string]error{"Open": openErr, "Open read-only": readErr, "Stat": statErr, "Unlink": shm.Unlink(name)} {
		require.ErrorIs(t, err, shm.ErrForeign, "%s of a %s", call, kind)
	}
	_, err := shm.Create(name, 10, nil)
	require.ErrorIs(t, err, fs.ErrExist, "Create over a %s", kind)
	require.False(t, listed(t, name), "a %s is listed", kind)
	_, err = os.Lstat(Path(name))
	require.NoError(t, err, "a %s went", kind)
}
