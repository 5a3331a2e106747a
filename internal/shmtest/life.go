package shmtest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm"
	"github.com/seed72196e11/shm/internal/testenv"
)

// This file is the part of the contract about who uses a segment, and when it
// goes.

// privateDir is a directory of segments for second processes alone, given to
// them in SHM_DIR: what a Prune meets there belongs to the test.
func privateDir(t testing.TB) (env string) {
	dir, err := os.MkdirTemp(privateParent(), ".shmtest-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, testenv.RemoveAll(dir)) })
	return "SHM_DIR=" + dir
}

// eventually waits for what follows the death of a process: the kernel takes a
// moment to drop its locks.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(Deadline); !done(); time.Sleep(time.Millisecond) {
		require.True(t, time.Now().Before(deadline), what)
	}
}

// usersOf checks that all ways to ask give the same answer, and returns it.
func usersOf(t testing.TB, seg shm.Segment) int {
	t.Helper()
	own, err := seg.Stat()
	require.NoError(t, err)
	byName, err := shm.Stat(seg.Name())
	require.NoError(t, err)
	require.Equal(t, own.Users, byName.Users)
	infos, err := shm.List()
	require.NoError(t, err)
	for _, i := range infos {
		if i.Name == seg.Name() {
			require.Equal(t, own.Users, i.Users)
			return own.Users
		}
	}
	require.Fail(t, "it is not listed")
	return -1
}

func users(t *testing.T) {
	name := Name(t)
	seg := create(t, name, 10, nil)
	require.Equal(t, 1, usersOf(t, seg))
	second := open(t, name, nil)
	require.Equal(t, 2, usersOf(t, seg))
	reader := open(t, name, &shm.Options{ReadOnly: true})
	require.Equal(t, 3, usersOf(t, reader), "a reader is a user")

	p, killed := Start(t), Start(t)
	p.Ask("open", name)
	killed.Ask("open", name, "ro")
	require.Equal(t, 5, usersOf(t, seg))
	require.Equal(t, "5", p.Ask("stat", name))
	killed.Kill()
	eventually(t, "the killed process is still a user", func() bool { return usersOf(t, seg) == 4 })
	p.Ask("close")
	require.Equal(t, 3, usersOf(t, seg))
	require.NoError(t, reader.Close())
	require.NoError(t, second.Close())
	require.Equal(t, 1, usersOf(t, seg))
	require.NoError(t, seg.Close())
	info, err := shm.Stat(name)
	require.NoError(t, err)
	require.Zero(t, info.Users)

	t.Run("after Unlink those who stay are counted", func(t *testing.T) {
		name := Name(t)
		old, too := create(t, name, 10, nil), open(t, name, nil)
		require.NoError(t, old.Unlink())
		renewed := create(t, name, 10, nil)
		require.Equal(t, 1, usersOf(t, renewed))
		info, err := too.Stat()
		require.NoError(t, err)
		require.Equal(t, 2, info.Users)
	})

	t.Run("who observes is none", func(t *testing.T) {
		look := &shm.Options{ReadOnly: true, Observe: true}
		name := Name(t)
		seg := create(t, name, 10, &shm.Options{Lifetime: shm.UntilLastClose})
		seg.Bytes()[0] = 1
		observer := open(t, name, look)
		require.Equal(t, 1, usersOf(t, seg))
		require.Equal(t, 1, usersOf(t, observer))
		require.NoError(t, open(t, name, look).Close())
		require.NoError(t, seg.Close())
		absent(t, name)
		require.Equal(t, byte(1), observer.Bytes()[0], "it keeps the memory like everybody")

		env := privateDir(t)
		killed, p := Start(t, env), Start(t, env)
		killed.Ask("create", name, 10, "last")
		killed.Kill()
		eventually(t, "the killed process is still a user", func() bool { return p.Ask("stat", name) == "0" })
		p.Ask("open", name, "ro", "observe")
		p.Ask("close")
		require.Equal(t, name, p.Ask("prune"), "to look at it does not remove it")
	})

	t.Run("a Create that fails leaves none", func(t *testing.T) {
		_, err := shm.Create(name, 10, nil)
		require.ErrorIs(t, err, fs.ErrExist)
		info, err := shm.Stat(name)
		require.NoError(t, err)
		require.Zero(t, info.Users)
	})

	t.Run("many", func(t *testing.T) {
		name := Name(t)
		seg := create(t, name, 10, nil)
		for i := range 50 {
			open(t, name, &shm.Options{ReadOnly: i%2 == 0})
		}
		require.Equal(t, 51, usersOf(t, seg))
	})
}

