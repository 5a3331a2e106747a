package shm_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seed72196e11/shm"
	. "github.com/seed72196e11/shm/internal/shmtest"
)

// This file tests what only Linux can fail at.

// dirIn is a directory of the test's own, open to every user as /dev/shm is.
func dirIn(t *testing.T, parent string) string {
	dir, err := os.MkdirTemp(parent, ".shmtest-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, fs.ModeSticky|0o777))
	return dir
}

// TestContractElsewhere keeps the contract where the kernel or the file system
// lacks what the straight way needs.
func TestContractElsewhere(t *testing.T) {
	for _, lacking := range [][]string{
		{"no O_TMPFILE"},
		{"no AT_EMPTY_PATH"},
		{"no AT_EMPTY_PATH", "no /proc"},
		{"no O_TMPFILE", "no hard links"},
		{"no fallocate"},
		{"no populate"},
		{"no populate", "no fallocate"},
	} {
		t.Run(strings.Join(lacking, ", "), func(t *testing.T) {
			t.Parallel()
			Surroundings{Deny: lacking, Dir: dirIn(t, "/dev/shm")}.Run(t, "TestContract")
		})
	}
	t.Run("SHM_DIR on a disk", func(t *testing.T) {
		t.Parallel()
		Surroundings{Dir: dirIn(t, os.TempDir())}.Run(t, "TestContract")
	})
}

// TestEveryWayBack lets each system call of Create, Open and Unlink fail, on
// the straight way and on the one round O_TMPFILE, and looks for what is left.
func TestEveryWayBack(t *testing.T) {
	ways := [][]string{
		{"failing linkat"},
		{"no fallocate", "failing write"},
		{"no O_TMPFILE", "no hard links", "failing renameat2"},
		{"interrupted flock"}, // once: it is waited for
	}
	for _, failing := range []string{
		"failing open", "failing fchmod", "failing fstatfs", "failing fallocate", "full fallocate", "failing fstat",
		"failing mmap", "failing mprotect", "failing flock", "failing unlinkat", "failing ftruncate",
		"failing getdents64", "no flock", "no F_OFD_SETLK", "no F_OFD_GETLK", "failing F_OFD_SETLK", "failing F_OFD_GETLK",
	} {
		ways = append(ways, []string{failing}, []string{"no O_TMPFILE", failing})
	}
	for _, denied := range ways {
		t.Run(strings.Join(denied, ", "), func(t *testing.T) {
			t.Parallel()
			dir := dirIn(t, "/dev/shm")
			require.NoError(t, os.WriteFile(filepath.Join(dir, planted), make([]byte, 10), 0o600))
			Surroundings{Deny: denied, Dir: dir}.Run(t, "TestInTrouble")
			entries, err := os.ReadDir(dir)
			require.NoError(t, err)
			switch last := denied[len(denied)-1]; {
			case last == "failing unlinkat":
				// nothing can be removed, and the errors said so
			case strings.HasSuffix(last, "flock") && !slices.Equal(denied, []string{"no O_TMPFILE", "no flock"}):
				require.Len(t, entries, 5, "what could not be removed is whole: %v", entries)
			default:
				require.Len(t, entries, 1, "%v", entries)
			}
		})
	}
}

// TestWithoutLocks has a file system or a kernel that knows no locks of ranges.
func TestWithoutLocks(t *testing.T) {
	for _, denied := range [][]string{
		{"no F_OFD_SETLK", "no F_OFD_GETLK"},
		{"no O_TMPFILE", "no F_OFD_SETLK", "no F_OFD_GETLK"},
	} {
		Surroundings{Deny: denied, Dir: dirIn(t, "/dev/shm")}.Run(t, "TestLockless")
	}
}

func TestLockless(t *testing.T) {
	Inside(t)
	_, err := shm.Create("last", 10, &shm.Options{Lifetime: shm.UntilLastClose, Init: func([]byte) error {
		t.Error("it fills memory in vain")
		return nil
	}})
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.Contains(t, err.Error(), "which Close is the last")
	_, _, err = shm.OpenOrCreate("last", 10, &shm.Options{Lifetime: shm.UntilLastClose})
	require.ErrorIs(t, err, errors.ErrUnsupported)
	scope := shm.NewScope(t.Context())
	_, err = scope.Create("last", 10, nil)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.NoError(t, scope.Close())
	require.Empty(t, entriesOf(t, Dir()))

	unknownUsers := func(info shm.Info, err error) {
		t.Helper()
		require.NoError(t, err)
		require.Equal(t, -1, info.Users)
	}
	seg, err := shm.Create("name", 10, nil)
	require.NoError(t, err)
	reader, err := shm.Open("name", &shm.Options{ReadOnly: true})
	require.NoError(t, err)
	seg.Bytes()[0] = 1
	require.Equal(t, byte(1), reader.Bytes()[0])
	unknownUsers(seg.Stat())
	unknownUsers(reader.Stat())
	unknownUsers(shm.Stat("name"))
	infos, err := shm.List()
	require.NoError(t, err)
	require.Len(t, infos, 1)
	unknownUsers(infos[0], nil)
	infos, err = shm.Prune()
	require.NoError(t, err, "there is nothing for it to ask about")
	require.Empty(t, infos)
	require.NoError(t, seg.Close())
	require.NoError(t, reader.Unlink())
	require.ErrorIs(t, seg.Unlink(), fs.ErrNotExist)
	require.NoError(t, reader.Close())

	// What others left half made stays: perhaps they are still at it.
	draft := filepath.Join(Dir(), ".shm-"+strings.Repeat("x", 26))
	require.NoError(t, os.WriteFile(draft, nil, 0o600))
	_, err = shm.Prune()
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.FileExists(t, draft)

	// Nor does anybody remove a segment that was to last until the last Close,
	// and was made where there are locks.
	old := filepath.Join(Dir(), "old")
	require.NoError(t, os.WriteFile(old, make([]byte, 10), 0o600))
	require.NoError(t, os.Chmod(old, fs.ModeSticky|0o600))
	_, err = shm.Open("old", nil)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.NoError(t, shm.Unlink("old"))
}

const planted = "planted" // a segment of size 10 that others made

// TestInTrouble is what TestEveryWayBack runs. Whatever fails, errors are
// errors of this package, and no file, descriptor or mapping is left.
func TestInTrouble(t *testing.T) {
	Inside(t)
	fill := func([]byte) error { return nil }
	before := descriptors()

	var failures []error
	note := func(err error) {
		if err != nil {
			var e *shm.Error
			require.ErrorAs(t, err, &e)
			failures = append(failures, err)
		}
	}
	try := func(seg shm.Segment, err error) {
		note(err)
		if err == nil {
			note(seg.Unlink())
			require.NoError(t, seg.Close())
		}
	}
	try(shm.Create("a", 100_000, &shm.Options{ReadOnly: true, Init: fill}))
	try(shm.Create("b", 100_000, &shm.Options{Sparse: true}))
	seg, _, err := shm.OpenOrCreate("c", 10, nil)
	try(seg, err)
	seg, err = shm.Create("d", 10, &shm.Options{Lifetime: shm.UntilLastClose})
	note(err)
	if err == nil {
		if err = seg.Close(); err != nil {
			note(err)
			note(shm.Unlink("d"))
		}
	}
	if seg, err = shm.Open(planted, nil); err == nil {
		_, err = seg.Stat()
		require.NoError(t, seg.Close())
	}
	note(err)
	_, err = shm.List()
	note(err)
	_, err = shm.Prune()
	note(err)
	require.NotEmpty(t, failures, "nothing failed")
	for _, err := range failures {
		t.Log(err)
	}
	require.Equal(t, before, descriptors(), "descriptors leak")
	maps, err := os.ReadFile("/proc/self/maps")
	require.NoError(t, err)
	require.NotContains(t, string(maps), Dir())
}

// descriptors counts this process's open files without opening one.
func descriptors() (n int) {
	for fd := range 1024 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			n++
		}
	}
	return n
}

