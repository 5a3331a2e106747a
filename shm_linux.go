package shm

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// On Linux a segment is a file in a tmpfs, as shm_open(3) makes it. It is made
// without a name (O_TMPFILE), sized, filled, and then linked into the
// directory: the kernel decides who gets the name, and nobody meets a segment
// that is half made.
var native backend = linux{}

type linux struct{}

const (
	shmDir = "/dev/shm"

	// tempPrefix hides a draft where the file system has no files without a
	// name, and semPrefix is glibc's for semaphores.
	tempPrefix = ".tmp-"
	semPrefix  = "sem."

	// unlinkedMark is the permission bit that our unlink takes away. A file
	// without a name cannot be opened, so the bit is free to tell the others
	// that the name was not lost but removed; every segment has it before.
	unlinkedMark = 0o400
)

func dir() (string, error) {
	if d := os.Getenv("SHM_DIR"); d != "" {
		return filepath.Abs(d)
	}
	return shmDir, nil
}

// pathOf is where the segment of that name stands.
func pathOf(name string) (string, error) {
	d, err := dir()
	return d + "/" + name, err
}

// linuxDraft is a file that is not yet published: without a name at all, or
// under a hidden temporary one.
type linuxDraft struct {
	file
	temp string // the hidden path, "" for a file without a name
	opt  Options
}

