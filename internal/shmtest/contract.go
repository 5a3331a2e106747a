// Package shmtest is the contract of package shm as a test suite, and what
// tests of several processes need.
package shmtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm"
)

// Supported says whether the package has a backend for this system. Where it
// has none, Unsupported is the whole contract.
const Supported = runtime.GOOS == "linux" || runtime.GOOS == "darwin" || runtime.GOOS == "windows"

// Run checks each promise of shm.Segment in a subtest of the promise's name.
func Run(t *testing.T) {
	for _, p := range []struct {
		promise string
		check   func(*testing.T)
	}{
		{"fresh", fresh},
		{"exclusive", exclusive},
		{"whole", whole},
		{"filled", filled},
		{"shared", shared},
		{"close leaves", closeLeaves},
		{"exit leaves", exitLeaves},
		{"unlink frees the name", unlinkFrees},
		{"reserved", reserved},
		{"exact size", exactSize},
		{"private", private},
		{"read-only means it", readOnly},
		{"names", names},
		{"open or create", openOrCreate},
		{"stat and list", statAndList},
		{"users", users},
		{"until last close", untilLastClose},
		{"prune", prune},
		{"scope", scope},
		{"options", options},
		{"guard", guard},
	} {
		t.Run(p.promise, func(t *testing.T) {
			t.Parallel()
			p.check(t)
		})
	}
}

// Unsupported checks that every call says that it cannot be done here.
func Unsupported(t *testing.T) {
	_, createErr := shm.Create("", 1, nil)
	_, openErr := shm.Open("x", nil)
	_, _, bothErr := shm.OpenOrCreate("x", 1, nil)
	_, statErr := shm.Stat("x")
	_, listErr := shm.List()
	_, pruneErr := shm.Prune()
	_, scopeErr := shm.NewScope(context.Background()).Create("", 1, nil)
	for call, err := range map[string]error{
		"Create": createErr, "Open": openErr, "OpenOrCreate": bothErr,
		"Unlink": shm.Unlink("x"), "Stat": statErr, "List": listErr,
		"Prune": pruneErr, "Scope.Create": scopeErr,
	} {
		require.ErrorIs(t, err, errors.ErrUnsupported, call)
	}
	require.NoError(t, shm.Guard(func() error { return nil }))
	require.ErrorIs(t, shm.Guard(func() error { return fs.ErrClosed }), fs.ErrClosed)
}

// create makes a segment that is closed and unlinked at the end of the test.
func create(t testing.TB, name string, size int, o *shm.Options) shm.Segment {
	t.Helper()
	seg, err := shm.Create(name, size, o)
	require.NoError(t, err)
	closeLater(t, seg)
	return seg
}

func open(t testing.TB, name string, o *shm.Options) shm.Segment {
	t.Helper()
	seg, err := shm.Open(name, o)
	require.NoError(t, err)
	closeLater(t, seg)
	return seg
}

func closeLater(t testing.TB, seg shm.Segment) {
	t.Cleanup(func() {
		if err := seg.Close(); err != nil && !errors.Is(err, fs.ErrClosed) {
			t.Errorf("closing: %v", err)
		}
	})
}