// TestNothingReachesChildren starts a program while a segment is open and
// looks at what that program has open.
func TestNothingReachesChildren(t *testing.T) {
	name := Name(t)
	look := func(when string) {
		out, err := exec.Command("ls", "-l", "/proc/self/fd").CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.NotContains(t, string(out), Dir(), when)
	}
	seg, err := shm.Create(name, 10, &shm.Options{Init: func([]byte) error { look("in Init"); return nil }})
	require.NoError(t, err)
	defer seg.Close()
	look("after Create")
	opened, err := shm.Open(name, nil)
	require.NoError(t, err)
	defer opened.Close()
	look("after Open")
	require.NotEmpty(t, ownDescriptors(t), "this process has some open")
}

// ownDescriptors are this process's open files in the directory.
func ownDescriptors(t *testing.T) (open []string) {
	fds, err := filepath.Glob("/proc/self/fd/*")
	require.NoError(t, err)
	for _, fd := range fds {
		if target, _ := os.Readlink(fd); strings.HasPrefix(target, Dir()+"/") {
			open = append(open, target)
		}
	}
	return open
}

// TestSmallTmpfs has a file system of one MiB, as Docker's 64 MiB but smaller.
func TestSmallTmpfs(t *testing.T) {
	Surroundings{Dir: t.TempDir(), Tmpfs: "size=1m"}.Run(t, "TestInSmallTmpfs")
	t.Run("of no more files", func(t *testing.T) {
		Surroundings{Dir: t.TempDir(), Tmpfs: "size=1m,nr_inodes=3"}.Run(t, "TestWithoutInodes")
	})
}

