package shm_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seed72196e11/shm"
	. "github.com/seed72196e11/shm/internal/shmtest"
	"github.com/seed72196e11/shm/internal/testenv"
)

// This file is about other users, and about programs without this library.

func init() {
	Role("other", beOther)
	Role("restless", beRestless)
}

// beOther does what each line says and answers with a line.
//
//	become UID
//	both NAME SIZE    OpenOrCreate for any owner: created, its size
//	map NAME [closed] without this library; with no descriptor left
//	unmap
//	foreign NAME      Stat's Users and Foreign
func beOther(in io.Reader, out io.Writer) {
	var mem []byte
	for s := bufio.NewScanner(in); s.Scan(); {
		words := strings.Fields(s.Text())
		var result any = ""
		var err error
		switch words[0] {
		case "become":
			uid, _ := strconv.Atoi(words[1])
			err = errors.Join(syscall.Setgroups(nil), syscall.Setgid(uid), syscall.Setuid(uid),
				unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0)) // shown to its own user, as after an exec
		case "both":
			size, _ := strconv.Atoi(words[2])
			var seg shm.Segment
			var created bool
			if seg, created, err = shm.OpenOrCreate(words[1], size, &shm.Options{AnyOwner: true, Mode: 0o666}); err == nil {
				result = fmt.Sprint(created, " ", seg.Size())
			}
		case "map":
			var f *os.File
			if f, err = os.Open(Path(words[1])); err == nil {
				mem, err = unix.Mmap(int(f.Fd()), 0, 1, unix.PROT_READ, unix.MAP_SHARED)
			}
			if err == nil && len(words) > 2 {
				err = f.Close()
			}
		case "unmap":
			err = unix.Munmap(mem)
		case "foreign":
			var info shm.Info
			info, err = shm.Stat(words[1])
			result = fmt.Sprint(info.Users, " ", info.Foreign)
		}
		if err != nil {
			fmt.Fprintln(out, "error", err)
			continue
		}
		fmt.Fprintln(out, "ok", result)
	}
}

// beRestless is told a name, and opens and closes its segment again and again.
func beRestless(in io.Reader, out io.Writer) {
	s := bufio.NewScanner(in)
	s.Scan()
	name := s.Text()
	var over atomic.Bool
	go func() {
		s.Scan()
		over.Store(true)
	}()
	fmt.Fprintln(out, "ok")
	for !over.Load() {
		seg, err := shm.Open(name, nil)
		if err == nil {
			err = seg.Close()
		}
		if err != nil {
			fmt.Fprintln(out, "error", err)
			return
		}
	}
	fmt.Fprintln(out, "ok")
}

// foreignOf checks that both ways to ask give the same answer.
func foreignOf(t *testing.T, seg shm.Segment) (users, foreign int) {
	t.Helper()
	own, err := seg.Stat()
	require.NoError(t, err)
	byName, err := shm.Stat(seg.Name())
	require.NoError(t, err)
	require.Equal(t, own, byName)
	return own.Users, own.Foreign
}

// TestForeign counts programs that map a segment without this library.
func TestForeign(t *testing.T) {
	if Emulated() {
		t.Skip("every process maps what its emulator does")
	}
	name := Name(t)
	seg, err := shm.Create(name, 10, &shm.Options{Mode: 0o644})
	require.NoError(t, err)
	defer seg.Close()
	expect := func(users, foreign int, why string) {
		t.Helper()
		u, f := foreignOf(t, seg)
		require.Equal(t, []int{users, foreign}, []int{u, f}, why)
	}
	expect(1, 0, "this process alone")

	ours := []*Process{Start(t), Start(t), Start(t), Start(t)}
	ours[0].Ask("open", name)
	ours[1].Ask("open", name, "ro")
	ours[2].Ask("open", name)
	ours[2].Ask("close")
	expect(3, 0, "our own users")

	open, closed := StartAs(t, "other"), StartAs(t, "other")
	open.Ask("map", name)
	expect(3, 1, "a stranger")
	closed.Ask("map", name, "closed")
	expect(3, 2, "a stranger without a descriptor")
	infos, err := shm.List()
	require.NoError(t, err)
	for _, info := range infos {
		require.Equal(t, -1, info.Foreign, "List does not look")
	}
	require.Equal(t, "3 1", open.Ask("foreign", name), "it asks for other processes")

	closed.Ask("unmap")
	expect(3, 1, "one has unmapped it")
	closed.Ask("map", name, "closed")
	open.Kill()
	require.Eventually(t, func() bool { _, f := foreignOf(t, seg); return f == 1 }, Deadline, time.Millisecond, "one was killed")

	t.Run("what a Scope keeps", func(t *testing.T) {
		name := Name(t)
		ours[3].Ask("create", name, 10, "scope")
		reader, err := shm.Open(name, &shm.Options{ReadOnly: true})
		require.NoError(t, err)
		defer reader.Close()
		u, f := foreignOf(t, reader)
		require.Equal(t, []int{2, 0}, []int{u, f})
		ours[3].Ask("close")
		u, f = foreignOf(t, reader)
		require.Equal(t, []int{2, 0}, []int{u, f}, "the scope is a user, and maps nothing")
	})

	t.Run("after Unlink", func(t *testing.T) {
		require.NoError(t, seg.Unlink())
		info, err := seg.Stat()
		require.NoError(t, err)
		require.Equal(t, 1, info.Foreign)
		renewed, err := shm.Create(name, 10, nil)
		require.NoError(t, err)
		defer renewed.Close()
		u, f := foreignOf(t, renewed)
		require.Equal(t, []int{1, 0}, []int{u, f}, "they are the old one's")
	})
}