// absent checks that nobody finds the name.
func absent(t testing.TB, name string) {
	t.Helper()
	_, err := shm.Open(name, nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = shm.Stat(name)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.False(t, listed(t, name), "%s is listed", name)
}

func listed(t testing.TB, name string) bool {
	t.Helper()
	infos, err := shm.List()
	require.NoError(t, err)
	return slices.ContainsFunc(infos, func(i shm.Info) bool { return i.Name == name })
}

func fresh(t *testing.T) {
	page := os.Getpagesize()
	for _, size := range []int{1, 7, page - 1, page, page + 1, 3<<20 + 5} {
		seg := create(t, Name(t), size, nil)
		require.Equal(t, make([]byte, size), seg.Bytes(), "size %d", size)
		require.Equal(t, size, seg.Size())
		require.False(t, seg.ReadOnly())
		for i := range seg.Bytes() { // every byte is really there
			seg.Bytes()[i] = 0xff
		}
	}
	for _, size := range []int{0, -1, math.MinInt} {
		name := Name(t)
		_, err := shm.Create(name, size, nil)
		require.ErrorIs(t, err, fs.ErrInvalid, "size %d", size)
		absent(t, name)
	}

	t.Run("a name of its own", func(t *testing.T) {
		seg, err := shm.Create("", 10, nil)
		require.NoError(t, err)
		closeLater(t, seg)
		defer seg.Unlink()
		require.Regexp(t, `^psm_[0-9a-v]{26}$`, seg.Name())
		require.Equal(t, 10, open(t, seg.Name(), nil).Size())
	})

	t.Run("then Init", func(t *testing.T) {
		seg := create(t, Name(t), 5, &shm.Options{Init: func(mem []byte) error {
			require.Equal(t, make([]byte, 5), mem)
			require.Equal(t, 5, cap(mem))
			copy(mem, "hello")
			return nil
		}})
		require.Equal(t, "hello", string(seg.Bytes()))
	})
}

func exclusive(t *testing.T) {
	name := Name(t)
	first := create(t, name, 10, nil)
	first.Bytes()[0] = 42
	_, err := shm.Create(name, 10, &shm.Options{Init: func([]byte) error {
		t.Error("a Create of a taken name fills memory in vain")
		return nil
	}})
	require.ErrorIs(t, err, fs.ErrExist)
	require.Equal(t, byte(42), open(t, name, nil).Bytes()[0])

	t.Run("of many at once one wins", func(t *testing.T) {
		for range 20 {
			name := Name(t)
			won := make(chan shm.Segment, 8)
			var group sync.WaitGroup
			for range cap(won) {
				group.Go(func() {
					seg, err := shm.Create(name, 4096, &shm.Options{Init: func(mem []byte) error {
						runtime.Gosched() // let the others come as far
						return nil
					}})
					if err == nil {
						won <- seg
					} else if !errors.Is(err, fs.ErrExist) {
						t.Errorf("losing: got %v, want fs.ErrExist", err)
					}
				})
			}
			group.Wait()
			close(won)
			require.Len(t, won, 1)
			require.NoError(t, (<-won).Close())
			require.NoError(t, shm.Unlink(name))
		}
	})

	t.Run("also among processes", func(t *testing.T) {
		name := Name(t)
		p := Start(t)
		p.Ask("create", name, 100)
		_, err := shm.Create(name, 100, nil)
		require.ErrorIs(t, err, fs.ErrExist)
	})
}

// whole opens a name as fast as it can while it is created and unlinked.
func whole(t *testing.T) {
	name := Name(t)
	const size = 100_000
	full := bytes.Repeat([]byte{7}, size)
	stop := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			seg, err := shm.Create(name, size, &shm.Options{Init: func(mem []byte) error {
				copy(mem, full)
				return nil
			}})
			if err != nil {
				t.Errorf("creating: %v", err)
				return
			}
			if err := errors.Join(seg.Unlink(), seg.Close()); err != nil {
				t.Errorf("leaving: %v", err)
				return
			}
		}
	})
	for opened, deadline := 0, time.Now().Add(Deadline); opened < 200; {
		require.True(t, time.Now().Before(deadline), "opened %d times", opened)
		seg, err := shm.Open(name, nil)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		require.NoError(t, err)
		require.Equal(t, size, seg.Size())
		require.True(t, bytes.Equal(full, seg.Bytes()), "opened half filled")
		require.NoError(t, seg.Close())
		opened++
	}
	close(stop)
	group.Wait()
}

