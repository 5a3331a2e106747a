//go:build linux

package shm_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seed72196e11/shm"
	. "github.com/seed72196e11/shm/internal/shmtest"
	"github.com/seed72196e11/shm/internal/xnu"
)

// This file tests what only macOS can fail at, on a model of it.

// TestContractOnXNU keeps the contract with the calls of macOS.
func TestContractOnXNU(t *testing.T) { onXNU(t, "TestContract") }

// TestHammerOnXNU looks for a promise that breaks only sometimes.
func TestHammerOnXNU(t *testing.T) { onXNU(t, "TestHammer") }

// TestMacOS is what the contract leaves open.
func TestMacOS(t *testing.T) { onXNU(t, "TestMacOSOnXNU") }

// onXNU runs a test where the system is a model of macOS, with the pages of
// Intel and of Apple silicon.
func onXNU(t *testing.T, test string) {
	for _, page := range []int{4096, 16384} {
		t.Run(fmt.Sprintf("pages of %d", page), func(t *testing.T) {
			t.Parallel()
			dir := dirIn(t, "/dev/shm")
			Surroundings{Dir: dir, Env: []string{fmt.Sprintf("%s=dir=%s/kernel,page=%d", xnu.Variable, dir, page)}}.Run(t, test)
		})
	}
}

// TestMacOSOnXNU is what TestMacOS runs.
func TestMacOSOnXNU(t *testing.T) {
	Inside(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"killed at every call", killedAtEveryCall},
		{"every call fails", everyCallFails},
		{"a sandbox", sandboxed},
		{"a segment being published", beingPublished},
		{"half made", halfMade},
		{"another program's segment", foreignSegment},
		{"another program's segment, not sized yet", unsizedSegment},
		{"another user's segment", anotherUsersSegment},
		{"sizes", roundedSizes},
		{"the name lost", nameLost},
		{"another boot", anotherBoot},
		{"no boot known", noBootKnown},
		{"the registry lost", registryLost},
		{"the registry lost before the last Close", lastCloseLost},
		{"no registry", noRegistry},
		{"hostile records", hostileRecords},
		{"the registry's place", registryPlace},
		{"a registry of many users", sharedRegistry},
	} {
		t.Run(test.name, test.run)
	}
}

// kernel is the model that this process and its children run on.
func kernel(t *testing.T) *xnu.Model {
	m, err := xnu.Parse(os.Getenv(xnu.Variable))
	require.NoError(t, err)
	return m
}

// elsewhere is a model and a registry of their own for second processes, to
// which options of the model can be added.
func elsewhere(t *testing.T) (dir string, env func(options string) []string) {
	dir = dirIn(t, Dir())
	page := kernel(t).Page
	return dir, func(options string) []string {
		return []string{"SHM_DIR=" + dir, fmt.Sprintf("%s=dir=%s/kernel,page=%d,%s", xnu.Variable, dir, page, options)}
	}
}

// empty checks that neither an object nor a record is left there.
func empty(t *testing.T, dir string) {
	t.Helper()
	names, err := os.ReadDir(dir + "/kernel/names")
	require.NoError(t, err)
	require.Empty(t, names)
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 1, "the kernel, and what is left: %v", files)
}

// object makes what a program without this library makes.
func object(t *testing.T, name string, size int64, mode uint32) {
	t.Helper()
	m := kernel(t)
	fd, err := m.ShmOpen("/"+name, unix.O_CREAT|unix.O_EXCL|unix.O_RDWR, mode)
	require.NoError(t, err)
	defer m.Close(fd)
	if size > 0 {
		require.NoError(t, m.Ftruncate(fd, size))
	}
}

func recordOf(t *testing.T, name string) string {
	path, err := shm.RecordPath(name)
	require.NoError(t, err)
	return path
}

func made(t *testing.T, name string, size int, o *shm.Options) shm.Segment {
	t.Helper()
	seg, err := shm.Create(name, size, o)
	require.NoError(t, err)
	t.Cleanup(func() { seg.Close() })
	return seg
}

func opened(t *testing.T, name string, o *shm.Options) shm.Segment {
	t.Helper()
	seg, err := shm.Open(name, o)
	require.NoError(t, err)
	t.Cleanup(func() { seg.Close() })
	return seg
}

