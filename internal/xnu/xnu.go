//go:build linux || darwin

// Package xnu is a model of macOS's POSIX shared memory, so that what is built
// on it can be tested where there is no Mac. Its rules stand in [Rules].
//
// The state is a directory that any number of processes may share. An object is
// a real file there, to which descriptors and maps lead: what the end of a
// process, dup and an mmap's life mean is up to the real kernel. Its name is
// the file's, and a lock on the directory is "the kernel's lock".
package xnu

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"
)

// Model is the kernel as one process meets it. Its fields are to be set before
// the first call.
type Model struct {
	Dir  string
	Page int64 // 4096 on Intel and under Rosetta, 16384 on Apple silicon

	User   int                   // who calls, -1 for the process's own user
	Deny   []string              // calls that a sandbox denies: "shm_open", "mmap", "sysctl", …
	Fail   map[string]unix.Errno // calls that fail
	Killed string                // "3-" kills the process before its third call, "3+" after it
	Flip   []string              // rules that do not hold

	calls atomic.Int64
}

// Variable in the environment describes the model that a test binary is to run
// on, as [Parse] has it.
const Variable = "SHM_TEST_XNU"

// Memory is how much the machine has.
const Memory = 64 << 30

// nameMax and permissions are PSHMNAMLEN and ALLPERMS.
const (
	nameMax     = 31
	permissions = 0o7777
)

// room is the size of every object's file, so that the file need not know the
// object's.
const room = 1 << 40

// New returns a model with its state in dir, which is made if it is not there.
func New(dir string, page int64) (*Model, error) {
	m := &Model{Dir: dir, Page: page, User: -1}
	for _, d := range []string{"", "names", "about"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return nil, err
		}
	}
	return m, m.locked(func() error {
		if _, err := os.Stat(m.bootFile()); err == nil {
			return nil
		}
		for _, d := range []string{"", "names", "about"} { // for every user
			if err := os.Chmod(filepath.Join(dir, d), 0o777); err != nil {
				return err
			}
		}
		return m.boot()
	})
}

// Parse makes the model that a text describes:
// "dir=/x,page=16384,user=501,deny=mmap+fstat,fail=ftruncate:12,killed=3-,flip=no flock".
func Parse(text string) (*Model, error) {
	set := map[string]string{}
	for _, word := range strings.Split(text, ",") {
		key, value, _ := strings.Cut(word, "=")
		set[key] = value
	}
	page, err := strconv.ParseInt(set["page"], 10, 64)
	if err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	m, err := New(set["dir"], page)
	if err != nil {
		return nil, err
	}
	if user := set["user"]; user != "" {
		if m.User, err = strconv.Atoi(user); err != nil {
			return nil, fmt.Errorf("user: %w", err)
		}
	}
	if call, errno, ok := strings.Cut(set["fail"], ":"); ok {
		n, err := strconv.Atoi(errno)
		if err != nil {
			return nil, fmt.Errorf("fail: %w", err)
		}
		m.Fail = map[string]unix.Errno{call: unix.Errno(n)}
	}
	m.Deny, m.Flip, m.Killed = strings.Split(set["deny"], "+"), strings.Split(set["flip"], "+"), set["killed"]
	return m, nil
}

// about is what the kernel knows of an object.
type about struct {
	Mode, UID, GID uint32
	Size           int64
	Sized          bool
	Maker          int // the process
	Ended          bool
}

// Stat is what fstat tells.
type Stat struct {
	Mode, UID, GID uint32
	Size           int64
	Ino, Dev       uint64
	Nlink          uint64
}