func TestInSmallTmpfs(t *testing.T) {
	Inside(t)
	dir := Dir()
	var space *shm.NoSpaceError
	_, err := shm.Create("large", 16<<20, nil)
	require.ErrorAs(t, err, &space)
	require.EqualValues(t, 16<<20, space.Need)
	require.LessOrEqual(t, space.Free, int64(1<<20))
	require.Greater(t, space.Free, int64(0))
	require.Equal(t, dir, space.Where)
	require.Contains(t, err.Error(), "--shm-size")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)

	// What is said to be free can be had, all of it, and nothing beyond.
	seg, err := shm.Create("all", int(space.Free), nil)
	require.NoError(t, err)
	defer seg.Close()
	for i := range seg.Bytes() {
		seg.Bytes()[i] = 1
	}
	_, err = shm.Create("more", 1, nil)
	require.ErrorAs(t, err, &space)
	require.Zero(t, space.Free)
	_, err = shm.Create("more", 1<<20, &shm.Options{Init: func([]byte) error { return nil }})
	require.ErrorAs(t, err, &space)

	sparse, err := shm.Create("sparse", 16<<20, &shm.Options{Sparse: true})
	require.NoError(t, err)
	defer sparse.Close()
	err = shm.Guard(func() error { sparse.Bytes()[8<<20] = 1; return nil })
	require.ErrorIs(t, err, shm.ErrFault)
	_, err = shm.Create("half", 16<<20, &shm.Options{Sparse: true, Init: func(mem []byte) error {
		return shm.Guard(func() error { mem[0] = 1; return nil })
	}})
	require.ErrorIs(t, err, shm.ErrFault, "a draft's memory is guarded too")
	require.NoError(t, seg.Unlink())
}

func TestWithoutInodes(t *testing.T) {
	Inside(t)
	var err error
	for i := 0; i < 10 && err == nil; i++ {
		var seg shm.Segment
		if seg, err = shm.Create(fmt.Sprint("s", i), 1, nil); err == nil {
			defer seg.Close()
		}
	}
	require.ErrorIs(t, err, shm.ErrNoSpace)
	require.Contains(t, err.Error(), "cannot take another file")
}

// TestCgroupLimit has a memory cgroup of 64 MiB. fallocate would be killed
// there, not refused.
func TestCgroupLimit(t *testing.T) {
	Surroundings{Cgroup: Cgroup(t, cgroupLimit), Dir: dirIn(t, "/dev/shm")}.Run(t, "TestInCgroup")
}

const cgroupLimit = 64 << 20