func untilLastClose(t *testing.T) {
	last := &shm.Options{Lifetime: shm.UntilLastClose}

	t.Run("the last Close removes the name", func(t *testing.T) {
		name := Name(t)
		a := create(t, name, 10, last)
		info, err := shm.Stat(name)
		require.NoError(t, err)
		require.Equal(t, shm.UntilLastClose, info.Lifetime)
		require.Equal(t, fs.FileMode(0o600), info.Mode)
		b, c := open(t, name, nil), open(t, name, &shm.Options{ReadOnly: true})
		a.Bytes()[0] = 1
		require.NoError(t, a.Close())
		require.NoError(t, b.Close())
		d := open(t, name, nil)
		require.Equal(t, byte(1), d.Bytes()[0], "a reader keeps it")
		require.NoError(t, c.Close())
		require.NoError(t, d.Close())
		absent(t, name)
	})

	t.Run("in whatever order", func(t *testing.T) {
		name := Name(t)
		a := create(t, name, 10, last)
		b := open(t, name, &shm.Options{ReadOnly: true})
		require.NoError(t, a.Close())
		require.NoError(t, b.Close())
		absent(t, name)
		require.ErrorIs(t, b.Unlink(), fs.ErrNotExist)
		create(t, name, 20, nil)
	})

	t.Run("also in another process", func(t *testing.T) {
		name := Name(t)
		p := Start(t)
		p.Ask("create", name, 10, "last")
		seg := open(t, name, nil)
		info, err := seg.Stat()
		require.NoError(t, err)
		require.Equal(t, shm.UntilLastClose, info.Lifetime)
		require.NoError(t, seg.Close())
		_, err = shm.Stat(name)
		require.NoError(t, err)
		p.Ask("close")
		absent(t, name)
	})

	t.Run("Unlink comes first", func(t *testing.T) {
		name := Name(t)
		old := create(t, name, 10, last)
		require.NoError(t, old.Unlink())
		absent(t, name)
		renewed := create(t, name, 20, last)
		require.NoError(t, old.Close())
		require.Equal(t, 20, open(t, name, nil).Size(), "it removes nothing newer")
		require.NoError(t, renewed.Close())
	})

	t.Run("many who close at once do not wait for each other", func(t *testing.T) {
		name := Name(t)
		segs := []shm.Segment{create(t, name, 10, last)}
		for range 500 {
			segs = append(segs, open(t, name, nil))
		}
		var group sync.WaitGroup
		for _, seg := range segs {
			group.Go(func() {
				if err := seg.Close(); err != nil {
					t.Errorf("closing: %v", err)
				}
			})
		}
		group.Wait()
		absent(t, name)
	})

	t.Run("a user who is killed is not the last to close", func(t *testing.T) {
		env := privateDir(t)
		killed, p := Start(t, env), Start(t, env)
		name := Name(t)
		killed.Ask("create", name, 10, "last")
		p.Ask("open", name)
		killed.Kill()
		eventually(t, "the killed process is still a user", func() bool { return p.Ask("stat", name) == "1" })
		p.Ask("close")
		p.Tell("open", name)
		require.Contains(t, p.Answer(), "error not-exist")

		only := Start(t, env)
		only.Ask("create", name, 10, "last")
		only.Kill()
		eventually(t, "the killed process is still a user", func() bool { return p.Ask("stat", name) == "0" })
		p.Ask("open", name)
		p.Ask("close")
		p.Tell("open", name)
		require.Contains(t, p.Answer(), "error not-exist", "whoever comes later is the last")
	})

	t.Run("who opens in time keeps it", func(t *testing.T) {
		// If a last Close ever removed the name of a segment that another has
		// just opened, the two handles below would not meet. (Their memory says
		// so; on Linux a Stat looks at every process there is.)
		name := Name(t)
		var group sync.WaitGroup
		for own := range 6 { // each has a byte
			group.Go(func() {
				for i := range System().Rounds {
					n := byte(i)
					first, _, err := shm.OpenOrCreate(name, 10, last)
					if err != nil {
						t.Errorf("got %v", err)
						return
					}
					again, err := shm.Open(name, nil)
					if err != nil {
						t.Errorf("what is open here has no name: %v", err)
					} else {
						first.Bytes()[own] = n + 1
						if got := again.Bytes()[own]; got != n+1 {
							t.Errorf("two segments of one name: %d was written, %d is read", n+1, got)
						}
						err = again.Close()
					}
					if err := errors.Join(err, first.Close()); err != nil {
						t.Errorf("got %v", err)
						return
					}
				}
			})
		}
		group.Wait()
		absent(t, name)
	})
}