func (linux) draft(name string, size int, o Options) (draft, error) {
	path, err := pathOf(name)
	if err != nil {
		return nil, err
	}
	if exists(path) {
		return nil, errTaken
	}
	d := &linuxDraft{file: file{name: name, path: path}, opt: o}
	if d.fd, d.temp, err = openDraft(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if err := d.prepare(size); err != nil {
		d.discard()
		return nil, err
	}
	return d, nil
}

// prepare gives the empty file its mode, its space and its mapping.
func (d *linuxDraft) prepare(size int) error {
	// The mode given to open is subject to the umask; this one is not.
	if err := unix.Fchmod(d.fd, uint32(d.opt.Mode)); err != nil {
		return os.NewSyscallError("fchmod", err)
	}
	info, err := statFD(d.fd)
	if err != nil {
		return err
	}
	d.id = info.id
	if !d.opt.Sparse {
		if err := enoughRoom(d.fd, filepath.Dir(d.path), int64(size)); err != nil {
			return err
		}
	}
	if d.mem, err = mapFile(d.name, d.fd, size, false); err != nil {
		return err
	}
	if d.opt.Sparse {
		return truncate(d.fd, size)
	}
	return d.reserve()
}

func (d *linuxDraft) publish() (attachment, error) {
	if d.opt.ReadOnly {
		if err := unix.Mprotect(d.mem, unix.PROT_READ); err != nil {
			return nil, os.NewSyscallError("mprotect", err)
		}
	}
	if err := d.link(); err != nil {
		return nil, err
	}
	return &d.file, nil
}

// link puts the file under its name, if nothing is there.
func (d *linuxDraft) link() error {
	if d.temp != "" {
		return rename(d.temp, d.path)
	}
	switch err := linkFD(d.fd, d.path); err {
	case unix.EEXIST:
		return errTaken
	default:
		return os.NewSyscallError("linkat", err)
	}
}

func (d *linuxDraft) discard() {
	if d.temp != "" {
		unix.Unlink(d.temp) // nothing better can be done about a failure here
	}
	d.detach()
}

// openDraft opens a new file in dir that has no name, or where that cannot be
// had or could not be published later, a hidden one whose path it returns.
func openDraft(dir string) (fd int, temp string, err error) {
	fd, err = openFile(dir, unix.O_TMPFILE|unix.O_RDWR, 0o600)
	switch {
	case err == nil && errors.Is(linkFD(fd, dir+"/."), fs.ErrExist):
		return fd, "", nil // the link was refused only because a directory is there
	case err == nil:
		unix.Close(fd) // no /proc, and a kernel that needs it
	}
	temp = dir + "/" + tempPrefix + strings.ToLower(rand.Text())
	fd, err = openFile(temp, unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_RDWR, 0o600)
	switch err {
	case nil:
		return fd, temp, nil
	case unix.ENOENT, unix.ENOTDIR:
		return -1, "", noDir(dir)
	case unix.ENOSPC, unix.EDQUOT:
		return -1, "", detail(ErrNoSpace, "%s cannot take another file (%v): remove segments no longer needed", dir, err)
	}
	return -1, "", os.NewSyscallError("open "+dir, err)
}

// linkFD gives the file a name. The first way wants a privilege before Linux
// 6.10, the second wants /proc.
func linkFD(fd int, path string) error {
	err := unix.Linkat(fd, "", unix.AT_FDCWD, path, unix.AT_EMPTY_PATH)
	if err == nil || err == unix.EEXIST {
		return err
	}
	return unix.Linkat(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(fd), unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW)
}

// rename is link and unlink where the file system has hard links, for those
// are exclusive everywhere, else a rename that never replaces.
func rename(from, to string) error {
	err := unix.Link(from, to)
	if err == nil {
		unix.Unlink(from) // published: a name too many harms less than an error now
		return nil
	}
	if err != unix.EEXIST {
		err = unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	}
	if err == unix.EEXIST {
		return errTaken
	}
	return os.NewSyscallError("renameat2", err)
}

var errTaken = detail(fs.ErrExist, "there is a segment of this name already: open it, unlink it, or take another name")

func (linux) attach(name string, o Options) (attachment, error) {
	path, err := pathOf(name)
	if err != nil {
		return nil, err
	}
	f := &file{name: name, path: path}
	size, err := f.open(o)
	if err != nil {
		return nil, err
	}
	if f.mem, err = mapFile(name, f.fd, size, o.ReadOnly); err != nil {
		unix.Close(f.fd)
		return nil, err
	}
	return f, nil
}

// open opens the file under the path once its creator has sized it.
func (f *file) open(o Options) (size int, err error) {
	_, err = poll(patience, func() (bool, error) {
		size, err = f.openOnce(o)
		return !errors.Is(err, ErrUnfinished), err
	})
	return size, err
}

func (f *file) openOnce(o Options) (size int, err error) {
	access := unix.O_RDWR
	if o.ReadOnly {
		access = unix.O_RDONLY
	}
	fd, err := openSegment(f.path, access)
	if err != nil {
		return 0, err
	}
	info, err := statFD(fd)
	if err == nil {
		err = info.usable(o)
	}
	if err != nil {
		unix.Close(fd)
		return 0, err
	}
	f.fd, f.id = fd, info.id
	return int(info.size), nil
}

// openSegment opens what stands under path without following a link, waiting
// for a pipe's other end or handing the descriptor to children. What it opens
// may still be a directory or a pipe.
func openSegment(path string, access int) (int, error) {
	fd, err := openFile(path, access|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	switch err {
	case nil:
		return fd, nil
	case unix.ENOENT, unix.ENOTDIR:
		return -1, noSegment(path)
	case unix.ELOOP:
		return -1, detail(ErrForeign, "%s is a symbolic link, not a segment", path)
	case unix.EISDIR:
		return -1, detail(ErrForeign, "%s is a directory, not a segment", path)
	case unix.ENXIO, unix.ENODEV:
		return -1, detail(ErrForeign, "%s is a socket or a device, not a segment", path)
	case unix.ENAMETOOLONG:
		return -1, invalid("its name is longer than the system can hold")
	case unix.EACCES:
		return -1, noPermission(path, access)
	}
	return -1, os.NewSyscallError("open", err)
}

// usable says why a file that was opened is not to be mapped.
func (i fileInfo) usable(o Options) error {
	switch euid := uint32(unix.Geteuid()); {
	case i.mode&unix.S_IFMT != unix.S_IFREG:
		return detail(ErrForeign, "what has this name is a directory, a pipe or a device, not a segment")
	case i.uid != euid && i.uid != 0 && !o.AnyOwner:
		return detail(fs.ErrPermission, "it belongs to user %d, who could change it under you: Options.AnyOwner accepts that", i.uid)
	case i.size == 0:
		return detail(ErrUnfinished, "its size is still 0 after %v: its creator has not finished it, or died; unlink it if so", patience)
	case i.size > math.MaxInt:
		return detail(ErrTooLarge, "it has %d bytes, more than a %d-bit process can map", i.size, strconv.IntSize)
	}
	return nil
}

func (linux) unlink(name string) error {
	path, err := pathOf(name)
	if err != nil {
		return err
	}
	// The file may be replaced between open and lock; then the new one is the
	// one to remove.
	_, err = poll(patience, func() (bool, error) {
		fd, err := openSegment(path, unix.O_RDONLY)
		if errors.Is(err, fs.ErrPermission) && unreadable(path) {
			return true, os.NewSyscallError("unlink", unix.Unlink(path))
		}
		if err != nil {
			return true, err
		}
		defer unix.Close(fd)
		info, err := statFD(fd)
		if err != nil {
			return true, err
		}
		if info.mode&unix.S_IFMT != unix.S_IFREG {
			return true, detail(ErrForeign, "%s is a directory, a pipe or a device, not a segment", path)
		}
		err = remove(path, fd, info.id)
		return !errors.Is(err, errReplaced), err
	})
	return err
}

// unreadable says whether a file is closed to its own owner. This library makes
// none of that kind, so nobody holds its name lock.
func unreadable(path string) bool {
	info, err := statPath(path)
	return err == nil && info.mode&unix.S_IFMT == unix.S_IFREG && info.mode&0o400 == 0
}

// errReplaced: the path no longer leads to the file that was opened.
var errReplaced = detail(fs.ErrNotExist, "its name is gone, or belongs to a newer segment")

// remove takes the path away from the open file that has it. It holds the
// file's name lock, and so does everybody who uses this library: between the
// comparison and the unlink nobody of ours can have put a newer file there.
func remove(path string, fd int, id identity) error {
	if err := lockName(fd); err != nil {
		return err
	}
	defer unlockName(fd)
	now, err := statPath(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && now.id != id {
		return errReplaced
	}
	if err != nil {
		return err
	}
	if err := unix.Unlink(path); err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return detail(fs.ErrPermission, "it belongs to user %d: only that user or root may remove it", now.uid)
		}
		return os.NewSyscallError("unlink", err)
	}
	// A file with another name left is not ours to mark. Whoever may unlink but
	// not chmod cannot mark; the others then find their name lost, which is not
	// far from the truth.
	if now, err := statFD(fd); err == nil && now.links == 0 {
		unix.Fchmod(fd, now.mode&^unix.S_IFMT&^unlinkedMark)
	}
	return nil
}

// lockName takes the file's name lock. The kernel drops it with its holder, so
// nobody waits for the dead.
func lockName(fd int) error {
	ok, err := poll(patience, func() (bool, error) {
		err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		return err != unix.EWOULDBLOCK && err != unix.EINTR, err
	})
	if !ok {
		return detail(os.ErrDeadlineExceeded, "another process has held its name lock for %v: try again, or find the holder with lslocks(8)", patience)
	}
	return os.NewSyscallError("flock", err)
}

func unlockName(fd int) { unix.Flock(fd, unix.LOCK_UN) }

func (linux) stat(name string) (Info, error) {
	path, err := pathOf(name)
	if err != nil {
		return Info{}, err
	}
	info, err := statPath(path)
	switch {
	case errors.Is(err, unix.ENAMETOOLONG):
		return Info{}, invalid("its name is longer than the system can hold")
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
		return Info{}, noSegment(path)
	case err != nil:
		return Info{}, err
	case info.mode&unix.S_IFMT != unix.S_IFREG:
		return Info{}, detail(ErrForeign, "%s is not a regular file and so not a segment", path)
	}
	return info.public(name), nil
}

func (linux) list() ([]Info, error) {
	d, err := dir()
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(d)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return nil, noDir(d)
	}
	if err != nil {
		return nil, err
	}
	infos := make([]Info, 0, len(entries))
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || strings.HasPrefix(e.Name(), semPrefix) || !e.Type().IsRegular() {
			continue
		}
		info, err := statPath(d + "/" + e.Name())
		if errors.Is(err, fs.ErrNotExist) {
			continue // unlinked while we looked
		}
		if err != nil {
			return nil, err
		}
		infos = append(infos, info.public(e.Name()))
	}
	return infos, nil
}