func filled(t *testing.T) {
	t.Run("no name before Init returns", func(t *testing.T) {
		name := Name(t)
		create(t, name, 10, &shm.Options{Init: func(mem []byte) error {
			mem[9] = 9
			absent(t, name)
			return nil
		}})
		require.Equal(t, byte(9), open(t, name, nil).Bytes()[9])
	})

	t.Run("a large one", func(t *testing.T) {
		seg := create(t, Name(t), 20<<20+1, &shm.Options{Init: func(mem []byte) error {
			require.Len(t, mem, 20<<20+1)
			require.Equal(t, -1, bytes.IndexFunc(mem, func(r rune) bool { return r != 0 }))
			for i := range mem {
				mem[i] = 7
			}
			return nil
		}})
		require.True(t, bytes.Equal(bytes.Repeat([]byte{7}, 20<<20+1), seg.Bytes()))
	})

	t.Run("an error leaves nothing", func(t *testing.T) {
		name := Name(t)
		wrong := errors.New("no data")
		_, err := shm.Create(name, 10, &shm.Options{Init: func([]byte) error { return wrong }})
		require.ErrorIs(t, err, wrong)
		absent(t, name)
	})

	t.Run("a panic leaves nothing", func(t *testing.T) {
		name := Name(t)
		require.PanicsWithValue(t, "oh", func() {
			shm.Create(name, 10, &shm.Options{Init: func([]byte) error { panic("oh") }})
		})
		absent(t, name)
	})

	t.Run("a goroutine's end leaves nothing", func(t *testing.T) {
		name := Name(t)
		var group sync.WaitGroup
		group.Go(func() {
			shm.Create(name, 10, &shm.Options{Init: func([]byte) error { runtime.Goexit(); return nil }})
		})
		group.Wait()
		absent(t, name)
	})

	t.Run("a killed creator leaves nothing", func(t *testing.T) {
		name := Name(t)
		p := Start(t)
		p.Tell("fill", name, 1<<20)
		require.Equal(t, "filling", p.Answer())
		absent(t, name)
		p.Kill()
		absent(t, name)
		create(t, name, 10, nil)
	})

	t.Run("of two that fill, the first to finish wins", func(t *testing.T) {
		name := Name(t)
		_, err := shm.Create(name, 1, &shm.Options{Init: func([]byte) error {
			create(t, name, 2, nil)
			return nil
		}})
		require.ErrorIs(t, err, fs.ErrExist)
		require.Equal(t, 2, open(t, name, nil).Size())
	})
}

func shared(t *testing.T) {
	name := Name(t)
	a := create(t, name, 5000, nil)
	b, ro := open(t, name, nil), open(t, name, &shm.Options{ReadOnly: true})
	p := Start(t)
	require.Equal(t, "5000", p.Ask("open", name))

	a.Bytes()[0] = 1
	b.Bytes()[4999] = 2
	require.Equal(t, "1", p.Ask("read", 0))
	require.Equal(t, "2", p.Ask("read", 4999))
	p.Ask("write", 2500, 3)
	for _, seg := range []shm.Segment{a, b, ro} {
		require.Equal(t, []byte{1, 3, 2}, []byte{seg.Bytes()[0], seg.Bytes()[2500], seg.Bytes()[4999]})
	}
}

func closeLeaves(t *testing.T) {
	name := Name(t)
	a, b := create(t, name, 100, nil), open(t, name, nil)
	a.Bytes()[1] = 5
	require.NoError(t, a.Close())
	require.Nil(t, a.Bytes())
	require.Equal(t, 100, a.Size())
	require.Equal(t, name, a.Name())
	require.ErrorIs(t, a.Close(), fs.ErrClosed)
	_, err := a.Stat()
	require.ErrorIs(t, err, fs.ErrClosed)

	require.Equal(t, byte(5), b.Bytes()[1])
	require.NoError(t, b.Close())
	require.Equal(t, byte(5), open(t, name, nil).Bytes()[1], "after the last Close the segment is there")

	t.Run("nothing unmaps a live slice", func(t *testing.T) {
		seg, err := shm.Open(name, nil)
		require.NoError(t, err)
		t.Cleanup(func() { seg.Close() })
		mem := func() []byte {
			seg, err := shm.Open(name, nil)
			require.NoError(t, err)
			t.Cleanup(func() { forget(t, seg) })
			return seg.Bytes()
		}()
		for range 3 {
			runtime.GC()
		}
		require.Equal(t, byte(5), mem[1])
	})

	t.Run("many at once", func(t *testing.T) {
		seg := open(t, name, nil)
		var group sync.WaitGroup
		closed := make(chan error, 8)
		for range cap(closed) {
			group.Go(func() { closed <- seg.Close() })
		}
		group.Wait()
		close(closed)
		var good int
		for err := range closed {
			if err == nil {
				good++
			} else {
				require.ErrorIs(t, err, fs.ErrClosed)
			}
		}
		require.Equal(t, 1, good)
	})
}