// ShmOpen is shm_open(2).
func (m *Model) ShmOpen(name string, flags int, mode uint32) (int, error) {
	fd := -1
	err := m.call("shm_open", func() error {
		path, err := m.path(name)
		if err != nil {
			return err
		}
		access := flags & unix.O_ACCMODE
		a, err := m.find(path)
		switch {
		case err == nil && flags&unix.O_CREAT != 0 && flags&unix.O_EXCL != 0 && m.holds(exclusive):
			return unix.EEXIST
		case err == nil && flags&unix.O_TRUNC != 0 && a.Sized && m.holds(noTruncatedOpen):
			return unix.EINVAL
		case err == nil && !m.allowed(a, access) && m.holds(openPermission):
			return unix.EACCES
		case err == unix.ENOENT && flags&unix.O_CREAT != 0:
			if !m.holds(exactMode) {
				mask := unix.Umask(0)
				unix.Umask(mask)
				mode &^= uint32(mask)
			}
			err = m.create(path, mode)
		}
		if err != nil {
			return err
		}
		if m.holds(closeOnExec) {
			access |= unix.O_CLOEXEC
		}
		fd, err = unix.Open(path, access, 0)
		return err
	})
	return fd, err
}

// ShmUnlink is shm_unlink(2).
func (m *Model) ShmUnlink(name string) error {
	return m.call("shm_unlink", func() error {
		path, err := m.path(name)
		if err != nil && m.holds(badUnlink) {
			return unix.EINVAL
		}
		if err != nil {
			return err
		}
		a, err := m.find(path)
		if err != nil {
			return err
		}
		if int(a.UID) != m.user() && !m.allowed(a, unix.O_WRONLY) && m.holds(unlinkAllowed) {
			return unix.EACCES
		}
		if !m.holds(lifeGoesOn) {
			a.Ended = true
			if err := m.note(path, a); err != nil {
				return err
			}
		}
		return unix.Unlink(path)
	})
}

// Ftruncate is ftruncate(2) of an object.
func (m *Model) Ftruncate(fd int, size int64) error {
	return m.call("ftruncate", func() error {
		a, file, err := m.behind(fd)
		switch {
		case err != nil:
			return err
		case size < 0 && m.holds(notNegative):
			return unix.EINVAL
		case !m.holds(sizedByReaders) && accessOf(fd) == unix.O_RDONLY:
			return unix.EINVAL
		case a.Sized && m.holds(sizedOnce):
			return unix.EINVAL
		case size == 0 && !m.holds(sizedZero):
			return unix.EINVAL
		case size > Memory:
			return unix.ENOMEM
		}
		a.Size, a.Sized = max(size, 0), true
		if m.holds(wholePages) {
			a.Size = m.round(a.Size)
		}
		return m.writeAbout(file, a)
	})
}

// Fstat is what the package under test needs of fstat(2).
func (m *Model) Fstat(fd int) (size int64, mode, uid uint32, err error) {
	st, err := m.Stat(fd)
	return st.Size, st.Mode, st.UID, err
}

// Stat is fstat(2) of an object.
func (m *Model) Stat(fd int) (st Stat, err error) {
	err = m.call("fstat", func() error {
		a, _, err := m.behind(fd)
		if err != nil {
			return err
		}
		st = Stat{Mode: a.Mode, UID: a.UID, GID: a.GID, Size: a.Size}
		if !m.holds(bareStat) {
			st.Mode |= unix.S_IFREG
			st.Ino, st.Dev, st.Nlink = 1, 1, 1
		}
		return nil
	})
	return st, err
}

// Mmap is mmap(2) of an object from its beginning.
func (m *Model) Mmap(fd, length, prot, flags int) (mem []byte, err error) {
	err = m.call("mmap", func() error {
		a, _, err := m.behind(fd)
		switch {
		case err != nil:
			return err
		case flags&unix.MAP_SHARED == 0 && m.holds(sharedOnly):
			return unix.EINVAL
		case prot&unix.PROT_WRITE != 0 && accessOf(fd) == unix.O_RDONLY && m.holds(readersRead):
			return unix.EPERM
		case !a.Sized && m.holds(sizedFirst):
			return unix.EINVAL
		case a.Sized && int64(length) > m.round(a.Size) && m.holds(withinSize):
			return unix.EINVAL
		}
		mem, err = unix.Mmap(fd, 0, length, prot, flags)
		return err
	})
	return mem, err
}