func prune(t *testing.T) {
	env := privateDir(t)
	p := Start(t, env)
	require.Empty(t, p.Ask("prune"), "nothing is there")

	lost, kept, used := Name(t), Name(t), Name(t)
	killed, user := Start(t, env), Start(t, env)
	killed.Ask("create", lost, 10, "last")
	killed.Ask("create", used, 10, "last")
	killed.Ask("create", kept, 10)
	user.Ask("open", used, "ro")
	require.Empty(t, p.Ask("prune"), "all of them are in use")
	killed.Kill()
	eventually(t, "what the killed process left is not removed", func() bool {
		gone := p.Ask("prune")
		require.Contains(t, []string{"", lost}, gone, "what is in use or to be kept went")
		return gone == lost
	})
	for name, want := range map[string]string{lost: "error not-exist", used: "ok 1", kept: "ok 0"} {
		p.Tell("stat", name)
		require.Contains(t, p.Answer(), want)
	}
	user.Ask("close")
	require.Empty(t, p.Ask("prune"), "that was the last Close")
	p.Tell("stat", used)
	require.Contains(t, p.Answer(), "error not-exist")
	p.Ask("rm", kept)

	t.Run("a creator killed in Init", func(t *testing.T) {
		name := Name(t)
		killed := Start(t, env)
		killed.Tell("fill", name, 1<<20)
		require.Equal(t, "filling", killed.Answer())
		p.Ask("prune") // it may say nothing about a draft that is in use
		killed.Kill()
		dir := env[len("SHM_DIR="):]
		eventually(t, "what the killed creator left is not removed", func() bool {
			p.Ask("prune")
			entries, err := os.ReadDir(dir)
			require.NoError(t, err)
			return len(entries) == 0
		})
	})

	t.Run("never a draft that is being filled", func(t *testing.T) {
		for range 20 {
			p.Ask("create", Name(t), 10, "pruning")
			p.Ask("unlink")
			p.Ask("close")
		}
	})
}

