package shm_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"

	"github.com/seed72196e11/shm"
	. "github.com/seed72196e11/shm/internal/shmtest"
)

// This file tests what only Windows can fail at; what CPython does there is in
// tests/cpython_windows_test.go.

// dirOf is a directory of the test's own, in which nothing may be left. Wine 8
// cannot remove one that testing makes.
func dirOf(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "shmtest-")
	require.NoError(t, err)
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			entries, _ := os.ReadDir(dir)
			t.Errorf("%v: %v", err, entries)
		}
	})
	return dir
}

// TestDamagedFiles changes each byte of a segment's control page in turn. What
// comes of it is a segment or an error, and never a file that is mapped beyond
// its end.
func TestDamagedFiles(t *testing.T) {
	name := Name(t)
	seg, err := shm.Create(name, 5000, nil)
	require.NoError(t, err)
	require.NoError(t, seg.Close())
	good, err := os.ReadFile(Path(name))
	require.NoError(t, err)
	require.Len(t, good, 3*4096, "data in whole pages, and the control page")
	for at := 2 * 4096; at < 2*4096+128; at++ {
		for _, flip := range []byte{0x01, 0x80, 0xff} {
			bad := bytes.Clone(good)
			bad[at] ^= flip
			require.NoError(t, os.WriteFile(Path(name), bad, 0o600))
			shm.List()
			shm.Stat(name)
			seg, err := shm.Open(name, nil)
			if err != nil {
				require.True(t, errors.Is(err, shm.ErrForeign) || errors.Is(err, fs.ErrNotExist), "byte %d: %v", at-2*4096, err)
				continue
			}
			require.LessOrEqual(t, seg.Size(), 8192)
			require.NoError(t, shm.Guard(func() error { seg.Bytes()[seg.Size()-1] = 1; return nil }))
			require.NoError(t, seg.Close())
		}
	}
	require.NoError(t, os.WriteFile(Path(name), good, 0o600))
}

// TestPowerCut has a file whose name and size have reached the disk, and nothing
// that was written through a view.
func TestPowerCut(t *testing.T) {
	t.Setenv("SHM_DIR", dirOf(t))
	name := shm.NewName()
	cut := func() {
		seg, err := shm.Create(name, 10, nil)
		require.NoError(t, err)
		require.NoError(t, seg.Close())
		require.NoError(t, os.WriteFile(Path(name), make([]byte, 8192), 0o600)) // the file stays the user's
	}
	cut()
	_, openErr := shm.Open(name, nil)
	_, statErr := shm.Stat(name)
	for call, err := range map[string]error{"Open": openErr, "Stat": statErr} {
		require.ErrorIs(t, err, shm.ErrUnfinished, call)
		require.ErrorContains(t, err, "unlink it", call)
	}
	_, err := shm.Create(name, 10, nil)
	require.ErrorIs(t, err, fs.ErrExist)
	require.NoError(t, shm.Unlink(name))
	require.NoFileExists(t, Path(name))
	require.ErrorIs(t, shm.Unlink(name), fs.ErrNotExist)

	cut()
	removed, err := shm.Prune()
	require.NoError(t, err)
	require.Len(t, removed, 1)
	require.Equal(t, filepath.Base(Path(name)), removed[0].Name)
	require.NoFileExists(t, Path(name))

	t.Run("in use", func(t *testing.T) {
		seg, err := shm.Create(name, 10, nil)
		require.NoError(t, err)
		good, err := os.ReadFile(Path(name))
		require.NoError(t, err)
		overwrite := func(content []byte) {
			f, err := os.OpenFile(Path(name), os.O_WRONLY, 0)
			require.NoError(t, err)
			_, err = f.Write(content)
			require.NoError(t, errors.Join(err, f.Close()))
		}
		overwrite(make([]byte, len(good)))
		require.ErrorIs(t, shm.Unlink(name), shm.ErrUnfinished)
		removed, err := shm.Prune()
		require.NoError(t, err)
		require.Empty(t, removed)
		require.FileExists(t, Path(name))
		overwrite(good)
		require.NoError(t, errors.Join(seg.Unlink(), seg.Close()))
	})
}