func forget(t testing.TB, seg shm.Segment) {
	if err := seg.Close(); err != nil {
		t.Errorf("closing: %v", err)
	}
}

func exitLeaves(t *testing.T) {
	for _, end := range []struct {
		how string
		end func(*Process)
	}{{"exit", (*Process).Exit}, {"kill", (*Process).Kill}} {
		t.Run("creator, "+end.how, func(t *testing.T) {
			name := Name(t)
			p := Start(t)
			p.Ask("create", name, 100)
			p.Ask("write", 99, 8)
			end.end(p)
			require.Equal(t, byte(8), open(t, name, nil).Bytes()[99])
		})
		t.Run("attacher, "+end.how, func(t *testing.T) {
			name := Name(t)
			seg := create(t, name, 100, nil)
			p := Start(t)
			p.Ask("open", name)
			p.Ask("write", 99, 8)
			end.end(p)
			require.Equal(t, byte(8), seg.Bytes()[99])
			require.Equal(t, byte(8), open(t, name, nil).Bytes()[99])
			_, err := seg.Stat()
			require.NoError(t, err)
		})
	}
}

func unlinkFrees(t *testing.T) {
	name := Name(t)
	old := create(t, name, 100, nil)
	p := Start(t)
	p.Ask("open", name)
	require.NoError(t, old.Unlink())
	absent(t, name)
	require.ErrorIs(t, old.Unlink(), fs.ErrNotExist)
	require.ErrorIs(t, shm.Unlink(name), fs.ErrNotExist)
	_, err := old.Stat()
	require.NoError(t, err, "an unlinked name is not a lost one")

	renewed := create(t, name, 200, nil)
	require.Equal(t, make([]byte, 200), renewed.Bytes())
	p.Ask("write", 1, 7)
	require.Equal(t, byte(7), old.Bytes()[1], "the users of the old memory keep it")
	require.Equal(t, byte(0), renewed.Bytes()[1])
	require.Equal(t, 200, open(t, name, nil).Size())
	info, err := old.Stat()
	require.NoError(t, err)
	require.EqualValues(t, 100, info.Size)

	t.Run("a stale handle removes nothing newer", func(t *testing.T) {
		require.ErrorIs(t, old.Unlink(), fs.ErrNotExist)
		require.NoError(t, old.Close())
		require.ErrorIs(t, old.Unlink(), fs.ErrNotExist)
		require.Equal(t, 200, open(t, name, nil).Size())
		p.Tell("unlink")
		require.Contains(t, p.Answer(), "error not-exist")
	})

	t.Run("a stale one that is closed neither", func(t *testing.T) {
		// On a disk the new file may well get the inode of the old one.
		name := Name(t)
		stale := create(t, name, 10, nil)
		require.NoError(t, stale.Close())
		require.NoError(t, shm.Unlink(name))
		create(t, name, 20, nil)
		require.ErrorIs(t, stale.Unlink(), fs.ErrNotExist)
		require.Equal(t, 20, open(t, name, nil).Size())
	})

	t.Run("after Close", func(t *testing.T) {
		require.NoError(t, renewed.Close())
		require.NoError(t, renewed.Unlink())
		absent(t, name)
		require.ErrorIs(t, renewed.Unlink(), fs.ErrNotExist)
	})

	t.Run("by name, from another process", func(t *testing.T) {
		seg := create(t, Name(t), 10, nil)
		p.Ask("rm", seg.Name())
		absent(t, seg.Name())
		_, err := seg.Stat()
		require.NoError(t, err)
	})

	t.Run("of many at once one succeeds", func(t *testing.T) {
		for range 20 {
			name := Name(t)
			seg := create(t, name, 10, nil)
			const n = 6
			results := make(chan error, n)
			var group sync.WaitGroup
			for i := range n {
				group.Go(func() {
					if i%2 == 0 {
						results <- shm.Unlink(name)
					} else {
						results <- seg.Unlink()
					}
				})
			}
			group.Wait()
			close(results)
			var good int
			for err := range results {
				if err == nil {
					good++
				} else {
					require.ErrorIs(t, err, fs.ErrNotExist)
				}
			}
			require.Equal(t, 1, good)
		}
	})

	t.Run("while others take the name again", func(t *testing.T) {
		// Each creator unlinks only what it made itself; if a stale handle ever
		// removed a newer segment, its creator's Unlink would fail.
		name := Name(t)
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				var stale shm.Segment
				for n := 0; n < 50; {
					if stale != nil {
						if err := stale.Unlink(); !errors.Is(err, fs.ErrNotExist) {
							t.Errorf("stale Unlink: got %v, want fs.ErrNotExist", err)
						}
					}
					seg, err := shm.Create(name, 10, nil)
					if errors.Is(err, fs.ErrExist) {
						continue
					}
					if err == nil {
						err = errors.Join(seg.Unlink(), seg.Close())
					}
					if err != nil {
						t.Errorf("got %v", err)
						return
					}
					stale = seg
					n++
				}
			})
		}
		group.Wait()
	})
}