// file is an open segment file with its mapping.
type file struct {
	name, path string
	id         identity
	fd         int
	mem        []byte
	detached   bool
}

func (f *file) memory() []byte { return f.mem }

func (f *file) stat() (Info, error) {
	info, err := statFD(f.fd)
	if err != nil {
		return Info{}, err
	}
	public := info.public(f.name)
	if f.named() || info.unlinked() {
		return public, nil
	}
	// Between an unlink and its mark lies a moment, under the name lock.
	if err := lockName(f.fd); err != nil {
		return public, err
	}
	defer unlockName(f.fd)
	if info, err = statFD(f.fd); err != nil {
		return public, err
	}
	if info.unlinked() {
		return info.public(f.name), nil
	}
	return public, detail(ErrNameLost, "its name is gone or belongs to another segment, and no user of this library unlinked it: "+
		"Python's resource tracker (track=False prevents it), systemd's RemoveIPC or rm may have")
}

// named says whether the path still leads to this file.
func (f *file) named() bool {
	now, err := statPath(f.path)
	return err == nil && now.id == f.id
}

func (f *file) unlink() error {
	if !f.detached {
		return remove(f.path, f.fd, f.id)
	}
	// What has the name now may be anything, and is looked at before it is
	// opened, locked and complained about.
	if !f.named() {
		return errReplaced
	}
	fd, err := openSegment(f.path, unix.O_RDONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if info, err := statFD(fd); err != nil || info.id != f.id {
		return errReplaced
	}
	return remove(f.path, fd, f.id)
}

func (f *file) detach() error {
	f.detached = true
	var err error
	if f.mem != nil {
		err = unmap(f.mem)
		f.mem = nil
	}
	return errors.Join(err, os.NewSyscallError("close", unix.Close(f.fd)))
}

// identity tells a file from every other, also from a later one that got its
// inode number.
type identity struct {
	major, minor uint32
	inode        uint64
	born         unix.StatxTimestamp // zero where the file system keeps no birth time
}

type fileInfo struct {
	id      identity
	mode    uint32
	links   uint32
	uid     uint32
	size    int64
	created time.Time
}

func statFD(fd int) (fileInfo, error) { return statx(fd, "", unix.AT_EMPTY_PATH) }
func statPath(path string) (fileInfo, error) {
	return statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW)
}