// TestNameLost deletes and renames files as strangers may.
func TestNameLost(t *testing.T) {
	for what, lose := range map[string]func(path string) error{
		"renamed": func(path string) error { return os.Rename(path, path+".old") },
		"replaced": func(path string) error {
			return errors.Join(os.Rename(path, path+".old"), os.WriteFile(path, []byte("x"), 0o600))
		},
		"by a directory":  func(path string) error { return errors.Join(os.Rename(path, path+".old"), os.Mkdir(path, 0o700)) },
		"another's place": func(path string) error { return os.Rename(path, Path("psm_elsewhere")) },
	} {
		t.Run(what, func(t *testing.T) {
			seg, err := shm.Create(Name(t), 10, nil)
			require.NoError(t, err)
			t.Cleanup(func() { seg.Close() })
			path := Path(seg.Name())
			t.Cleanup(func() {
				for _, p := range []string{path, path + ".old", Path("psm_elsewhere")} {
					os.Remove(p)
				}
			})
			require.NoError(t, lose(path))
			info, err := seg.Stat()
			require.ErrorIs(t, err, shm.ErrNameLost)
			require.EqualValues(t, 10, info.Size)
			require.ErrorIs(t, seg.Unlink(), fs.ErrNotExist)
			seg.Bytes()[0] = 1
			_, err = shm.Stat("psm_elsewhere")
			if what == "another's place" {
				require.ErrorIs(t, err, shm.ErrForeign, "the file knows what it is called")
			}
			require.NoError(t, seg.Close())
			require.ErrorIs(t, seg.Unlink(), fs.ErrNotExist)
		})
	}
}

// TestScanner has a program open the file without sharing it, as virus scanners
// do, just when its name is to be given or taken away.
func TestScanner(t *testing.T) {
	hold := func(path string) (release func()) {
		p, err := windows.UTF16PtrFromString(path)
		require.NoError(t, err)
		h, err := windows.CreateFile(p, windows.GENERIC_READ, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE, nil, windows.OPEN_EXISTING, 0, 0)
		require.NoError(t, err)
		return func() { windows.CloseHandle(h) }
	}
	for what, do := range map[string]func(shm.Segment) error{
		"Unlink":         shm.Segment.Unlink,
		"Unlink by name": func(seg shm.Segment) error { return shm.Unlink(seg.Name()) },
	} {
		t.Run(what, func(t *testing.T) {
			seg, err := shm.Create(Name(t), 10, nil)
			require.NoError(t, err)
			t.Cleanup(func() { seg.Close() })
			release := hold(Path(seg.Name()))
			time.AfterFunc(200*time.Millisecond, release)
			require.NoError(t, do(seg))
			_, err = shm.Stat(seg.Name())
			require.ErrorIs(t, err, fs.ErrNotExist)
		})
	}
	t.Run("Create", func(t *testing.T) {
		t.Setenv("SHM_DIR", dirOf(t))
		seg, err := shm.Create(shm.NewName(), 10, &shm.Options{Init: func([]byte) error {
			drafts, err := filepath.Glob(filepath.Join(Dir(), ".tmp-*"))
			require.NoError(t, err)
			require.Len(t, drafts, 1)
			time.AfterFunc(200*time.Millisecond, hold(drafts[0]))
			return nil
		}})
		require.NoError(t, err)
		require.NoError(t, errors.Join(seg.Unlink(), seg.Close()))
	})
	t.Run("for too long", func(t *testing.T) {
		seg, err := shm.Create(Name(t), 10, nil)
		require.NoError(t, err)
		t.Cleanup(func() { seg.Close() })
		release := hold(Path(seg.Name()))
		err = seg.Unlink()
		release()
		require.ErrorIs(t, err, windows.ERROR_SHARING_VIOLATION)
		_, err = seg.Stat()
		require.NoError(t, err, "it is as it was")
		require.NoError(t, seg.Unlink())
	})
}

