package tests

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"

	"github.com/seed72196e11/shm"
	"github.com/seed72196e11/shm/internal/shmtest"
	"github.com/seed72196e11/shm/internal/testenv"
)

// cpythonVar in the environment names the program of
// testdata/cpython_windows.c, for a machine that has no C compiler.
const cpythonVar = "SHM_TEST_CPYTHON"

// startCPython starts a program that does to sections what Python does.
func startCPython(t *testing.T) *shmtest.Process {
	t.Helper()
	exe := os.Getenv(cpythonVar)
	if exe == "" {
		exe = buildCPython(t)
	}
	return shmtest.StartCommand(t, exec.Command(exe))
}

func buildCPython(t *testing.T) string {
	t.Helper()
	exe := filepath.Join(testenv.TempDir(t), "cpython.exe")
	for _, compiler := range []string{"gcc", "x86_64-w64-mingw32-gcc", "clang"} {
		if path, err := exec.LookPath(compiler); err == nil {
			out, err := exec.Command(path, "-Wall", "-o", exe, filepath.Join("testdata", "cpython_windows.c")).CombinedOutput()
			require.NoError(t, err, "%s", out)
			return exe
		}
	}
	testenv.Need(t, "cpython-calls", "there is no C compiler, and "+cpythonVar+" names no program")
	return ""
}

func create(t *testing.T, name string, size int, o *shm.Options) shm.Segment {
	t.Helper()
	seg, err := shm.Create(name, size, o)
	require.NoError(t, err)
	t.Cleanup(func() { seg.Close() })
	return seg
}