func TestInCgroup(t *testing.T) {
	Inside(t)
	var space *shm.NoSpaceError
	_, err := shm.Create("large", 4*cgroupLimit, nil)
	require.ErrorAs(t, err, &space)
	require.Contains(t, space.Where, "memory cgroup")
	require.Greater(t, space.Free, int64(cgroupLimit/4))

	// What is said to be free can be had and filled without being killed. (The
	// test itself takes a little meanwhile.)
	seg, err := shm.Create("all", int(space.Free-space.Free/16), nil)
	require.NoError(t, err)
	defer seg.Close()
	defer seg.Unlink()
	for i := range seg.Bytes() {
		seg.Bytes()[i] = 1
	}
	_, err = shm.Create("more", cgroupLimit/2, nil)
	require.ErrorIs(t, err, shm.ErrNoSpace)

	// Nor do many small ones, each too small to be asked about, end in a kill.
	require.NoError(t, errors.Join(seg.Unlink(), seg.Close()))
	const small = 1_000_000
	var made []shm.Segment
	for err = nil; err == nil; {
		if seg, err = shm.Create("", small, nil); err == nil {
			made = append(made, seg)
		}
		require.Less(t, len(made), cgroupLimit/small)
	}
	require.ErrorIs(t, err, shm.ErrNoSpace)
	require.Greater(t, len(made), cgroupLimit/small/2)
	for _, seg := range made {
		require.NoError(t, errors.Join(seg.Unlink(), seg.Close()))
	}
}

// TestSignals does everything while signals keep coming to all threads. The
// kernel breaks off calls then, and fallocate even undoes its work.
func TestSignals(t *testing.T) {
	storm(t)
	fill := func([]byte) error { return nil }
	t.Run("large ones", func(t *testing.T) {
		for _, o := range []*shm.Options{nil, {Init: fill}} {
			seg, err := shm.Create(Name(t), 100<<20, o)
			require.NoError(t, err)
			require.NoError(t, errors.Join(seg.Unlink(), seg.Close()))
		}
	})
	t.Run("many", func(t *testing.T) {
		t.Setenv("SHM_DIR", dirIn(t, Dir()))
		var group sync.WaitGroup
		for _, life := range []shm.Lifetime{shm.UntilUnlink, shm.UntilLastClose} {
			names := []string{shm.NewName(), shm.NewName()}
			for range 2 { // processors
				group.Go(func() {
					for i := range 150 {
						if err := comeAndGo(names[i%2], life); err != nil {
							t.Errorf("%v: %v", life, err)
							return
						}
					}
				})
			}
		}
		group.Wait()
		require.Empty(t, entriesOf(t, Dir()))
	})
}

// storm sends signals to each thread of this process until the test is over.
func storm(t *testing.T) {
	stop := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for {
			threads, err := os.ReadDir("/proc/self/task")
			if err != nil {
				t.Errorf("got %v", err)
				return
			}
			for range 100 {
				for _, thread := range threads {
					select {
					case <-stop:
						return
					default:
					}
					if tid, err := strconv.Atoi(thread.Name()); err == nil {
						unix.Tgkill(os.Getpid(), tid, unix.SIGURG) // it may be gone
					}
				}
			}
		}
	})
	t.Cleanup(func() {
		close(stop)
		group.Wait()
	})
}

// comeAndGo opens a segment or makes it, opens it again, and leaves it.
func comeAndGo(name string, life shm.Lifetime) error {
	seg, _, err := shm.OpenOrCreate(name, 100_000, &shm.Options{Lifetime: life, Init: func(mem []byte) error { mem[9] = 9; return nil }})
	if err != nil {
		return err
	}
	again, err := shm.Open(name, &shm.Options{ReadOnly: true})
	if err == nil {
		if again.Bytes()[9] != 9 {
			err = errors.New("it is not filled")
		}
		err = errors.Join(err, again.Close())
	}
	if errors.Is(err, fs.ErrNotExist) && life == shm.UntilUnlink {
		err = nil // unlinked by another
	}
	_, listErr := shm.List()
	_, pruneErr := shm.Prune()
	err = errors.Join(err, listErr, pruneErr)
	if life == shm.UntilUnlink {
		if unlinkErr := seg.Unlink(); !errors.Is(unlinkErr, fs.ErrNotExist) {
			err = errors.Join(err, unlinkErr)
		}
	}
	return errors.Join(err, seg.Close())
}