// TestTombstones leaves what Unlink could not delete to Prune, which deletes it
// when nobody uses it any more.
func TestTombstones(t *testing.T) {
	t.Setenv("SHM_DIR", dirOf(t))
	seg, err := shm.Create(shm.NewName(), 10, nil)
	require.NoError(t, err)
	tomb := filepath.Join(Dir(), ".tomb-00112233445566778899aabbccddeeff")
	require.NoError(t, os.Rename(Path(seg.Name()), tomb))
	removed, err := shm.Prune()
	require.NoError(t, err)
	require.Empty(t, removed, "it is in use")
	require.FileExists(t, tomb)
	require.NoError(t, seg.Close())
	removed, err = shm.Prune()
	require.NoError(t, err)
	require.Len(t, removed, 1)
	require.Equal(t, filepath.Base(tomb), removed[0].Name)
	require.Zero(t, removed[0].Users)
	entries, err := os.ReadDir(Dir())
	require.NoError(t, err)
	require.Empty(t, entries)
}

// TestNothingIsLeft of segments that were unlinked while others had them open.
func TestNothingIsLeft(t *testing.T) {
	t.Setenv("SHM_DIR", dirOf(t))
	name := shm.NewName()
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 20 {
				seg, _, err := shm.OpenOrCreate(name, 10, nil)
				if err != nil {
					t.Errorf("got %v", err)
					return
				}
				if err := seg.Unlink(); err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("got %v", err)
				}
				if err := seg.Close(); err != nil {
					t.Errorf("got %v", err)
				}
			}
		})
	}
	group.Wait()
	entries, err := os.ReadDir(Dir())
	require.NoError(t, err)
	require.Empty(t, entries)
}

// section makes a segment as programs without this library do.
func section(t *testing.T, name string, size uint32) (remove func()) {
	t.Helper()
	p, err := windows.UTF16PtrFromString(name)
	require.NoError(t, err)
	const reserve = 0x4000000 // SEC_RESERVE: no memory yet
	h, err := windows.CreateFileMapping(windows.InvalidHandle, nil, windows.PAGE_READWRITE|reserve, 0, size, p)
	require.NoError(t, err)
	return func() { windows.CloseHandle(h) }
}

// TestFailedOpen leaves a segment that nobody has open, and that the last Close
// would remove, as it was.
func TestFailedOpen(t *testing.T) {
	name := Name(t)
	seg, err := shm.Create(name, 10, &shm.Options{Lifetime: shm.UntilLastClose})
	require.NoError(t, err)
	t.Cleanup(func() { seg.Close() })
	killed := Path(name) + ".killed"
	require.NoError(t, os.Rename(Path(name), killed)) // so that the last Close cannot remove it
	t.Cleanup(func() { os.Remove(killed) })
	require.NoError(t, seg.Close())
	require.NoError(t, os.Rename(killed, Path(name)))

	withdraw := section(t, name, 4096)
	_, err = shm.Open(name, nil)
	withdraw()
	require.ErrorIs(t, err, shm.ErrForeign)
	require.FileExists(t, Path(name))

	seg, err = shm.Open(name, nil)
	require.NoError(t, err)
	info, err := seg.Stat()
	require.NoError(t, err)
	require.Equal(t, 1, info.Users, "who could not open it is no user")
	require.NoError(t, seg.Close())
	require.NoFileExists(t, Path(name), "whoever could open it removes it")
}