func reserved(t *testing.T) {
	if math.MaxInt == math.MaxInt32 {
		t.Skip("no size that a 32-bit process can ask for is surely too large; the small file system's test asks")
	}
	name := Name(t)
	const size = math.MaxInt / 4
	_, err := shm.Create(name, size, nil)
	require.ErrorIs(t, err, shm.ErrNoSpace)
	var space *shm.NoSpaceError
	require.ErrorAs(t, err, &space)
	require.EqualValues(t, size, space.Need)
	require.Less(t, space.Free, space.Need)
	require.NotEmpty(t, space.Where)
	absent(t, name)
}

func exactSize(t *testing.T) {
	page := os.Getpagesize()
	for _, size := range []int{1, 5000, page, page + 1, 16384, 16385} {
		name := Name(t)
		create(t, name, size, nil)
		seg := open(t, name, nil)
		require.Equal(t, size, seg.Size())
		require.Len(t, seg.Bytes(), size)
		require.Equal(t, size, cap(seg.Bytes()))
		info, err := shm.Stat(name)
		require.NoError(t, err)
		require.EqualValues(t, size, info.Size)
	}
	t.Run("sparse", func(t *testing.T) {
		name := Name(t)
		seg := create(t, name, 1<<28, &shm.Options{Sparse: true})
		seg.Bytes()[1<<28-1] = 1
		require.Equal(t, 1<<28, open(t, name, nil).Size())
	})
}

func readOnly(t *testing.T) {
	name := Name(t)
	fill := func(mem []byte) error { mem[0] = 1; return nil }
	made := create(t, name, 10, &shm.Options{ReadOnly: true, Init: fill})
	opened := open(t, name, &shm.Options{ReadOnly: true})
	for how, seg := range map[string]shm.Segment{"Create": made, "Open": opened} {
		require.True(t, seg.ReadOnly(), how)
		require.Equal(t, byte(1), seg.Bytes()[0], how)
		if !Emulated() { // as in guard
			err := shm.Guard(func() error { seg.Bytes()[0] = 2; return nil })
			require.ErrorIs(t, err, shm.ErrFault, how)
		}
		require.Equal(t, byte(1), seg.Bytes()[0], how)
	}
	writer := open(t, name, nil)
	writer.Bytes()[0] = 3
	require.Equal(t, byte(3), made.Bytes()[0])
	require.NoError(t, opened.Unlink(), "reading is a right to the memory, not to the name")
}