// TestStrangers meets programs that know nothing of this library.
func TestStrangers(t *testing.T) {
	stranger := func(t *testing.T, size int) (name, path string) {
		name = Name(t)
		require.NoError(t, os.WriteFile(Path(name), make([]byte, size), 0o600))
		return name, Path(name)
	}

	t.Run("one that is late is waited for", func(t *testing.T) {
		name, path := stranger(t, 0)
		opened := make(chan error)
		go func() {
			seg, err := shm.Open(name, nil)
			if err == nil {
				err = seg.Close()
			}
			opened <- err
		}()
		select {
		case err := <-opened:
			require.FailNow(t, "opened a segment of size 0", "%v", err)
		case <-time.After(20 * time.Millisecond): // it waits
		}
		require.NoError(t, os.Truncate(path, 10))
		require.NoError(t, <-opened)
	})

	t.Run("one that never comes is not waited for long", func(t *testing.T) {
		name, _ := stranger(t, 0)
		_, err := shm.Open(name, nil)
		require.ErrorIs(t, err, shm.ErrUnfinished)
		info, err := shm.Stat(name)
		require.NoError(t, err)
		require.Zero(t, info.Size)
		require.NoError(t, shm.Unlink(name))
	})

	t.Run("one with more than a 32-bit process can map", func(t *testing.T) {
		name, path := stranger(t, 0)
		require.NoError(t, os.Truncate(path, 1<<32+1)) // without memory behind it
		seg, err := shm.Open(name, nil)
		if math.MaxInt == math.MaxInt32 {
			require.ErrorIs(t, err, shm.ErrTooLarge)
			require.Contains(t, err.Error(), "4294967297 bytes")
			return
		}
		require.NoError(t, err)
		require.EqualValues(t, int64(1)<<32+1, seg.Size())
		seg.Bytes()[seg.Size()-1] = 1
		require.NoError(t, seg.Close())
	})

	t.Run("one that truncates", func(t *testing.T) {
		if Emulated() {
			t.Skip("qemu-user does not say where a fault was")
		}
		name := Name(t)
		seg, err := shm.Create(name, 3*os.Getpagesize(), nil)
		require.NoError(t, err)
		defer seg.Close()
		require.NoError(t, os.Truncate(Path(name), 1))
		err = shm.Guard(func() error { seg.Bytes()[2*os.Getpagesize()]++; return nil })
		require.ErrorIs(t, err, shm.ErrFault)
	})

	for how, take := range map[string]func(path string) error{
		"removes the name": os.Remove,
		"renames it":       func(path string) error { return os.Rename(path, path+".old") },
		"puts another there": func(path string) error {
			return errors.Join(os.Remove(path), os.WriteFile(path, make([]byte, 7), 0o600))
		},
	} {
		t.Run("one that "+how, func(t *testing.T) {
			name := Name(t)
			seg, err := shm.Create(name, 10, nil)
			require.NoError(t, err)
			defer seg.Close()
			require.NoError(t, take(Path(name)))
			defer os.Remove(Path(name) + ".old")
			info, err := seg.Stat()
			require.ErrorIs(t, err, shm.ErrNameLost)
			require.EqualValues(t, 10, info.Size)
			require.ErrorIs(t, seg.Unlink(), fs.ErrNotExist)
			require.Equal(t, make([]byte, 10), seg.Bytes())
		})
		t.Run("one that "+how+" before the last Close", func(t *testing.T) {
			t.Setenv("SHM_DIR", dirIn(t, Dir()))
			name := Name(t)
			seg, err := shm.Create(name, 10, &shm.Options{Lifetime: shm.UntilLastClose})
			require.NoError(t, err)
			other, err := shm.Open(name, nil)
			require.NoError(t, err)
			require.NoError(t, take(Path(name)))
			left := entriesOf(t, Dir())
			_, err = seg.Stat()
			require.ErrorIs(t, err, shm.ErrNameLost)
			require.NoError(t, other.Close())
			require.ErrorIs(t, other.Unlink(), fs.ErrNotExist)
			require.NoError(t, seg.Close())
			require.ErrorIs(t, seg.Unlink(), fs.ErrNotExist)
			require.Equal(t, left, entriesOf(t, Dir()), "it removes nothing")
		})
	}

	t.Run("one that gave the file a second name", func(t *testing.T) {
		name := Name(t)
		second := Path(name) + ".too"
		seg, err := shm.Create(name, 10, &shm.Options{Mode: 0o640})
		require.NoError(t, err)
		defer seg.Close()
		require.NoError(t, os.Link(Path(name), second))
		defer os.Remove(second)
		require.NoError(t, seg.Unlink())
		info, err := os.Stat(second)
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o640), info.Mode())
	})

	t.Run("one that took the name of a closed handle", func(t *testing.T) {
		for what, take := range map[string]func(path string) error{
			"a link":      func(path string) error { return os.Symlink("nowhere", path) },
			"a directory": func(path string) error { return os.Mkdir(path, 0o700) },
			"a pipe":      func(path string) error { return unix.Mkfifo(path, 0o600) },
			"a locked file": func(path string) error {
				f, err := os.Create(path)
				if err != nil {
					return err
				}
				t.Cleanup(func() { f.Close() })
				return unix.Flock(int(f.Fd()), unix.LOCK_EX)
			},
		} {
			name := Name(t)
			seg, err := shm.Create(name, 10, nil)
			require.NoError(t, err)
			require.NoError(t, errors.Join(os.Remove(Path(name)), take(Path(name))))
			defer os.Remove(Path(name))
			require.ErrorIs(t, seg.Unlink(), fs.ErrNotExist, "%s, open", what)
			require.NoError(t, seg.Close())
			require.ErrorIs(t, seg.Unlink(), fs.ErrNotExist, "%s, closed", what)
			require.NoError(t, os.Remove(Path(name)))
		}
	})

	t.Run("one that removes files nobody may read", func(t *testing.T) {
		name, path := stranger(t, 10)
		require.NoError(t, os.Chmod(path, 0))
		p := Start(t)
		if os.Geteuid() == 0 { // whom modes do not stop
			require.NoError(t, os.Chown(path, 65534, 65534))
			p.Ask("become", 65534)
		}
		p.Ask("rm", name)
		require.NoFileExists(t, path)
	})

	t.Run("one that unlinks as this library does", func(t *testing.T) {
		// Stat must not look between the two steps of an unlink.
		name := Name(t)
		seg, err := shm.Create(name, 10, nil)
		require.NoError(t, err)
		defer seg.Close()
		other, err := os.Open(Path(name))
		require.NoError(t, err)
		defer other.Close()
		require.NoError(t, unix.Flock(int(other.Fd()), unix.LOCK_EX))
		require.NoError(t, os.Remove(Path(name)))
		said := make(chan error)
		go func() { _, err := seg.Stat(); said <- err }()
		select {
		case err := <-said:
			require.FailNow(t, "it did not wait", "%v", err)
		case <-time.After(20 * time.Millisecond): // it waits
		}
		require.Len(t, seg.Bytes(), 10, "the memory can be had meanwhile")
		require.NoError(t, other.Chmod(0o200))
		require.NoError(t, other.Close())
		require.NoError(t, <-said)
	})

	t.Run("one that holds the name lock", func(t *testing.T) {
		name, path := stranger(t, 10)
		f, err := os.Open(path)
		require.NoError(t, err)
		defer f.Close()
		require.NoError(t, unix.Flock(int(f.Fd()), unix.LOCK_EX))
		err = shm.Unlink(name)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.FileExists(t, path)
	})

	t.Run("one that locks all there is", func(t *testing.T) {
		t.Setenv("SHM_DIR", dirIn(t, Dir()))
		name := Name(t)
		seg, err := shm.Create(name, 10, &shm.Options{Lifetime: shm.UntilLastClose})
		require.NoError(t, err)
		reader, err := shm.Open(name, &shm.Options{ReadOnly: true})
		require.NoError(t, err)
		require.NoError(t, seg.Close())
		f, err := os.Open(Path(name))
		require.NoError(t, err)
		defer f.Close()
		lock := unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart}
		require.NoError(t, unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lock))

		info, err := reader.Stat()
		require.NoError(t, err)
		require.Equal(t, -1, info.Users, "they cannot be counted")
		_, err = shm.Open(name, nil)
		require.ErrorContains(t, err, "tokens", "there are none left to write")
		require.ErrorContains(t, reader.Close(), "locked a range", "it cannot know whether it is the last")
		info, err = shm.Stat(name)
		require.NoError(t, err)
		require.Equal(t, -1, info.Users)
		_, err = shm.Prune()
		require.ErrorContains(t, err, "locked a range")
		require.NoError(t, f.Close())
		infos, err := shm.Prune()
		require.NoError(t, err)
		require.Len(t, infos, 1)
		require.NoFileExists(t, Path(name))
	})

	t.Run("List shows what can be a segment", func(t *testing.T) {
		shown, _ := stranger(t, 5)
		hidden := []string{"." + shown, "sem." + shown}
		for _, name := range hidden {
			require.NoError(t, os.WriteFile(Path(name), nil, 0o600))
			defer os.Remove(Path(name))
		}
		infos, err := shm.List()
		require.NoError(t, err)
		var names []string
		for _, i := range infos {
			names = append(names, i.Name)
		}
		require.Contains(t, names, shown)
		for _, name := range hidden {
			require.NotContains(t, names, name)
		}
	})
}