// killedAtEveryCall: a process that is killed leaves nothing that anybody takes
// for a segment, and nothing that the next Create or Prune does not clear away.
func killedAtEveryCall(t *testing.T) {
	for _, does := range [][]string{
		{"create a 100000"},
		{"create a 100000 last", "close"},
		{"create a 100000", "unlink"},
		{"create a 100000", "rm a"},
	} {
		t.Run(strings.Join(does, ", "), func(t *testing.T) {
			deaths := 0
			for at := 1; ; at++ {
				for _, when := range []string{"-", "+"} {
					if !killedAt(t, fmt.Sprint(at, when), does) {
						require.Greater(t, deaths, 8)
						return
					}
					deaths++
				}
			}
		})
	}
}

func killedAt(t *testing.T, at string, does []string) (killed bool) {
	dir, env := elsewhere(t)
	victim, observer := Start(t, env("killed="+at)...), Start(t, env("")...)
	defer victim.Kill()
	defer observer.Kill()
	whole := false
	for _, command := range does {
		victim.Tell(command)
		answer, ok := victim.AnswerOrEnd()
		if killed = !ok; killed {
			break
		}
		require.Contains(t, answer, "ok", at)
		whole = strings.HasPrefix(command, "create")
	}
	if !killed {
		return false
	}
	victim.Kill()

	observer.Tell("open a")
	answer := observer.Answer()
	if whole && strings.HasPrefix(answer, "ok") {
		require.Equal(t, "ok 100000", answer, "killed at %s", at)
		observer.Ask("rm a")
		observer.Ask("close")
	} else {
		require.Contains(t, answer, "error not-exist", "killed at %s", at)
		observer.Tell("stat a")
		require.Contains(t, observer.Answer(), "error not-exist", "killed at %s", at)
		observer.Tell("rm a")
		require.Contains(t, observer.Answer(), "error not-exist", "killed at %s", at)
	}
	if strings.HasSuffix(at, "-") {
		observer.Ask("create a 50") // over whatever there is
		observer.Ask("unlink")
		observer.Ask("close")
	}
	observer.Ask("prune")
	empty(t, dir)
	return true
}

// everyCallFails: an error of any call leaves nothing.
func everyCallFails(t *testing.T) {
	for _, call := range []string{"shm_open", "ftruncate", "fstat", "mmap"} {
		for _, errno := range []unix.Errno{unix.ENOMEM, unix.EINVAL} {
			dir, env := elsewhere(t)
			p := Start(t, env(fmt.Sprintf("fail=%s:%d", call, int(errno)))...)
			p.Tell("create a 100000")
			answer := p.Answer()
			require.Contains(t, answer, "error ")
			if errno == unix.ENOMEM && call != "shm_open" && call != "fstat" {
				require.Contains(t, answer, "wanted", "no NoSpaceError of %s", call)
			} else {
				require.Contains(t, answer, call, "the call is not named")
			}
			empty(t, dir)
		}
	}
	t.Run("unlink", func(t *testing.T) {
		_, env := elsewhere(t)
		p := Start(t, env(fmt.Sprintf("fail=shm_unlink:%d", int(unix.EIO)))...)
		p.Ask("create a 10")
		for _, way := range []string{"unlink", "rm a"} {
			p.Tell(way)
			require.Contains(t, p.Answer(), "error other")
			require.Equal(t, "1", p.Ask("stat a"), "it is still a segment")
		}
	})
	t.Run("open", func(t *testing.T) {
		_, env := elsewhere(t)
		orphan, observer := Start(t, env("")...), Start(t, env("")...)
		orphan.Ask("create a 10 last")
		orphan.Kill()
		for _, call := range []string{"shm_open", "fstat", "mmap"} {
			p := Start(t, env(fmt.Sprintf("fail=%s:%d", call, int(unix.ENOMEM)))...)
			p.Tell("open a")
			want := call
			if call == "mmap" {
				want = "no room"
			}
			require.Regexp(t, "^error other .*"+want, p.Answer())
			require.Equal(t, "0", observer.Ask("stat a"), "an Open that fails is no last Close")
		}
		require.Equal(t, "10", observer.Ask("open a"))
		observer.Ask("close")
	})
}