// Close is close(2).
func (m *Model) Close(fd int) error { return unix.Close(fd) }

// Fchmod is fchmod(2) of an object.
func (m *Model) Fchmod(fd int, mode uint32) error {
	return m.call("fchmod", func() error {
		a, file, err := m.behind(fd)
		if err != nil {
			return err
		}
		if m.holds(noFchmod) {
			return unix.EINVAL
		}
		a.Mode = mode
		return m.writeAbout(file, a)
	})
}

// Flock is flock(2) of an object.
func (m *Model) Flock(fd, how int) error {
	if m.holds(noFlock) {
		return unix.ENOTSUP
	}
	return unix.Flock(fd, how)
}

// Lock is fcntl(2) with F_SETLK or its like.
func (m *Model) Lock(fd, command int, lock *unix.Flock_t) error {
	if m.holds(noRecordLocks) {
		return unix.EBADF
	}
	return unix.FcntlFlock(uintptr(fd), command, lock)
}

// Read is read(2).
func (m *Model) Read(fd int, p []byte) (int, error) {
	if m.holds(noReadWrite) {
		return -1, unix.ENXIO
	}
	return unix.Read(fd, p)
}

// Write is write(2).
func (m *Model) Write(fd int, p []byte) (int, error) {
	if m.holds(noReadWrite) {
		return -1, unix.ENXIO
	}
	return unix.Write(fd, p)
}

// Names would list the objects, if there were a way.
func (m *Model) Names() ([]string, error) {
	if m.holds(noListing) {
		return nil, unix.ENOTSUP
	}
	entries, err := os.ReadDir(filepath.Join(m.Dir, "names"))
	var names []string
	for _, e := range entries {
		name, err := hex.DecodeString(e.Name()[1:])
		if err != nil {
			return nil, err
		}
		names = append(names, string(name))
	}
	return names, err
}

// BootID is kern.bootsessionuuid, or empty where that must not be read.
func (m *Model) BootID() string {
	if m.denies("sysctl") {
		return ""
	}
	id, _ := os.ReadFile(m.bootFile())
	return string(id)
}

// MemSize is hw.memsize.
func (m *Model) MemSize() int64 { return Memory }

// Reboot ends every object and begins another boot session. Processes should
// not have lived through it.
func (m *Model) Reboot() error {
	return m.locked(func() error {
		entries, err := os.ReadDir(filepath.Join(m.Dir, "names"))
		for _, e := range entries {
			err = errors.Join(err, os.Remove(filepath.Join(m.Dir, "names", e.Name())))
		}
		return errors.Join(err, m.boot())
	})
}

func (m *Model) boot() error {
	return m.replace(m.bootFile(), []byte(strings.ToUpper(uuid.NewString())))
}

func (m *Model) bootFile() string { return filepath.Join(m.Dir, "boot") }

// call does what a system call does, unless it is denied, is to fail or to be
// the last.
func (m *Model) call(name string, do func() error) error {
	n := strconv.FormatInt(m.calls.Add(1), 10)
	if m.Killed == n+"-" {
		unix.Kill(os.Getpid(), unix.SIGKILL)
	}
	if m.denies(name) {
		return unix.EPERM
	}
	if errno, ok := m.Fail[name]; ok {
		return errno
	}
	err := m.locked(do)
	if m.Killed == n+"+" {
		unix.Kill(os.Getpid(), unix.SIGKILL)
	}
	return err
}

func (m *Model) denies(call string) bool { return slices.Contains(m.Deny, call) && m.holds(sandbox) }

func (m *Model) holds(rule string) bool { return !slices.Contains(m.Flip, rule) }