func statx(at int, path string, flags int) (fileInfo, error) {
	var st unix.Statx_t
	if err := unix.Statx(at, path, flags, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &st); err != nil {
		return fileInfo{}, os.NewSyscallError("statx", err)
	}
	created := st.Ctime
	var born unix.StatxTimestamp
	if st.Mask&unix.STATX_BTIME != 0 {
		born, created = st.Btime, st.Btime
	}
	return fileInfo{
		id:      identity{st.Dev_major, st.Dev_minor, st.Ino, born},
		mode:    uint32(st.Mode),
		links:   st.Nlink,
		uid:     st.Uid,
		size:    int64(st.Size),
		created: time.Unix(created.Sec, int64(created.Nsec)),
	}, nil
}

// unlinked says whether this library removed the file's name.
func (i fileInfo) unlinked() bool { return i.links == 0 && i.mode&unlinkedMark == 0 }

func (i fileInfo) public(name string) Info {
	mode := fs.FileMode(i.mode & 0o777)
	if i.unlinked() {
		mode |= unlinkedMark
	}
	return Info{
		Name:    name,
		Size:    i.size,
		Mode:    mode,
		Owner:   strconv.FormatUint(uint64(i.uid), 10),
		Created: i.created,
	}
}

// openFile is open(2) again until no signal interrupts it. The descriptor does
// not reach programs that this one starts.
func openFile(path string, flags int, mode uint32) (int, error) {
	for {
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, mode)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

func truncate(fd, size int) error {
	for {
		err := unix.Ftruncate(fd, int64(size))
		if err != unix.EINTR {
			return os.NewSyscallError("ftruncate", err)
		}
	}
}

func noSegment(path string) error {
	d := filepath.Dir(path)
	if info, err := statPath(d); err != nil || info.mode&unix.S_IFMT == unix.S_IFREG {
		return noDir(d)
	}
	return detail(fs.ErrNotExist, "there is no segment of this name in %s", d)
}

func noDir(dir string) error {
	return detail(fs.ErrNotExist, "there is no directory %s: mount a tmpfs there, or name another directory in SHM_DIR", dir)
}

func exists(path string) bool {
	_, err := statPath(path)
	return err == nil
}

func noPermission(path string, access int) error {
	info, err := statPath(path)
	if err != nil {
		return fs.ErrPermission
	}
	hint := ""
	if access == unix.O_RDWR && unix.Access(path, unix.R_OK) == nil {
		hint = "; Options.ReadOnly would do"
	}
	return detail(fs.ErrPermission, "permission denied: it belongs to user %d and has mode %04o%s", info.uid, info.mode&0o777, hint)
}