func sandboxed(t *testing.T) {
	_, env := elsewhere(t)
	free := Start(t, env("")...)
	free.Ask("create a 10")
	for denied, commands := range map[string][]string{
		"shm_open":   {"create b 10", "open a", "stat a"},
		"shm_unlink": {"rm a"},
		"ftruncate":  {"create b 10"},
		"fstat":      {"open a"},
		"mmap":       {"open a"},
	} {
		p := Start(t, env("deny="+denied)...)
		for _, command := range commands {
			p.Tell(command)
			require.Regexp(t, "^error permission .*"+denied+".*sandbox", p.Answer(), "%s without %s", command, denied)
			p.Ask("umask 22") // and the error was one line
		}
	}
	require.Equal(t, "1", free.Ask("stat a"))
}

// beingPublished: the name does not exist before everything is in place.
func beingPublished(t *testing.T) {
	for _, size := range []int{0, 20000} {
		name := Name(t)
		over, err := shm.Publishing(name, size)
		require.NoError(t, err)
		before := time.Now()
		_, err = shm.Open(name, nil)
		require.ErrorIs(t, err, fs.ErrNotExist)
		_, err = shm.Stat(name)
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.ErrorIs(t, shm.Unlink(name), fs.ErrNotExist)
		infos, err := shm.List()
		require.NoError(t, err)
		for _, i := range infos {
			require.NotEqual(t, name, i.Name)
		}
		removed, err := shm.Prune()
		require.NoError(t, err)
		require.Empty(t, removed)
		require.Less(t, time.Since(before), time.Second, "nobody waits for it")
		_, err = shm.Create(name, 10, &shm.Options{Init: func([]byte) error {
			t.Error("it is filled in vain")
			return nil
		}})
		require.ErrorIs(t, err, fs.ErrExist)
		over()
		require.NoError(t, made(t, name, 10, nil).Unlink())
	}
}

// halfMade: what a dead creator left is no segment.
func halfMade(t *testing.T) {
	t.Run("Prune tells what it was", func(t *testing.T) {
		name := Name(t)
		over, err := shm.Publishing(name, 20000)
		require.NoError(t, err)
		over()
		_, err = shm.Open(name, nil)
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.ErrorContains(t, err, "half made")
		removed, err := shm.Prune()
		require.NoError(t, err)
		require.Len(t, removed, 1)
		require.Equal(t, name, removed[0].Name)
		require.EqualValues(t, 20000, removed[0].Size)
		require.NoFileExists(t, recordOf(t, name))
	})
	t.Run("unless the object is another one", func(t *testing.T) {
		// Made as no creator had planned it: a stranger took the name since.
		for size, mode := range map[int64]uint32{100_000: 0o600, 20000: 0o644} {
			name := Name(t)
			over, err := shm.Publishing(name, 20000)
			require.NoError(t, err)
			over()
			require.NoError(t, kernel(t).ShmUnlink("/"+name))
			object(t, name, size, mode)
			_, err = shm.Create(name, 10, nil)
			require.ErrorIs(t, err, fs.ErrExist)
			removed, err := shm.Prune()
			require.NoError(t, err)
			require.Empty(t, removed)
			require.GreaterOrEqual(t, opened(t, name, nil).Size(), int(size))
		}
	})
}