// TestNeverForeign has users of this library come and go.
func TestNeverForeign(t *testing.T) {
	name := Name(t)
	seg, err := shm.Create(name, 10, nil)
	require.NoError(t, err)
	defer seg.Close()
	var restless []*Process
	for range 3 {
		p := StartAs(t, "restless")
		p.Ask(name)
		restless = append(restless, p)
	}
	for range 50 {
		info, err := seg.Stat()
		require.NoError(t, err)
		require.Zero(t, info.Foreign)
		require.GreaterOrEqual(t, info.Users, 1)
	}
	for _, p := range restless {
		require.Empty(t, p.Ask("enough"))
	}
}

// TestForeignOfOthers: /proc shows the processes of one's own user, and root
// all.
func TestForeignOfOthers(t *testing.T) {
	if os.Geteuid() != 0 {
		testenv.Need(t, "root", "only root can be another user")
	}
	if Emulated() {
		t.Skip("every process maps what its emulator does")
	}
	name := Name(t)
	seg, err := shm.Create(name, 10, &shm.Options{Mode: 0o644})
	require.NoError(t, err)
	defer seg.Close()
	mine, theirs, another := StartAs(t, "other"), StartAs(t, "other"), StartAs(t, "other")
	theirs.Ask("become", 65534)
	another.Ask("become", 65534)
	for _, p := range []*Process{mine, theirs} {
		p.Ask("map", name)
	}
	_, foreign := foreignOf(t, seg)
	require.Equal(t, 2, foreign, "root sees both")
	require.Equal(t, "1 1", another.Ask("foreign", name), "of its own user it sees one")
}

// TestProtectedRegular meets fs.protected_regular=2: a call of open(2) that
// would create, of another user's file in a directory like /dev/shm, is refused
// even to root. (proc_sys_fs(5))
func TestProtectedRegular(t *testing.T) {
	const sysctl = "/proc/sys/fs/protected_regular"
	if os.Geteuid() != 0 {
		testenv.Need(t, "root", "only root can be two users")
	}
	before, err := os.ReadFile(sysctl)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("this kernel has no such protection")
	}
	require.NoError(t, err)
	if err := os.WriteFile(sysctl, []byte("2"), 0); err != nil {
		testenv.Need(t, "sysctl", err.Error())
	}
	t.Cleanup(func() { require.NoError(t, os.WriteFile(sysctl, before, 0)) })

	t.Setenv("SHM_DIR", dirIn(t, Dir()))
	name := Name(t)
	owner, user := StartAs(t, "other"), StartAs(t, "other")
	owner.Ask("become", 65534)
	require.Equal(t, "true 10", owner.Ask("both", name, 10))
	_, err = os.OpenFile(Path(name), os.O_RDWR|os.O_CREATE, 0o600)
	require.ErrorIs(t, err, fs.ErrPermission, "the kernel protects it")

	user.Ask("become", 12345)
	for who, p := range map[string]*Process{"another user": user, "root": StartAs(t, "other")} {
		require.Equal(t, "false 10", p.Ask("both", name, 10), who)
	}
	require.NoError(t, shm.Unlink(name))
}