// locked does what one process can do at a time.
func (m *Model) locked(do func() error) error {
	lock, err := openAll(filepath.Join(m.Dir, "lock"))
	if err != nil {
		return err
	}
	defer lock.Close()
	for {
		err := unix.Flock(int(lock.Fd()), unix.LOCK_EX)
		if err == nil {
			return do()
		}
		if err != unix.EINTR {
			return err
		}
	}
}

// path is where the object of a name is, if the name is a good one.
func (m *Model) path(name string) (string, error) {
	switch {
	case len(name) > nameMax && m.holds(nameLength), len(name) > 100:
		return "", unix.ENAMETOOLONG
	case name == "" && m.holds(emptyName):
		return "", unix.EINVAL
	}
	if !m.holds(opaqueNames) {
		name = strings.TrimPrefix(name, "/")
	}
	return filepath.Join(m.Dir, "names", "_"+hex.EncodeToString([]byte(name))), nil
}

func (m *Model) round(size int64) int64 { return (size + m.Page - 1) / m.Page * m.Page }

func (m *Model) user() int {
	if m.User >= 0 {
		return m.User
	}
	return os.Geteuid()
}

func (m *Model) group() int {
	if m.User >= 0 {
		return m.User
	}
	return os.Getegid()
}

// allowed says whether the mode bits grant an access.
func (m *Model) allowed(a about, access int) bool {
	want := map[int]uint32{unix.O_RDONLY: 4, unix.O_WRONLY: 2, unix.O_RDWR: 6}[access]
	bits := a.Mode
	switch {
	case m.user() == 0:
		return true
	case m.user() == int(a.UID):
		bits >>= 6
	case m.group() == int(a.GID):
		bits >>= 3
	}
	return bits&want == want
}

// create makes an object, first of all what there is to know about it.
func (m *Model) create(path string, mode uint32) error {
	draft := filepath.Join(m.Dir, "draft")
	os.Remove(draft) // of a process that was killed
	f, err := openAll(draft)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(room); err != nil {
		return err
	}
	err = m.note(draft, about{Mode: mode & permissions, UID: uint32(m.user()), GID: uint32(m.group()), Maker: os.Getpid()})
	if err != nil {
		return err
	}
	return os.Rename(draft, path)
}

// find returns what is known about the object under a path, or ENOENT.
func (m *Model) find(path string) (about, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return about{}, err
	}
	a, err := readAbout(m.aboutFile(&st))
	if err == nil && !m.holds(exitLeaves) && unix.Kill(a.Maker, 0) == unix.ESRCH {
		unix.Unlink(path)
		return about{}, unix.ENOENT
	}
	return a, err
}

// note keeps what there is to know about the object under a path.
func (m *Model) note(path string, a about) error {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return err
	}
	return m.writeAbout(m.aboutFile(&st), a)
}

// behind returns what is known about a descriptor's object, and where that
// stands.
func (m *Model) behind(fd int) (about, string, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return about{}, "", err
	}
	file := m.aboutFile(&st)
	a, err := readAbout(file)
	if errors.Is(err, fs.ErrNotExist) || a.Ended {
		err = unix.EBADF
	}
	return a, file, err
}

func (m *Model) aboutFile(st *unix.Stat_t) string {
	return filepath.Join(m.Dir, "about", strconv.FormatUint(st.Ino, 10))
}

func readAbout(file string) (a about, err error) {
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &a)
	}
	return a, err
}

func (m *Model) writeAbout(file string, a about) error {
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return m.replace(file, text)
}

// replace writes a file for every user, whole or not at all.
func (m *Model) replace(file string, text []byte) error {
	draft := filepath.Join(m.Dir, "new")
	os.Remove(draft)
	f, err := openAll(draft)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(draft, file)
}

// openAll opens a file, and makes it for every user if it is not there.
func openAll(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return openAll(path)
	}
	if err == nil {
		err = f.Chmod(0o666) // whatever the umask
	}
	return f, err
}

func accessOf(fd int) int {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		return -1
	}
	return flags & unix.O_ACCMODE
}