// foreignSegment: what Python made can be opened, counted, listed, removed.
func foreignSegment(t *testing.T) {
	page := int(kernel(t).Page)
	name := Name(t)
	object(t, name, int64(page)+1, 0o640)
	require.NoFileExists(t, recordOf(t, name))
	info, err := shm.Stat(name)
	require.NoError(t, err)
	require.Equal(t, shm.Info{Name: name, Size: int64(2 * page), Mode: 0o640, Owner: info.Owner, Users: -1, Foreign: -1}, info)
	_, err = shm.Create(name, 10, nil)
	require.ErrorIs(t, err, fs.ErrExist)
	require.NoFileExists(t, recordOf(t, name), "a Create that fails leaves no record")

	a := opened(t, name, nil)
	require.Equal(t, 2*page, a.Size())
	b := opened(t, name, &shm.Options{ReadOnly: true})
	a.Bytes()[2*page-1] = 5
	require.Equal(t, byte(5), b.Bytes()[2*page-1])
	info, err = b.Stat()
	require.NoError(t, err)
	require.Equal(t, 2, info.Users)
	infos, err := shm.List()
	require.NoError(t, err)
	require.Contains(t, infos, info)
	require.NoError(t, a.Unlink())
	_, err = b.Stat()
	require.NoError(t, err, "it was removed through this library")
	require.NoFileExists(t, recordOf(t, name))

	t.Run("made again, it is another", func(t *testing.T) {
		name := Name(t)
		object(t, name, 10, 0o600)
		old, closed := opened(t, name, nil), opened(t, name, nil)
		require.NoError(t, closed.Close())
		require.NoError(t, shm.Unlink(name))
		object(t, name, 10, 0o600) // the very same to the system
		opened(t, name, nil)
		require.ErrorIs(t, old.Unlink(), fs.ErrNotExist)
		require.ErrorIs(t, closed.Unlink(), fs.ErrNotExist)
		require.NoError(t, shm.Unlink(name))
	})
	t.Run("its record goes with its last user", func(t *testing.T) {
		name := Name(t)
		object(t, name, 10, 0o600)
		a, b := opened(t, name, nil), opened(t, name, nil)
		require.NoError(t, a.Close())
		require.FileExists(t, recordOf(t, name))
		info, err := b.Stat()
		require.NoError(t, err)
		require.Equal(t, 1, info.Users)
		require.NoError(t, b.Close())
		require.NoFileExists(t, recordOf(t, name))

		killed := Start(t)
		killed.Ask("open", name)
		killed.Kill()
		require.FileExists(t, recordOf(t, name))
		removed, err := shm.Prune()
		require.NoError(t, err)
		require.Empty(t, removed)
		require.NoFileExists(t, recordOf(t, name))
		require.NoError(t, a.Unlink(), "it has its name")
	})
	t.Run("no record for a name that does not exist", func(t *testing.T) {
		name := Name(t)
		_, err := shm.Open(name, nil)
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.NoFileExists(t, recordOf(t, name))
	})
	t.Run("not of a size that is wanted", func(t *testing.T) {
		name := Name(t)
		object(t, name, 10, 0o600)
		_, _, err := shm.OpenOrCreate(name, 100_000, nil)
		require.ErrorIs(t, err, shm.ErrTooSmall)
	})
}

func unsizedSegment(t *testing.T) {
	name := Name(t)
	object(t, name, 0, 0o600)
	_, err := shm.Open(name, nil)
	require.ErrorIs(t, err, shm.ErrUnfinished)
	info, err := shm.Stat(name)
	require.NoError(t, err)
	require.Zero(t, info.Size)
	require.NoFileExists(t, recordOf(t, name))

	opening := make(chan error)
	go func() {
		seg, err := shm.Open(name, nil)
		if err == nil {
			err = seg.Close()
		}
		opening <- err
	}()
	m := kernel(t)
	fd, err := m.ShmOpen("/"+name, unix.O_RDWR, 0)
	require.NoError(t, err)
	defer m.Close(fd)
	require.NoError(t, m.Ftruncate(fd, 10))
	require.NoError(t, <-opening)
}

func anotherUsersSegment(t *testing.T) {
	m := kernel(t)
	m.User = 12345
	name := Name(t)
	fd, err := m.ShmOpen("/"+name, unix.O_CREAT|unix.O_EXCL|unix.O_RDWR, 0o666)
	require.NoError(t, err)
	require.NoError(t, m.Ftruncate(fd, 10))
	require.NoError(t, m.Close(fd))
	_, err = shm.Open(name, nil)
	require.ErrorIs(t, err, fs.ErrPermission)
	require.ErrorContains(t, err, "12345")
	require.NoFileExists(t, recordOf(t, name))
	seg := opened(t, name, &shm.Options{AnyOwner: true})
	info, err := seg.Stat()
	require.NoError(t, err)
	require.Equal(t, "12345", info.Owner)
	removed, err := shm.Prune()
	require.NoError(t, err)
	require.Empty(t, removed)
	require.NoError(t, seg.Unlink())
}