func absent(t *testing.T, name string) {
	t.Helper()
	_, err := shm.Open(name, nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = shm.Stat(name)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorIs(t, shm.Unlink(name), fs.ErrNotExist)
}

// TestCPythonAttaches: what Go made, Python finds, whole pages of it and nothing
// behind them.
func TestCPythonAttaches(t *testing.T) {
	for _, size := range []int{1, 4095, 4096, 5000, 65536, 1<<20 + 1} {
		name := shmtest.Name(t)
		seg := create(t, name, size, nil)
		py := startCPython(t)
		pages := (size + 4095) / 4096 * 4096
		require.Equal(t, pages, number(t, py.Ask("attach", name)), "size %d", size)
		seg.Bytes()[size-1] = 7
		require.Equal(t, "7", py.Ask("read", size-1))
		py.Ask("write", 0, 9)
		require.Equal(t, byte(9), seg.Bytes()[0])
		require.Equal(t, size, openSegment(t, name).Size())
		if pages > size {
			require.Equal(t, "0", py.Ask("read", pages-1), "the rest of the last page is zero")
		}
		taken := startCPython(t)
		taken.Tell("create", name, size)
		require.Equal(t, "error 183", taken.Answer(), "ERROR_ALREADY_EXISTS")
	}

	t.Run("also when a reader has it open alone", func(t *testing.T) {
		name := shmtest.Name(t)
		seg := create(t, name, 10, nil)
		require.NoError(t, seg.Close())
		reader, err := shm.Open(name, &shm.Options{ReadOnly: true})
		require.NoError(t, err)
		t.Cleanup(func() { reader.Close() })
		py := startCPython(t)
		py.Ask("attach", name)
		py.Ask("write", 3, 4)
		require.Equal(t, byte(4), reader.Bytes()[3])
	})

	t.Run("not when nobody has it open", func(t *testing.T) {
		name := shmtest.Name(t)
		seg := create(t, name, 10, nil)
		require.NoError(t, seg.Close())
		py := startCPython(t)
		py.Tell("attach", name)
		require.Equal(t, "error 2", py.Answer(), "ERROR_FILE_NOT_FOUND")
		openSegment(t, name)
		py.Ask("attach", name)
	})
}

// TestCPythonCreates: what Python made, Go finds, as a foreign segment that goes
// with its last user.
func TestCPythonCreates(t *testing.T) {
	name := shmtest.Name(t)
	py := startCPython(t)
	py.Ask("create", name, 5000)
	py.Ask("write", 4999, 5)

	info, err := shm.Stat(name)
	require.NoError(t, err)
	require.EqualValues(t, 8192, info.Size, "whole pages are all that the system knows")
	require.Equal(t, -1, info.Users)
	require.Zero(t, info.Created)
	seg, created, err := shm.OpenOrCreate(name, 5000, nil)
	require.NoError(t, err)
	t.Cleanup(func() { seg.Close() })
	require.False(t, created)
	require.Equal(t, 8192, seg.Size())
	require.Equal(t, byte(5), seg.Bytes()[4999])
	seg.Bytes()[0] = 6
	require.Equal(t, "6", py.Ask("read", 0))
	own, err := seg.Stat()
	require.NoError(t, err)
	require.Equal(t, info, own)

	reader, err := shm.Open(name, &shm.Options{ReadOnly: true})
	require.NoError(t, err)
	t.Cleanup(func() { reader.Close() })
	require.Equal(t, byte(6), reader.Bytes()[0])
	require.ErrorIs(t, shm.Guard(func() error { reader.Bytes()[0] = 1; return nil }), shm.ErrFault)

	require.ErrorIs(t, seg.Unlink(), shm.ErrForeign)
	require.ErrorIs(t, shm.Unlink(name), shm.ErrForeign)
	_, err = shm.Create(name, 10, &shm.Options{Init: func([]byte) error {
		t.Error("memory is filled in vain")
		return nil
	}})
	require.ErrorIs(t, err, fs.ErrExist)
	removed, err := shm.Prune()
	require.NoError(t, err)
	require.NotContains(t, removed, info)

	py.Ask("close")
	require.Equal(t, byte(6), openSegmentAndClose(t, name), "Go has it open")
	require.NoError(t, reader.Close())
	require.NoError(t, seg.Close())
	absent(t, name)
	create(t, name, 10, nil)
}

// TestCPythonCreatesMeanwhile: Python takes the name while Init runs.
func TestCPythonCreatesMeanwhile(t *testing.T) {
	name := shmtest.Name(t)
	py := startCPython(t)
	_, err := shm.Create(name, 10, &shm.Options{Init: func([]byte) error {
		py.Ask("create", name, 10)
		return nil
	}})
	require.ErrorIs(t, err, fs.ErrExist)
	py.Ask("close")
	absent(t, name)
}

// TestSplitBrain: nobody has the segment open, and Python makes one of its own
// under the name. The two never meet, and Go says so.
func TestSplitBrain(t *testing.T) {
	name := shmtest.Name(t)
	seg := create(t, name, 10, nil)
	seg.Bytes()[0] = 1
	require.NoError(t, seg.Close())
	py := startCPython(t)
	py.Ask("create", name, 10)
	require.Equal(t, "0", py.Ask("read", 0))

	_, err := shm.Open(name, nil)
	require.ErrorIs(t, err, shm.ErrForeign)
	_, _, err = shm.OpenOrCreate(name, 10, nil)
	require.ErrorIs(t, err, shm.ErrForeign)
	_, err = shm.Create(name, 10, nil)
	require.ErrorIs(t, err, fs.ErrExist)
	info, err := shm.Stat(name)
	require.NoError(t, err, "the file is there")
	require.EqualValues(t, 10, info.Size)
	require.Zero(t, info.Users, "an Open that failed is no user")

	py.Ask("close")
	require.Equal(t, byte(1), openSegmentAndClose(t, name))
	py.Ask("create", name, 10)
	require.NoError(t, shm.Unlink(name), "the file can be removed")
	require.ErrorIs(t, shm.Unlink(name), shm.ErrForeign)
}

// TestOnlyCPythonHolds: Python keeps the section while nobody of Go has the
// segment open; who comes then must know it for what it is, and keep it when
// Python leaves.
func TestOnlyCPythonHolds(t *testing.T) {
	for _, maker := range []string{"creator", "opener", "reader"} {
		for _, o := range []*shm.Options{nil, {ReadOnly: true}} {
			name := shmtest.Name(t)
			p, py := shmtest.Start(t), startCPython(t)
			p.Ask("create", name, 5000)
			switch maker {
			case "opener":
				p.Ask("close")
				p.Ask("open", name)
			case "reader":
				p.Ask("close")
				p.Ask("open", name, "ro")
			}
			py.Ask("attach", name)
			p.Kill()
			py.Ask("write", 1, 8)

			seg, err := shm.Open(name, o)
			require.NoError(t, err)
			t.Cleanup(func() { seg.Close() })
			require.Equal(t, byte(8), seg.Bytes()[1], "the section of the %s, opened with %v", maker, o)
			py.Ask("write", 1, 9)
			require.Equal(t, byte(9), seg.Bytes()[1])
			py.Ask("close")
			py.Ask("attach", name)
			require.Equal(t, "9", py.Ask("read", 1))
		}
	}
}

// TestUnlinkWhileCPythonHolds frees the name at once. The section's name stays
// with Python until it closes.
func TestUnlinkWhileCPythonHolds(t *testing.T) {
	for _, by := range []string{"the segment", "name"} {
		t.Run("by "+by, func(t *testing.T) {
			name := shmtest.Name(t)
			old := create(t, name, 10, nil)
			old.Bytes()[0] = 1
			py := startCPython(t)
			py.Ask("attach", name)
			if by == "name" {
				require.NoError(t, shm.Unlink(name))
			} else {
				require.NoError(t, old.Unlink())
			}
			absent(t, name)

			renewed := create(t, name, 20, nil)
			require.Equal(t, make([]byte, 20), renewed.Bytes())
			require.Equal(t, 20, openSegment(t, name).Size())
			require.Equal(t, "1", py.Ask("read", 0), "Python has the old memory")
			py.Ask("write", 0, 2)
			require.Equal(t, byte(2), old.Bytes()[0])
			require.Equal(t, byte(0), renewed.Bytes()[0])
			require.NoError(t, old.Close())
			require.Equal(t, "2", py.Ask("read", 0), "also when nobody else has")

			py.Ask("close")
			seg := openSegment(t, name)
			py.Ask("attach", name)
			seg.Bytes()[19] = 3
			require.Equal(t, "3", py.Ask("read", 19), "the name leads to the new memory")
		})
	}
}

// TestUnlinkedButOpen: who unlinks gives the section's name back as well, though
// it keeps the memory.
func TestUnlinkedButOpen(t *testing.T) {
	name := shmtest.Name(t)
	old := create(t, name, 10, nil)
	require.NoError(t, old.Unlink())
	py := startCPython(t)
	py.Tell("attach", name)
	require.Equal(t, "error 2", py.Answer(), "ERROR_FILE_NOT_FOUND")
	renewed := create(t, name, 10, nil)
	py.Ask("attach", name)
	py.Ask("write", 0, 1)
	require.Equal(t, byte(1), renewed.Bytes()[0])
	require.Zero(t, old.Bytes()[0])
}

// TestCPythonIsNoUser: the last Close is that of the last user of this library.
func TestCPythonIsNoUser(t *testing.T) {
	name := shmtest.Name(t)
	seg := create(t, name, 10, &shm.Options{Lifetime: shm.UntilLastClose})
	seg.Bytes()[0] = 1
	py := startCPython(t)
	py.Ask("attach", name)
	require.NoError(t, seg.Close())
	absent(t, name)
	require.Equal(t, "1", py.Ask("read", 0))
	require.Equal(t, byte(0), create(t, name, 10, nil).Bytes()[0])
}

// TestOtherObjects: events, locks and sections share one namespace.
func TestOtherObjects(t *testing.T) {
	name := shmtest.Name(t)
	wide, err := windows.UTF16PtrFromString(name)
	require.NoError(t, err)
	event, err := windows.CreateEvent(nil, 0, 0, wide)
	require.NoError(t, err)
	_, err = shm.Create(name, 10, nil)
	require.ErrorIs(t, err, fs.ErrExist)
	_, err = shm.Open(name, nil)
	require.ErrorIs(t, err, shm.ErrForeign)
	require.NoError(t, windows.CloseHandle(event))
	create(t, name, 10, nil)
}

// TestHandlesReturn: whatever was done with a segment, after its Close nothing
// of it is open.
func TestHandlesReturn(t *testing.T) {
	before := shmtest.Handles()
	name := shmtest.Name(t)
	first := create(t, name, 10, nil)
	require.NotEqual(t, before, shmtest.Handles(), "the count does not see what it counts")
	second, third := openSegment(t, name), openSegment(t, name)
	_, err := shm.Create(name, 10, nil)
	require.ErrorIs(t, err, fs.ErrExist)
	_, err = shm.List()
	require.NoError(t, err)
	require.NoError(t, second.Unlink())
	again := create(t, name, 20, &shm.Options{Lifetime: shm.UntilLastClose})
	for _, seg := range []shm.Segment{first, second, third, again} {
		require.NoError(t, seg.Close())
	}
	require.Equal(t, before, shmtest.Handles())
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

func openSegmentAndClose(t *testing.T, name string) (first byte) {
	t.Helper()
	seg, err := shm.Open(name, nil)
	require.NoError(t, err)
	first = seg.Bytes()[0]
	require.NoError(t, seg.Close())
	return first
}
