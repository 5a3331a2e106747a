package shm_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seed72196e11/shm"
	. "github.com/seed72196e11/shm/internal/shmtest"
)

// This file kills processes at every system call.

const (
	smallDoomed = 5000
	largeDoomed = 1<<20 + 5 // with an Init, this much is populated and not allocated
)

// deaths are what a process is killed in. What comes before is not watched.
var deaths = map[string]struct {
	size   int
	o      shm.Options
	before func(name string, size int, o *shm.Options) (shm.Segment, error)
	doomed func(name string, size int, o *shm.Options, seg shm.Segment) error
}{
	"Create":                     {size: smallDoomed, doomed: createDoomed},
	"Create with Init":           {size: largeDoomed, o: shm.Options{Init: fillDoomed}, doomed: createDoomed},
	"Create until last close":    {size: smallDoomed, o: lastDoomed, doomed: createDoomed},
	"last Close":                 {size: smallDoomed, o: lastDoomed, before: shm.Create, doomed: closeDoomed},
	"Unlink":                     {size: smallDoomed, before: shm.Create, doomed: unlinkDoomed},
	"Unlink of until last close": {size: smallDoomed, o: lastDoomed, before: shm.Create, doomed: unlinkDoomed},
}

var lastDoomed = shm.Options{Init: fillDoomed, Lifetime: shm.UntilLastClose}

func createDoomed(name string, size int, o *shm.Options, _ shm.Segment) error {
	_, err := shm.Create(name, size, o)
	return err
}

func closeDoomed(_ string, _ int, _ *shm.Options, seg shm.Segment) error { return seg.Close() }

func unlinkDoomed(_ string, _ int, _ *shm.Options, seg shm.Segment) error { return seg.Unlink() }

func fillDoomed(mem []byte) error {
	for i := range mem {
		mem[i] = 7
	}
	return nil
}

func init() { Role("doomed", beDoomed) }

// beDoomed is told a name and a death. It says the number of its thread, waits
// to be told to go on, and dies in between the marks.
func beDoomed(in io.Reader, out io.Writer) {
	runtime.LockOSThread()
	lines := bufio.NewScanner(in)
	lines.Scan()
	name, how, _ := strings.Cut(lines.Text(), " ")
	death := deaths[how]
	var seg shm.Segment
	if death.before != nil {
		var err error
		if seg, err = death.before(name, death.size, &death.o); err != nil {
			fmt.Fprintln(out, "error", err)
		}
	}
	fmt.Fprintln(out, "ok", unix.Gettid())
	lines.Scan()
	Mark()
	err := death.doomed(name, death.size, &death.o, seg)
	Mark()
	fmt.Fprintln(out, "ok", err)
}

// TestKilled kills in a directory of its own, on the straight way and on those
// round O_TMPFILE.
func TestKilled(t *testing.T) {
	if Emulated() {
		t.Skip("an emulator is no tracer")
	}
	for _, way := range []struct {
		denied []string
		test   string
	}{
		{nil, "TestKilledAnywhere"},
		{[]string{"no O_TMPFILE"}, "TestKilledAnywhere"},
		{[]string{"no O_TMPFILE", "failing renameat2"}, "TestKilledLinking"},
	} {
		t.Run(strings.Join(append(way.denied, way.test), ", "), func(t *testing.T) {
			t.Parallel()
			Surroundings{Deny: way.denied, Dir: dirIn(t, "/dev/shm")}.Run(t, way.test)
		})
	}
}

func TestKilledAnywhere(t *testing.T) {
	Inside(t)
	killAtEach(t, slices.Collect(maps.Keys(deaths))...)
}

// TestKilledLinking is about the moment in which a segment has two names.
func TestKilledLinking(t *testing.T) {
	Inside(t)
	killAtEach(t, "Create", "Create until last close")
}