// roundedSizes: strangers see whole pages, the largest there are.
func roundedSizes(t *testing.T) {
	m := kernel(t)
	for size, want := range map[int]int64{1: 16384, 16384: 16384, 16385: 32768} {
		name := Name(t)
		made(t, name, size, nil)
		fd, err := m.ShmOpen("/"+name, unix.O_RDONLY, 0)
		require.NoError(t, err)
		got, mode, _, err := m.Fstat(fd)
		require.NoError(t, errors.Join(err, m.Close(fd)))
		require.Equal(t, want, got)
		require.Equal(t, uint32(0o600), mode)
		require.Equal(t, size, opened(t, name, nil).Size())
	}
}

// nameLost: a stranger removes the name, and another takes it.
func nameLost(t *testing.T) {
	name := Name(t)
	seg := made(t, name, 5000, &shm.Options{Lifetime: shm.UntilLastClose})
	require.NoError(t, kernel(t).ShmUnlink("/"+name))
	info, err := seg.Stat()
	require.ErrorIs(t, err, shm.ErrNameLost)
	require.EqualValues(t, 5000, info.Size)
	_, err = shm.Open(name, nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
	infos, err := shm.List()
	require.NoError(t, err)
	for _, i := range infos {
		require.NotEqual(t, name, i.Name)
	}

	object(t, name, 100_000, 0o600)
	_, err = seg.Stat()
	require.ErrorIs(t, err, shm.ErrNameLost)
	require.ErrorIs(t, seg.Unlink(), fs.ErrNotExist)
	other := opened(t, name, nil)
	require.GreaterOrEqual(t, other.Size(), 100_000)
	info, err = other.Stat()
	require.NoError(t, err)
	require.Equal(t, shm.UntilUnlink, info.Lifetime)
	require.NoError(t, seg.Close())
	require.NoError(t, other.Close())
	_, err = shm.Stat(name)
	require.NoError(t, err, "a last Close removes nothing of another's")
	_, err = shm.Create(name, 10, nil)
	require.ErrorIs(t, err, fs.ErrExist)

	t.Run("and Unlink finds that out", func(t *testing.T) {
		name := Name(t)
		made(t, name, 10, nil)
		require.NoError(t, kernel(t).ShmUnlink("/"+name))
		require.ErrorIs(t, shm.Unlink(name), fs.ErrNotExist)
		require.NoFileExists(t, recordOf(t, name))
	})
	t.Run("and Create takes it again", func(t *testing.T) {
		name := Name(t)
		old := made(t, name, 5000, nil)
		require.NoError(t, kernel(t).ShmUnlink("/"+name))
		renewed := made(t, name, 5000, nil) // the very same to the system
		_, err := old.Stat()
		require.ErrorIs(t, err, shm.ErrNameLost)
		require.ErrorIs(t, old.Unlink(), fs.ErrNotExist)
		info, err := renewed.Stat()
		require.NoError(t, err)
		require.Equal(t, 1, info.Users, "tokens of the old one do not count")
		require.NoError(t, old.Close())
		require.ErrorIs(t, old.Unlink(), fs.ErrNotExist)
		require.NoError(t, renewed.Unlink())
	})
}

// anotherBoot: nothing but records outlives one, and those are not believed.
func anotherBoot(t *testing.T) {
	gone, again := Name(t), Name(t)
	for _, name := range []string{gone, again} {
		seg := made(t, name, 5000, &shm.Options{Lifetime: shm.UntilLastClose})
		require.NoError(t, seg.Close())
		seg = made(t, name, 5000, nil)
		require.NoError(t, seg.Close())
	}
	require.NoError(t, kernel(t).Reboot())
	_, err := shm.Open(gone, nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.FileExists(t, recordOf(t, gone))
	object(t, again, 16384, 0o600) // as the old one was
	info, err := shm.Stat(again)
	require.NoError(t, err)
	require.EqualValues(t, 16384, info.Size)
	require.Zero(t, info.Created)
	removed, err := shm.Prune()
	require.NoError(t, err)
	require.Empty(t, removed)
	require.NoFileExists(t, recordOf(t, gone))
	require.NoFileExists(t, recordOf(t, again))
	require.Equal(t, 16384, opened(t, again, nil).Size())
	made(t, gone, 10, nil)
}

// noBootKnown: who cannot tell one start of the system from another neither
// believes records nor harms what they stand for.
func noBootKnown(t *testing.T) {
	boxed := Start(t, fmt.Sprintf("%s=%s,deny=sysctl", xnu.Variable, os.Getenv(xnu.Variable)))
	live, lost, half, own := Name(t), Name(t), Name(t), Name(t)
	seg := made(t, live, 5000, &shm.Options{Lifetime: shm.UntilLastClose})
	killed := Start(t)
	killed.Ask("create", lost, 5000, "last")
	killed.Kill()
	over, err := shm.Publishing(half, 20000)
	require.NoError(t, err)
	over()

	require.Empty(t, boxed.Ask("prune"))
	for _, name := range []string{live, lost, half} {
		require.FileExists(t, recordOf(t, name))
	}
	again := opened(t, live, nil)
	require.Equal(t, 5000, again.Size(), "what its record says is true still")
	require.NoError(t, again.Close())
	boxed.Tell("create", half, 10)
	require.Contains(t, boxed.Answer(), "error exist")
	boxed.Tell("create", own, 10, "last")
	require.Regexp(t, "^error other .*kern.bootsessionuuid", boxed.Answer())

	require.Equal(t, "16384", boxed.Ask("open", live))
	require.NoError(t, seg.Close())
	boxed.Ask("close")
	_, err = shm.Stat(live)
	require.NoError(t, err, "its Close cannot be known to be the last")

	boxed.Ask("create", own, 10)
	boxed.Ask("close")
	removed, err := shm.Prune()
	require.NoError(t, err)
	require.FileExists(t, recordOf(t, own), "nobody knows of which boot it is")
	names := []string{}
	for _, i := range removed {
		names = append(names, i.Name)
	}
	require.ElementsMatch(t, []string{live, lost, half}, names)
	boxed.Ask("rm", own)
	require.NoFileExists(t, recordOf(t, own))
}

// registryLost: what is attached goes on, and so does everybody else.
func registryLost(t *testing.T) {
	for what, lose := range map[string]func(t *testing.T, dir, name string){
		"the file":      func(t *testing.T, dir, name string) { require.NoError(t, os.Remove(recordOf(t, name))) },
		"the directory": func(t *testing.T, dir, name string) { require.NoError(t, os.RemoveAll(dir)) },
		"its bytes":     func(t *testing.T, dir, name string) { require.NoError(t, os.Truncate(recordOf(t, name), 7)) },
		"a new directory": func(t *testing.T, dir, name string) {
			require.NoError(t, os.RemoveAll(dir))
			require.NoError(t, os.Mkdir(dir, 0o700))
		},
	} {
		for how, end := range map[string]func(a, b shm.Segment, name string) error{
			"by handle": func(a, b shm.Segment, name string) error { return a.Unlink() },
			"by name":   func(a, b shm.Segment, name string) error { return shm.Unlink(name) },
			"opened":    func(a, b shm.Segment, name string) error { return b.Unlink() },
		} {
			t.Run(what+", "+how, func(t *testing.T) {
				dir := dirIn(t, Dir())
				t.Setenv("SHM_DIR", dir)
				name := Name(t)
				seg := made(t, name, 5000, nil)
				seg.Bytes()[0] = 3
				lose(t, dir, name)
				_, err := seg.Stat()
				require.NoError(t, err)
				later := opened(t, name, nil)
				require.Equal(t, 16384, later.Size(), "the size that the system has")
				require.Equal(t, byte(3), later.Bytes()[0])
				require.NoError(t, end(seg, later, name))
				_, err = shm.Open(name, nil)
				require.ErrorIs(t, err, fs.ErrNotExist)
				require.ErrorIs(t, shm.Unlink(name), fs.ErrNotExist)

				renewed := made(t, name, 5000, nil)
				require.NoError(t, seg.Close())
				require.NoError(t, later.Close())
				require.NoError(t, renewed.Unlink())
			})
		}
		t.Run(what+", after Close", func(t *testing.T) {
			dir := dirIn(t, Dir())
			t.Setenv("SHM_DIR", dir)
			name := Name(t)
			seg := made(t, name, 5000, nil)
			require.NoError(t, seg.Close())
			lose(t, dir, name)
			require.NoError(t, seg.Unlink())
			_, err := shm.Stat(name)
			require.ErrorIs(t, err, fs.ErrNotExist)
			require.ErrorIs(t, seg.Unlink(), fs.ErrNotExist)
			require.NoFileExists(t, recordOf(t, name))
		})
	}
}

// lastCloseLost: with the registry goes what is known of users, so nobody can be
// sure to be the last.
func lastCloseLost(t *testing.T) {
	name := Name(t)
	seg := made(t, name, 10, &shm.Options{Lifetime: shm.UntilLastClose})
	require.NoError(t, os.Remove(recordOf(t, name)))
	later := opened(t, name, nil)
	require.NoError(t, seg.Close())
	info, err := later.Stat()
	require.NoError(t, err)
	require.Equal(t, 1, info.Users)
	require.NoError(t, later.Close())
	require.NoError(t, shm.Unlink(name))
}

// noRegistry: where none can be had, what needs none works.
func noRegistry(t *testing.T) {
	dir := dirIn(t, Dir())
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, where := range []string{filepath.Join(dir, "nowhere"), file} {
		t.Setenv("SHM_DIR", where)
		name := Name(t)
		seg := made(t, name, 5000, &shm.Options{Init: func(mem []byte) error { mem[1] = 2; return nil }})
		_, err := shm.Create(name, 10, nil)
		require.ErrorIs(t, err, fs.ErrExist)
		other := opened(t, name, nil)
		require.Equal(t, byte(2), other.Bytes()[1])
		info, err := other.Stat()
		require.NoError(t, err)
		require.Equal(t, -1, info.Users)
		_, err = shm.Stat(name)
		require.NoError(t, err)
		_, err = shm.List()
		require.ErrorContains(t, err, "registry")
		require.NoError(t, other.Unlink())
		require.ErrorIs(t, other.Unlink(), fs.ErrNotExist)
		_, err = other.Stat()
		require.NoError(t, err)
		_, err = seg.Stat()
		require.ErrorIs(t, err, shm.ErrNameLost, "nobody could tell this one")
		require.NoError(t, seg.Close())

		_, err = shm.Create(name, 10, &shm.Options{Lifetime: shm.UntilLastClose})
		require.ErrorIs(t, err, errors.ErrUnsupported)
		require.ErrorContains(t, err, "registry")
	}
}

// hostileRecords: what stands where a record should be misleads nobody about
// what the system says.
func hostileRecords(t *testing.T) {
	dir := dirIn(t, Dir())
	t.Setenv("SHM_DIR", dir)
	replaced := func(plant func(path string, old []byte) error) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			old, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.Remove(path))
			require.NoError(t, plant(path, old))
		}
	}
	other := Name(t)
	made(t, other, 20, nil)
	for what, plant := range map[string]func(t *testing.T, path string){
		"nothing":   replaced(func(path string, old []byte) error { return os.WriteFile(path, nil, 0o600) }),
		"a half":    replaced(func(path string, old []byte) error { return os.WriteFile(path, old[:len(old)/2], 0o600) }),
		"much":      replaced(func(path string, old []byte) error { return os.WriteFile(path, make([]byte, 1<<20), 0o600) }),
		"a bit":     replaced(func(path string, old []byte) error { old[33] ^= 1; return os.WriteFile(path, old, 0o600) }),
		"a link":    replaced(func(path string, old []byte) error { return os.Symlink("/etc/passwd", path) }),
		"a loop":    replaced(func(path string, old []byte) error { return os.Symlink(path, path) }),
		"a pipe":    replaced(func(path string, old []byte) error { return unix.Mkfifo(path, 0o600) }),
		"a folder":  replaced(func(path string, old []byte) error { return os.Mkdir(path, 0o700) }),
		"another's": replaced(func(path string, old []byte) error { return os.Link(recordOf(t, other), path) }),
		"a stranger's": func(t *testing.T, path string) {
			if err := os.Chown(path, 12345, 12345); err != nil {
				t.Skip("only root can give a file away")
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			name := Name(t)
			seg := made(t, name, 5000, nil)
			path := recordOf(t, name)
			t.Cleanup(func() { os.RemoveAll(path) })
			plant(t, path)
			later := opened(t, name, nil)
			require.Equal(t, 16384, later.Size())
			info, err := shm.Stat(name)
			require.NoError(t, err)
			require.EqualValues(t, 16384, info.Size)
			_, err = shm.List()
			require.NoError(t, err)
			_, err = shm.Prune()
			require.NoError(t, err)
			_, err = shm.Create(name, 10, nil)
			require.ErrorIs(t, err, fs.ErrExist)
			require.NoError(t, later.Close())
			require.NoError(t, shm.Unlink(name))
			require.NoError(t, made(t, name, 10, nil).Unlink())
			require.NoError(t, seg.Close())
		})
	}
	require.Equal(t, 20, opened(t, other, nil).Size())
}

