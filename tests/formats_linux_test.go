package tests

import (
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seed72196e11/shm"
	"github.com/seed72196e11/shm/internal/shmtest"
)

// This file is a program that knows docs/formats.md and not the library.

const (
	formatBase = 1 << 40
	formatZone = 1 << 30
)

// lockByte takes a lock as tokens are, until the file is closed.
func lockByte(t *testing.T, name string, at int64) *os.File {
	t.Helper()
	f, err := os.OpenFile(shmtest.Path(name), os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart, Start: at, Len: 1}
	require.NoError(t, unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lock))
	return f
}

// TestFormatOfTokens: whoever takes a token is a user; the locks set aside for
// other things are none.
func TestFormatOfTokens(t *testing.T) {
	name := shmtest.Name(t)
	seg, err := shm.Create(name, 100, &shm.Options{Lifetime: shm.UntilLastClose})
	require.NoError(t, err)
	users := func() int {
		info, err := shm.Stat(name)
		require.NoError(t, err)
		return info.Users
	}
	for _, none := range []int64{0, formatBase - 1, formatBase + formatZone, formatBase + 2*formatZone, formatBase + 3*formatZone - 1} {
		lockByte(t, name, none)
		require.Equal(t, 1, users(), "%#x", none)
	}
	first := lockByte(t, name, formatBase+1)
	last := lockByte(t, name, formatBase+formatZone-1)
	require.Equal(t, 3, users())

	require.NoError(t, first.Close())
	require.NoError(t, seg.Close())
	require.Equal(t, 1, users(), "one is left who keeps it")
	require.NoError(t, last.Close())
	require.Zero(t, users())
	removed, err := shm.Prune()
	require.NoError(t, err)
	require.Contains(t, names(removed), name)
}

func names(infos []shm.Info) (all []string) {
	for _, i := range infos {
		all = append(all, i.Name)
	}
	return all
}

// TestFormatOfModes looks at the bits of a file's mode.
func TestFormatOfModes(t *testing.T) {
	for life, mode := range map[shm.Lifetime]uint32{shm.UntilUnlink: 0o640, shm.UntilLastClose: 0o1640} {
		seg, err := shm.Create(shmtest.Name(t), 100, &shm.Options{Mode: 0o640, Lifetime: life})
		require.NoError(t, err)
		defer seg.Close()
		f, err := os.Open(shmtest.Path(seg.Name()))
		require.NoError(t, err)
		defer f.Close()
		var st unix.Stat_t
		require.NoError(t, unix.Fstat(int(f.Fd()), &st))
		require.Equal(t, unix.S_IFREG|mode, uint32(st.Mode))
		require.EqualValues(t, 100, st.Size)

		require.NoError(t, seg.Unlink())
		require.NoError(t, unix.Fstat(int(f.Fd()), &st))
		require.Equal(t, unix.S_IFREG|mode&^0o400, uint32(st.Mode), "unlinked by this library")
		require.Zero(t, st.Nlink)
	}
}