func names(t *testing.T) {
	const limit = 30
	own := shm.NewName()
	good := []string{own[:4] + strings.Repeat("x", limit-4), own[:29] + "Z", "a.b-c_" + own[6:]}
	for _, name := range good {
		require.LessOrEqual(t, len(name), limit)
		seg := create(t, name, 1, nil)
		require.Equal(t, name, seg.Name())
		require.NoError(t, seg.Unlink())
	}
	for _, name := range []string{strings.Repeat("x", limit+1), "a/b", "/a", "a\\b", ".a", "..", "sem.a", "a\x00b", "a b", "ä", "a:b"} {
		_, err := shm.Create(name, 1, nil)
		require.ErrorIs(t, err, fs.ErrInvalid, "Create(%q)", name)
		_, _, err = shm.OpenOrCreate(name, 1, nil)
		require.ErrorIs(t, err, fs.ErrInvalid, "OpenOrCreate(%q)", name)
	}
	for _, name := range []string{"", ".", "..", "a/b", "/a", "a\x00b", "../shm/a", strings.Repeat("x", System().LongestName+1)} {
		_, openErr := shm.Open(name, nil)
		_, statErr := shm.Stat(name)
		for call, err := range map[string]error{"Open": openErr, "Stat": statErr, "Unlink": shm.Unlink(name)} {
			require.ErrorIs(t, err, fs.ErrInvalid, "%s(%q)", call, name)
		}
	}
	for _, name := range []string{"no such segment", "ä", ".hidden-" + own[13:], "sem." + own[9:], strings.Repeat("x", System().LongestName)} {
		_, openErr := shm.Open(name, nil)
		_, statErr := shm.Stat(name)
		for call, err := range map[string]error{"Open": openErr, "Stat": statErr, "Unlink": shm.Unlink(name)} {
			require.ErrorIs(t, err, fs.ErrNotExist, "%s(%q)", call, name)
		}
	}
	_, _, err := shm.OpenOrCreate("", 1, nil)
	require.ErrorIs(t, err, fs.ErrInvalid, "nobody else could ever open it")

	t.Run("upper and lower case are two", func(t *testing.T) {
		lower := Name(t)
		upper := "PSM_" + lower[4:]
		a, b := create(t, lower, 1, nil), create(t, upper, 2, nil)
		defer b.Unlink()
		require.Equal(t, 1, open(t, lower, nil).Size())
		require.Equal(t, 2, open(t, upper, nil).Size())
		require.NoError(t, a.Unlink())
	})

	t.Run("the error is a sentence", func(t *testing.T) {
		name := Name(t)
		_, err := shm.Open(name, nil)
		var e *shm.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, "open", e.Op)
		require.Equal(t, name, e.Name)
		require.Contains(t, err.Error(), fmt.Sprintf("shm: open %q: there is no segment", name))
	})
}

func openOrCreate(t *testing.T) {
	name := Name(t)
	fill := &shm.Options{Init: func(mem []byte) error { mem[0]++; return nil }}
	first, created, err := shm.OpenOrCreate(name, 100, fill)
	require.NoError(t, err)
	closeLater(t, first)
	require.True(t, created)
	second, created, err := shm.OpenOrCreate(name, 50, fill)
	require.NoError(t, err)
	closeLater(t, second)
	require.False(t, created)
	require.Equal(t, 100, second.Size(), "a larger one keeps its size")
	require.Equal(t, byte(1), second.Bytes()[0], "Init runs once")
	_, _, err = shm.OpenOrCreate(name, 101, fill)
	require.ErrorIs(t, err, shm.ErrTooSmall)
	require.Contains(t, err.Error(), "100")

	t.Run("somebody is faster", func(t *testing.T) {
		name := Name(t)
		seg, created, err := shm.OpenOrCreate(name, 10, &shm.Options{Init: func([]byte) error {
			create(t, name, 30, nil)
			return nil
		}})
		require.NoError(t, err)
		closeLater(t, seg)
		require.False(t, created)
		require.Equal(t, 30, seg.Size())
	})

	t.Run("also when Init takes longer than anybody waits", func(t *testing.T) {
		name := Name(t)
		seg, created, err := shm.OpenOrCreate(name, 10, &shm.Options{Init: func([]byte) error {
			create(t, name, 30, nil)
			<-time.After(1100 * time.Millisecond) // more than package shm's patience
			return nil
		}})
		require.NoError(t, err)
		closeLater(t, seg)
		require.False(t, created)
	})

	t.Run("of many at once one creates", func(t *testing.T) {
		for range 20 {
			name := Name(t)
			const n = 6
			var group sync.WaitGroup
			made := make(chan bool, n)
			for range n {
				group.Go(func() {
					seg, created, err := shm.OpenOrCreate(name, 1000, fill)
					if err != nil {
						t.Errorf("got %v", err)
						return
					}
					if seg.Bytes()[0] != 1 {
						t.Errorf("Init ran %d times", seg.Bytes()[0])
					}
					made <- created
					if err := seg.Close(); err != nil {
						t.Errorf("closing: %v", err)
					}
				})
			}
			group.Wait()
			close(made)
			var creators int
			for created := range made {
				if created {
					creators++
				}
			}
			require.Equal(t, 1, creators)
			require.NoError(t, shm.Unlink(name))
		}
	})
}