// registryPlace: without SHM_DIR the registry is this user's alone.
func registryPlace(t *testing.T) {
	home := dirIn(t, os.TempDir())
	cache := filepath.Join(home, "cache")
	t.Setenv("SHM_DIR", "")
	t.Setenv("XDG_CACHE_HOME", cache)
	last := fmt.Sprintf("/tmp/shm-%d", os.Geteuid())
	t.Cleanup(func() { os.Remove(last) }) // if it is empty

	name := Name(t)
	require.Equal(t, filepath.Join(cache, "shm"), filepath.Dir(recordOf(t, name)))
	info, err := os.Lstat(filepath.Join(cache, "shm"))
	require.NoError(t, err)
	require.Equal(t, fs.ModeDir|0o700, info.Mode())
	require.NoError(t, made(t, name, 10, nil).Unlink())

	for what, spoil := range map[string]func(dir string) error{
		"others may write": func(dir string) error { return errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o722)) },
		"a link":           func(dir string) error { return os.Symlink(home, dir) },
		"a file":           func(dir string) error { return os.WriteFile(dir, nil, 0o600) },
	} {
		dir := filepath.Join(cache, "shm")
		require.NoError(t, os.RemoveAll(dir))
		require.NoError(t, spoil(dir))
		require.Equal(t, last, filepath.Dir(recordOf(t, name)), what)
	}
	if os.Geteuid() == 0 {
		require.NoError(t, os.RemoveAll(filepath.Join(cache, "shm")))
		require.NoError(t, os.Chown(cache, 12345, 12345))
		require.Equal(t, last, filepath.Dir(recordOf(t, name)), "another user's home, as sudo leaves it")
	}
}

// sharedRegistry: in a directory where everybody may write and nobody may
// remove another's files, records stay that nobody believes.
func sharedRegistry(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be several users")
	}
	name := Name(t)
	a, b := Start(t), Start(t)
	a.Ask("become", 65534)
	b.Ask("become", 65533)
	a.Ask("create", name, 10, "666")
	a.Ask("rm", name)
	a.Ask("close")
	a.Ask("create", name, 10, "666")
	b.Ask("rm", name)
	require.FileExists(t, recordOf(t, name))
	a.Tell("stat", name)
	require.Contains(t, a.Answer(), "error not-exist")
	b.Tell("create", name, 20, "last")
	require.Regexp(t, "^error other .*registry", b.Answer())
	b.Ask("create", name, 20)
	a.Tell("unlink")
	require.Contains(t, a.Answer(), "error not-exist")
	info, err := shm.Stat(name)
	require.NoError(t, err)
	require.Equal(t, "65533", info.Owner)
	require.EqualValues(t, 16384, info.Size)
	b.Ask("rm", name)
	a.Ask("prune")
	require.FileExists(t, recordOf(t, name), "it has a user still")
	a.Ask("close")
	a.Ask("prune")
	require.NoFileExists(t, recordOf(t, name))
}