func scope(t *testing.T) {
	t.Run("its end removes the names", func(t *testing.T) {
		s := shm.NewScope(context.Background())
		t.Cleanup(func() { s.Close() })
		open, closed, unlinked, unknown := Name(t), Name(t), Name(t), ""
		a, err := s.Create(open, 10, nil)
		require.NoError(t, err)
		closeLater(t, a)
		b, err := s.Create(closed, 10, nil)
		require.NoError(t, err)
		require.NoError(t, b.Close())
		require.Nil(t, b.Bytes())
		c, err := s.Create(unlinked, 10, nil)
		require.NoError(t, err)
		closeLater(t, c)
		require.NoError(t, c.Unlink())
		create(t, unlinked, 20, nil)
		d, err := s.Create(unknown, 10, &shm.Options{Init: func(mem []byte) error { mem[0] = 4; return nil }, ReadOnly: true})
		require.NoError(t, err)
		closeLater(t, d)

		info, err := shm.Stat(closed)
		require.NoError(t, err, "while the scope lasts, a Close removes nothing")
		require.Equal(t, 1, info.Users, "the scope")
		require.Equal(t, shm.UntilLastClose, info.Lifetime)
		require.NoError(t, s.Close())
		for _, name := range []string{open, closed, d.Name()} {
			absent(t, name)
		}
		require.Equal(t, 20, statSize(t, unlinked), "the newer one is not the scope's")
		require.NoError(t, s.Close(), "again")

		a.Bytes()[9] = 3
		require.Equal(t, byte(4), d.Bytes()[0], "the end unmaps nothing")
		require.NoError(t, a.Close())
		require.ErrorIs(t, a.Close(), fs.ErrClosed)
	})

	t.Run("the end of its context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		s := shm.NewScope(ctx)
		seg, err := s.Create(Name(t), 10, nil)
		require.NoError(t, err)
		closeLater(t, seg)
		cancel()
		eventually(t, "it is still there", func() bool {
			_, err := shm.Stat(seg.Name())
			return errors.Is(err, fs.ErrNotExist)
		})
		require.NoError(t, s.Close())
		require.Len(t, seg.Bytes(), 10)
	})

	t.Run("what was unlinked elsewhere is not held", func(t *testing.T) {
		p := Start(t)
		held := func() int {
			n, err := strconv.Atoi(p.Ask("descriptors"))
			require.NoError(t, err)
			return n
		}
		before := held()
		for range 50 {
			name := Name(t)
			p.Ask("create", name, 10, "scope")
			p.Ask("close")
			require.NoError(t, shm.Unlink(name))
		}
		require.Less(t, held()-before, 20)
	})

	t.Run("what it is asked for is checked", func(t *testing.T) {
		s := shm.NewScope(context.Background())
		defer s.Close()
		_, err := s.Create(Name(t), 10, &shm.Options{Lifetime: 99})
		require.ErrorIs(t, err, fs.ErrInvalid)
	})

	t.Run("after its end", func(t *testing.T) {
		done, cancel := context.WithCancel(context.Background())
		cancel()
		closed := shm.NewScope(context.Background())
		require.NoError(t, closed.Close())
		name := Name(t)
		for _, s := range []*shm.Scope{shm.NewScope(done), closed} {
			_, err := s.Create(name, 10, &shm.Options{Init: func([]byte) error {
				t.Error("it fills memory in vain")
				return nil
			}})
			require.ErrorIs(t, err, fs.ErrClosed)
			absent(t, name)
		}
		ends := shm.NewScope(context.Background())
		_, err := ends.Create(name, 10, &shm.Options{Init: func([]byte) error { return ends.Close() }})
		require.ErrorIs(t, err, fs.ErrClosed)
		absent(t, name)
	})

	t.Run("killed", func(t *testing.T) {
		env := privateDir(t)
		killed, p := Start(t, env), Start(t, env)
		name := Name(t)
		killed.Ask("create", name, 10, "scope")
		killed.Ask("close")
		require.Empty(t, p.Ask("prune"), "the scope is a user")
		killed.Kill()
		eventually(t, "what the killed process left is not removed", func() bool { return p.Ask("prune") == name })
	})

	t.Run("in another process", func(t *testing.T) {
		p := Start(t)
		name := Name(t)
		p.Ask("create", name, 10, "scope")
		seg := open(t, name, nil)
		p.Ask("end")
		absent(t, name)
		seg.Bytes()[0] = 1
	})
}

func statSize(t testing.TB, name string) int {
	t.Helper()
	info, err := shm.Stat(name)
	require.NoError(t, err)
	return int(info.Size)
}