func statAndList(t *testing.T) {
	before := time.Now()
	name := Name(t)
	seg := create(t, name, 1234, &shm.Options{Mode: System().AnotherMode})
	byName, err := shm.Stat(name)
	require.NoError(t, err)
	own, err := seg.Stat()
	require.NoError(t, err)
	require.Equal(t, own, byName)
	require.Equal(t, name, own.Name)
	require.EqualValues(t, 1234, own.Size)
	require.Equal(t, System().AnotherMode, own.Mode)
	require.NotEmpty(t, own.Owner)
	require.WithinDuration(t, before, own.Created, Deadline)
	require.Equal(t, shm.UntilUnlink, own.Lifetime)

	infos, err := shm.List()
	require.NoError(t, err)
	own.Foreign = -1 // List does not look
	require.Contains(t, infos, own)
	require.True(t, slices.IsSortedFunc(infos, func(a, b shm.Info) int { return strings.Compare(a.Name, b.Name) }))
	require.NoError(t, seg.Unlink())
	require.False(t, listed(t, name))
}

func options(t *testing.T) {
	name := Name(t)
	fill := func([]byte) error { return nil }
	for _, o := range []shm.Options{{AnyOwner: true}, {ReadOnly: true}, {Mode: fs.ModeSticky | 0o600}, {Mode: 0o1600}, {Mode: 0o200}, {Lifetime: 2}, {Lifetime: -1}, {Observe: true}, {Observe: true, ReadOnly: true, Init: fill}} {
		_, err := shm.Create(name, 1, &o)
		require.ErrorIs(t, err, fs.ErrInvalid, "Create %+v", o)
		absent(t, name)
	}
	create(t, name, 1, nil)
	for _, o := range []shm.Options{{Mode: 0o600}, {Init: fill}, {Sparse: true}, {Lifetime: shm.UntilLastClose}, {Observe: true}} {
		_, err := shm.Open(name, &o)
		require.ErrorIs(t, err, fs.ErrInvalid, "Open %+v", o)
	}
}

func guard(t *testing.T) {
	require.NoError(t, shm.Guard(func() error { return nil }))
	require.ErrorIs(t, shm.Guard(func() error { return fs.ErrClosed }), fs.ErrClosed)
	require.PanicsWithValue(t, "mine", func() { shm.Guard(func() error { panic("mine") }) })
	require.Panics(t, func() { shm.Guard(func() error { var p *int; *p = 1; return nil }) }, "not a segment's fault")

	if Emulated() {
		t.Skip("qemu-user does not say where a fault was")
	}
	name := Name(t)
	create(t, name, 3*os.Getpagesize(), nil)
	seg := open(t, name, &shm.Options{ReadOnly: true})
	at := 2*os.Getpagesize() + 5
	var cleaned bool
	err := shm.Guard(func() error {
		defer func() { cleaned = true }()
		seg.Bytes()[at] = 1
		return nil
	})
	require.ErrorIs(t, err, shm.ErrFault)
	require.True(t, cleaned)
	var e *shm.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, name, e.Name)
	require.Contains(t, err.Error(), fmt.Sprintf("byte %d", at))
}