// TestNoDirectory names what is missing.
func TestNoDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, dir := range []string{file + "-nowhere", file} {
		t.Setenv("SHM_DIR", dir)
		noDirectory(t)
	}
}

func noDirectory(t *testing.T) {
	_, createErr := shm.Create("", 1, nil)
	_, openErr := shm.Open("x", nil)
	_, listErr := shm.List()
	for call, err := range map[string]error{"Create": createErr, "Open": openErr, "List": listErr, "Unlink": shm.Unlink("x")} {
		require.ErrorIs(t, err, fs.ErrNotExist, call)
		require.Contains(t, err.Error(), "there is no directory", call)
	}
}

// TestPruneLeavesOthersAlone has files that look a little like what Prune is to
// remove.
func TestPruneLeavesOthersAlone(t *testing.T) {
	dir := dirIn(t, "/dev/shm")
	t.Setenv("SHM_DIR", dir)
	for name, mode := range map[string]uint32{
		".tmp-cache.db":                   0o600,
		".shm-cache.db":                   0o600,
		".shm-ABCDEFGHIJKLMNOPQRSTUVWXYZ": 0o600,
		".hidden":                         0o1600,
		"sem.sema":                        0o1600,
		"lasting":                         0o600,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("important"), 0o600))
		require.NoError(t, unix.Chmod(filepath.Join(dir, name), mode))
	}
	seg, err := shm.Create("live", 10, nil)
	require.NoError(t, err)
	defer seg.Close()
	second := ".shm-" + strings.Repeat("a", 26)
	require.NoError(t, os.Link(filepath.Join(dir, "live"), filepath.Join(dir, second)))
	removed, err := shm.Prune()
	require.NoError(t, err)
	require.Empty(t, removed, "the second name of a live segment is not a segment")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 7, "%v", entries)
	_, err = seg.Stat()
	require.NoError(t, err)
}

// TestFailedOpenRemovesNothing opens, and cannot map, what killed users of an
// UntilLastClose segment have left.
func TestFailedOpenRemovesNothing(t *testing.T) {
	if math.MaxInt == math.MaxInt32 || Emulated() {
		t.Skip("this needs a file that has an address in no process")
	}
	dir := dirIn(t, "/dev/shm")
	t.Setenv("SHM_DIR", dir)
	path := filepath.Join(dir, "orphan")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.Truncate(path, 1<<56))
	require.NoError(t, unix.Chmod(path, 0o1600))
	_, err := shm.Open("orphan", nil)
	require.ErrorIs(t, err, shm.ErrTooLarge)
	require.Contains(t, err.Error(), "72057594037927936 bytes")
	require.FileExists(t, path)
}