func TestDirs(t *testing.T) {
	t.Run("by default", func(t *testing.T) {
		t.Setenv("SHM_DIR", "")
		require.Equal(t, filepath.Join(os.Getenv("LOCALAPPDATA"), "shm", "segments"), Dir())
		name := Name(t)
		seg, err := shm.Create(name, 10, nil)
		require.NoError(t, err)
		require.FileExists(t, Path(name))
		infos, err := shm.List()
		require.NoError(t, err)
		require.True(t, slices.ContainsFunc(infos, func(i shm.Info) bool { return i.Name == name }))
		require.NoError(t, errors.Join(seg.Unlink(), seg.Close()))
		require.NoFileExists(t, Path(name))
	})
	t.Run("missing", func(t *testing.T) {
		t.Setenv("SHM_DIR", filepath.Join(dirOf(t), "nowhere"))
		_, createErr := shm.Create("x", 1, nil)
		_, openErr := shm.Open("x", nil)
		_, listErr := shm.List()
		for call, err := range map[string]error{"Create": createErr, "Open": openErr, "List": listErr, "Unlink": shm.Unlink("x")} {
			require.ErrorIs(t, err, fs.ErrNotExist, call)
			require.Contains(t, err.Error(), "there is no directory", call)
		}
	})
	t.Run("two of them", func(t *testing.T) {
		// The sections of both have one name. Only one can have it.
		name := Name(t)
		first, err := shm.Create(name, 10, nil)
		require.NoError(t, err)
		t.Cleanup(func() { first.Close() })
		t.Setenv("SHM_DIR", dirOf(t))
		_, err = shm.Open(name, nil)
		require.ErrorIs(t, err, fs.ErrNotExist)
		second, err := shm.Create(name, 20, nil)
		require.NoError(t, err)
		second.Bytes()[0] = 1
		require.Zero(t, first.Bytes()[0])
		require.NoError(t, errors.Join(second.Unlink(), second.Close()))
	})
}

func TestNamesOfWindows(t *testing.T) {
	for _, name := range []string{`a\b`, `Global\a`, `..\a`, strings.Repeat("x", 260), strings.Repeat("ä", 260)} {
		_, openErr := shm.Open(name, nil)
		_, statErr := shm.Stat(name)
		for call, err := range map[string]error{"Open": openErr, "Stat": statErr, "Unlink": shm.Unlink(name)} {
			require.ErrorIs(t, err, fs.ErrInvalid, "%s(%q)", call, name)
		}
	}
	for _, name := range []string{"nul", "NUL.x", "com1", "aux.", "a:b", "a b ", "x?", strings.Repeat("X", 200), strings.Repeat("ä", 250)} {
		_, err := shm.Open(name, nil)
		require.ErrorIs(t, err, fs.ErrNotExist, "%q", name)
	}
	t.Run("names of devices", func(t *testing.T) {
		t.Setenv("SHM_DIR", dirOf(t))
		for _, name := range []string{"nul", "CON", "com1.txt", "a."} {
			seg, err := shm.Create(name, 10, nil)
			require.NoError(t, err, name)
			infos, err := shm.List()
			require.NoError(t, err)
			require.Len(t, infos, 1)
			require.Equal(t, name, infos[0].Name)
			require.NoError(t, errors.Join(seg.Unlink(), seg.Close()))
		}
	})
}

// TestNothingReachesChildren: no handle is for programs that this one starts.
func TestNothingReachesChildren(t *testing.T) {
	dir := filepath.Join(shortName(t, dirOf(t)), "segments") // the count is to see handles under such names too
	require.NoError(t, os.Mkdir(dir, 0o700))
	t.Cleanup(func() { os.Remove(dir) })
	t.Setenv("SHM_DIR", dir)
	seg, err := shm.Create(shm.NewName(), 10, nil)
	require.NoError(t, err)
	t.Cleanup(func() { seg.Close() })
	t.Cleanup(func() { seg.Unlink() })
	handles := Handles()
	for _, h := range handles {
		require.NotContains(t, h, "inherited")
	}
	require.True(t, slices.ContainsFunc(handles, func(h string) bool { return !strings.Contains(h, "section") }),
		"the segment's file is one of them: %q", handles)
}

// shortName is what a path was called under DOS, where the drive still knows.
func shortName(t *testing.T, path string) string {
	t.Helper()
	p, err := windows.UTF16PtrFromString(path)
	require.NoError(t, err)
	buf := make([]uint16, windows.MAX_LONG_PATH)
	_, err = windows.GetShortPathName(p, &buf[0], uint32(len(buf)))
	require.NoError(t, err)
	return windows.UTF16ToString(buf)
}