// killAtEach kills at each system call, just before it and just after.
func killAtEach(t *testing.T, hows ...string) {
	fd, err := unix.Open(Dir(), unix.O_TMPFILE|unix.O_RDWR, 0o600)
	draftsHaveNames := err != nil
	if err == nil {
		unix.Close(fd)
	}
	for _, how := range hows {
		death := deaths[how]
		t.Run(how, func(t *testing.T) {
			var whole, drafts, nothing int
			for at := 0; ; at++ {
				require.Less(t, at, 1000, "it never comes to its end")
				left, reached := killAt(t, how, at)
				switch left {
				case aSegment:
					whole++
				case aDraft:
					drafts++
				default:
					nothing++
				}
				if !reached {
					break
				}
			}
			t.Logf("%d deaths left a segment, %d a draft, %d nothing", whole, drafts, nothing)
			require.Positive(t, whole)
			require.Positive(t, nothing)
			require.Equal(t, draftsHaveNames && death.before == nil, drafts > 0)
		})
	}
}

// left is what the dead have left in the directory.
type left int

const (
	nothing left = iota
	aDraft
	aSegment
)

// killAt kills a process at its stop number at, unless it comes to its end
// before, and looks at what is left.
func killAt(t *testing.T, how string, at int) (left, bool) {
	name, death := shm.NewName(), deaths[how]
	p := StartAs(t, "doomed")
	var tid int
	_, err := fmt.Sscan(p.Ask(name, how), &tid)
	require.NoError(t, err)
	var where Stop
	opened := make(chan error, 1)
	reached := p.KillAt(tid, at, "go on", func(s Stop) {
		where = s
		go func() { opened <- openWhole(name, how) }()
	})
	if reached {
		select {
		case err := <-opened:
			require.True(t, err == nil || errors.Is(err, fs.ErrNotExist), "opened while it died %v: %v", where, err)
		case <-time.After(Deadline):
			require.FailNow(t, "an opener hangs", "%v", where)
		}
	}

	found := nothing
	if len(entriesOf(t, Dir())) > 0 {
		found = aDraft
	}
	infos, err := shm.List()
	require.NoError(t, err)
	if len(infos) > 0 {
		require.Len(t, infos, 1, "killed %v", where)
		require.Equal(t, name, infos[0].Name, "killed %v", where)
		require.EqualValues(t, death.size, infos[0].Size, "killed %v", where)
		found = aSegment
	}
	// After a call everything is as it is before the next: so a name is opened
	// first the one time, and what is left is pruned first the other time.
	stays := found == aSegment && death.o.Lifetime == shm.UntilUnlink
	if !where.After || stays {
		err := openWhole(name, how)
		if found == aSegment {
			require.NoError(t, err, "killed %v", where)
		} else {
			require.ErrorIs(t, err, fs.ErrNotExist, "killed %v", where)
		}
	}
	if stays { // then only the second name of one that was being linked is to go
		seg, err := shm.Open(name, nil)
		require.NoError(t, err)
		defer seg.Close()
	}
	require.Eventually(t, func() bool { // the kernel takes a moment to drop the locks of the dead
		_, err := shm.Prune()
		require.NoError(t, err, "killed %v", where)
		entries := entriesOf(t, Dir())
		return len(entries) == 0 || stays && len(entries) == 1 && entries[0].Name() == name
	}, Deadline, time.Millisecond, "killed %v: not all is pruned", where)
	if stays {
		require.NoError(t, openWhole(name, how), "killed %v, then pruned", where)
		require.NoError(t, shm.Unlink(name), "killed %v", where)
	}
	require.Empty(t, entriesOf(t, Dir()), "killed %v", where)
	return found, reached
}

func entriesOf(t *testing.T, dir string) []os.DirEntry {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	return entries
}

// openWhole opens a segment, sees that it is whole and closes it.
func openWhole(name, how string) error {
	seg, err := shm.Open(name, nil)
	if err != nil {
		return err
	}
	want := make([]byte, deaths[how].size)
	if fill := deaths[how].o.Init; fill != nil {
		err = fill(want)
	}
	if !bytes.Equal(want, seg.Bytes()) {
		err = errors.New("it is not whole")
	}
	return errors.Join(err, seg.Close())
}
