package shm

import (
	"crypto/rand"
	"errors"
	"fmt"
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

// The calls of ofdLocks.
const (
	ofdGetLock = unix.F_OFD_GETLK
	ofdSetLock = unix.F_OFD_SETLK
)

const (
	shmDir = "/dev/shm"

	// tempPrefix hides a draft where the file system has no files without a
	// name, and semPrefix is glibc's for semaphores.
	tempPrefix = ".shm-"
	semPrefix  = "sem."

	// lifetimeMark is the permission bit that says UntilLastClose, set before
	// the file has a name. The kernel gives it no meaning on a regular file.
	lifetimeMark = unix.S_ISVTX

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
	if err == nil && isDraft(name) {
		err = detail(fs.ErrNotExist, "that is the name of what is not yet a segment")
	}
	return d + "/" + name, err
}

// isDraft says whether a name is what tempName gives, and so no other program's
// file is taken for a draft.
func isDraft(name string) bool {
	text, ok := strings.CutPrefix(name, tempPrefix)
	return ok && len(text) == len(rand.Text()) && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz234567") == ""
}

func tempName() string { return tempPrefix + strings.ToLower(rand.Text()) }

// isSegmentName says whether a file of that name is listed.
func isSegmentName(name string) bool {
	return !strings.HasPrefix(name, ".") && !strings.HasPrefix(name, semPrefix)
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
	d := &linuxDraft{file: file{name: name, path: path, lifetime: o.Lifetime}, opt: o}
	if err := d.open(); err != nil {
		return nil, err
	}
	if err := d.prepare(size); err != nil {
		d.discard()
		return nil, err
	}
	return d, nil
}

// open opens the draft's file and takes its token. A file under a temporary
// name can be swept away by a Prune that came in between.
func (d *linuxDraft) open() error {
	_, err := poll(patience, func() (bool, error) {
		var err error
		if d.fd, d.temp, err = openDraft(filepath.Dir(d.path)); err != nil {
			return true, err
		}
		if d.token, err = attendIfNeeded(d.locks(), d.lifetime); err == nil && d.temp != "" {
			err = d.stillAt(d.temp)
		}
		if err != nil {
			d.discard()
		}
		return !errors.Is(err, errReplaced), err
	})
	return err
}

// prepare gives the empty file its mode, its space and its mapping.
func (d *linuxDraft) prepare(size int) error {
	mode := uint32(d.opt.Mode)
	if d.lifetime == UntilLastClose {
		mode |= lifetimeMark
	}
	// The mode given to open is subject to the umask; this one is not.
	if err := unix.Fchmod(d.fd, mode); err != nil {
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
	d.unmap()
	d.close()
}

// openDraft opens a new file in dir that has no name, or where that cannot be
// had or could not be published later, a hidden one whose path it returns.
func openDraft(dir string) (fd int, temp string, err error) {
	fd, err = openFile(dir, unix.O_TMPFILE|unix.O_RDWR, 0o600)
	switch err {
	case nil:
		if errors.Is(linkFD(fd, dir+"/."), fs.ErrExist) {
			return fd, "", nil // the link was refused only because a directory is there
		}
		unix.Close(fd) // no /proc, and a kernel that needs it
		fallthrough
	case unix.EOPNOTSUPP, unix.EISDIR, unix.EINVAL, unix.ENOSYS: // no such files here
		temp = dir + "/" + tempName()
		fd, err = openFile(temp, unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_RDWR, 0o600)
	}
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

// rename never replaces. File systems that do not know how to rename so have
// hard links, which are exclusive everywhere.
func rename(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if err != nil && err != unix.EEXIST {
		if linkErr := unix.Link(from, to); linkErr == nil || linkErr == unix.EEXIST {
			err = linkErr
		}
		if err == nil {
			unix.Unlink(from) // published: Prune finds a name too many
		}
	}
	if err == unix.EEXIST {
		return errTaken
	}
	return os.NewSyscallError("renameat2", err)
}

func (linux) attach(name string, o Options) (attachment, error) {
	path, err := pathOf(name)
	if err != nil {
		return nil, err
	}
	f := &file{name: name, path: path, readOnly: o.ReadOnly}
	// Its creator may still have to size it, or its last user be taking the
	// name away, so that another segment may follow.
	_, err = poll(patience, func() (bool, error) {
		err := f.open(o)
		return !errors.Is(err, ErrUnfinished) && !errors.Is(err, errReplaced), err
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// open opens the file under the path, takes a token, so that nobody takes this
// process for a stranger, and maps it. Who fails on the way just goes: that is no
// last Close, and removes nothing.
func (f *file) open(o Options) (err error) {
	access := unix.O_RDWR
	if o.ReadOnly {
		access = unix.O_RDONLY
	}
	if f.fd, err = openSegment(f.path, access); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	info, err := statFD(f.fd)
	if err != nil {
		return err
	}
	if err := info.usable(o); err != nil {
		return err
	}
	f.id, f.lifetime = info.id, info.lifetime()
	if err := f.join(o); err != nil {
		return err
	}
	f.mem, err = mapFile(f.name, f.fd, int(info.size), o.ReadOnly)
	return mapError(err, info.size)
}

// join makes this one of the segment's users.
func (f *file) join(o Options) (err error) {
	if o.Observe {
		return nil
	}
	if f.token, err = attendIfNeeded(f.locks(), f.lifetime); err != nil || f.lifetime == UntilUnlink {
		return err
	}
	return f.stillAt(f.path)
}

// mapError says what it means that an existing segment cannot be mapped.
func mapError(err error, size int64) error {
	if errors.Is(err, unix.ENOMEM) || errors.Is(err, unix.EOVERFLOW) {
		return noRoom(size, err)
	}
	return err
}

// stillAt looks, after the token has been taken, whether the path still leads
// to this file. It waits for whoever is about to take the path away because
// there was no token (see leaveLast); who comes later finds the token. So the
// lock is given back at once: many who look would else keep it for ever from
// the one who wants it alone.
func (f *file) stillAt(path string) error {
	if err := f.locks().lock(unix.LOCK_SH); err != nil {
		return err
	}
	f.locks().unlockName()
	info, err := statFD(f.fd)
	if err != nil {
		return err
	}
	if now, err := statPath(path); err != nil || now.id != info.id {
		return errReplaced
	}
	return nil
}

// openSegment opens what stands under path without following a link, waiting
// for a pipe's other end or handing the descriptor to children. It looks first,
// because to open a device or a pipe is to do something to it. What it opens
// may still be one, put there since.
func openSegment(path string, access int) (int, error) {
	if info, err := statPath(path); err == nil && info.mode&unix.S_IFMT != unix.S_IFREG {
		return -1, detail(ErrForeign, "%q is %s, not a segment", path, info.kind())
	}
	fd, err := openFile(path, access|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	switch err {
	case nil:
		return fd, nil
	case unix.ENOENT, unix.ENOTDIR:
		return -1, noSegment(path)
	case unix.ELOOP, unix.EISDIR, unix.ENXIO, unix.ENODEV:
		return -1, detail(ErrForeign, "%q is not a regular file and so not a segment", path)
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
		return detail(ErrForeign, "what has this name is %s, not a segment", i.kind())
	case i.uid != euid && i.uid != 0 && !o.AnyOwner:
		return anothers(strconv.FormatUint(uint64(i.uid), 10))
	case i.size == 0:
		return errUnsized
	case i.size > math.MaxInt:
		return tooLarge(i.size)
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
			return true, detail(ErrForeign, "%q is %s, not a segment", path, info.kind())
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

// remove takes the path away from the open file that has it, under the file's
// name lock.
func remove(path string, fd int, id identity) error {
	l := fileLocks{ofdLocks{fd: fd}}
	if err := l.lockName(); err != nil {
		return err
	}
	defer l.unlockName()
	return removeLocked(path, fd, id)
}

// removeLocked is remove for who holds the name lock. Everybody who uses this
// library does: between the comparison and the unlink nobody of ours can have
// put a newer file there.
func removeLocked(path string, fd int, id identity) error {
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

// fileLocks are the locks of a segment's file. The name lock is flock(2), which
// a descriptor for reading can have as well.
type fileLocks struct{ ofdLocks }

func (l fileLocks) lockName() error { return l.lock(unix.LOCK_EX) }
func (l fileLocks) unlockName()     { unix.Flock(l.fd, unix.LOCK_UN) }

func (l fileLocks) lock(how int) error {
	ok, err := poll(patience, func() (bool, error) {
		err := unix.Flock(l.fd, how|unix.LOCK_NB)
		return err != unix.EWOULDBLOCK && err != unix.EINTR, err
	})
	if !ok {
		return detail(os.ErrDeadlineExceeded, "another process has held its name lock for %v: try again, or find the holder with lslocks(8)", patience)
	}
	return os.NewSyscallError("flock", err)
}

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
		return Info{}, detail(ErrForeign, "%q is %s, not a segment", path, info.kind())
	}
	public := info.public(name)
	public.Users = usersAt(path, info.id)
	public.Foreign = foreignProcesses(info.id)
	return public, nil
}

// usersAt asks the file under the path for its users, if it is the one meant
// and may be asked.
func usersAt(path string, id identity) int {
	fd, err := openSegment(path, unix.O_RDONLY)
	if err != nil {
		return -1
	}
	defer unix.Close(fd)
	if info, err := statFD(fd); err != nil || info.id != id {
		return -1
	}
	return users(fileLocks{ofdLocks{fd: fd}})
}

// eachFile calls f with every regular file of the directory.
func eachFile(f func(name, path string, info fileInfo) error) error {
	d, err := dir()
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(d)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return noDir(d)
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		path := d + "/" + e.Name()
		info, err := statPath(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // unlinked while we looked
		}
		if err == nil {
			err = f(e.Name(), path, info)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (linux) list() (infos []Info, err error) {
	err = eachFile(func(name, path string, info fileInfo) error {
		if !isSegmentName(name) {
			return nil
		}
		public := info.public(name)
		public.Users = usersAt(path, info.id)
		infos = append(infos, public)
		return nil
	})
	return infos, err
}

func (linux) prune() (removed []Info, err error) {
	var errs []error
	err = eachFile(func(name, path string, info fileInfo) error {
		if info.uid != uint32(unix.Geteuid()) {
			return nil
		}
		draft := isDraft(name)
		if !draft && (!isSegmentName(name) || info.lifetime() == UntilUnlink) {
			return nil
		}
		gone, err := pruneFile(path, info.id, draft)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
		if gone {
			public := info.public(name)
			public.Users = 0
			removed = append(removed, public)
		}
		return nil
	})
	return removed, errors.Join(append(errs, err)...)
}

// pruneFile removes the file if nobody has it open.
func pruneFile(path string, id identity, draft bool) (removed bool, err error) {
	fd, err := openSegment(path, unix.O_RDONLY)
	if err != nil {
		return false, ignoreNotExist(err)
	}
	defer unix.Close(fd)
	info, err := statFD(fd)
	if err != nil || info.id != id {
		return false, err
	}
	if draft && info.links > 1 { // killed between publishing it and removing the temporary name
		return false, unix.Unlink(path)
	}
	l := fileLocks{ofdLocks{fd: fd}}
	if err := l.lockName(); err != nil {
		return false, err
	}
	defer l.unlockName()
	removed, err = removeUnused(l, func() error { return removeLocked(path, fd, id) })
	if errors.Is(err, errReplaced) {
		return false, nil
	}
	return removed && err == nil, err
}

// file is an open segment file with its mapping.
type file struct {
	name, path string
	id         identity
	fd         int
	mem        []byte
	readOnly   bool // the descriptor
	lifetime   Lifetime
	token      token
	left       bool
}

func (f *file) memory() []byte { return f.mem }

func (f *file) locks() fileLocks { return fileLocks{ofdLocks{f.fd, f.readOnly}} }

func (f *file) stat() (Info, error) {
	info, err := statFD(f.fd)
	if err != nil {
		return Info{}, err
	}
	if !f.hasName() && !info.unlinked() {
		// Between an unlink and its mark lies a moment, under the name lock.
		info, err = f.statLocked()
	}
	if err == nil && !f.hasName() && !info.unlinked() {
		err = nameLost("Python's resource tracker (track=False prevents it), systemd's RemoveIPC or rm may have")
	}
	public := info.public(f.name)
	public.Users = users(f.locks())
	if f.token != noToken && public.Users >= 0 {
		public.Users++ // this one
	}
	public.Foreign = foreignProcesses(f.id)
	return public, err
}

func (f *file) statLocked() (fileInfo, error) {
	if err := f.locks().lockName(); err != nil {
		return fileInfo{}, err
	}
	defer f.locks().unlockName()
	return statFD(f.fd)
}

// hasName says whether the path still leads to this file.
func (f *file) hasName() bool {
	now, err := statPath(f.path)
	return err == nil && now.id == f.id
}

func (f *file) unlink() error {
	if !f.left {
		return remove(f.path, f.fd, f.id)
	}
	// What has the name now may be anything, and is looked at before it is
	// opened, locked and complained about.
	if !f.hasName() {
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

func (f *file) unmap() error {
	if f.mem == nil {
		return nil
	}
	err := unmap(f.mem)
	f.mem = nil
	return err
}

func (f *file) leave() error {
	var err error
	if f.lifetime == UntilLastClose && f.token != noToken {
		err = leaveLast(f.locks(), f.token, func() error { return removeLocked(f.path, f.fd, f.id) })
	}
	f.left = true
	return errors.Join(err, f.close())
}

// close gives the descriptor back, and before that the token: a program that is
// just being started may have the descriptor for a moment longer.
func (f *file) close() error {
	if f.token != noToken {
		f.locks().drop(f.token)
		f.token = noToken
	}
	return os.NewSyscallError("close", unix.Close(f.fd))
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

func (i fileInfo) kind() string {
	switch i.mode & unix.S_IFMT {
	case unix.S_IFREG:
		return "a regular file"
	case unix.S_IFDIR:
		return "a directory"
	case unix.S_IFLNK:
		return "a symbolic link"
	case unix.S_IFIFO:
		return "a pipe"
	case unix.S_IFSOCK:
		return "a socket"
	}
	return "a device"
}

func (i fileInfo) lifetime() Lifetime {
	if i.mode&lifetimeMark != 0 {
		return UntilLastClose
	}
	return UntilUnlink
}

// unlinked says whether this library removed the file's name.
func (i fileInfo) unlinked() bool { return i.links == 0 && i.mode&unlinkedMark == 0 }

// public leaves the users to those who can ask for them.
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

		Lifetime: i.lifetime(),
		Users:    -1,
		Foreign:  -1,
	}
}

// mapFile maps the first size bytes of what a descriptor stands for, shared, and
// registers them with Guard under the segment's name.
func mapFile(name string, fd, size int, readOnly bool) ([]byte, error) {
	prot := unix.PROT_READ | unix.PROT_WRITE
	if readOnly {
		prot = unix.PROT_READ
	}
	mem, err := mmap(fd, size, prot, unix.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	mapped.add(name, mem)
	return mem, nil
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
		return detail(fs.ErrPermission, "permission denied: this user may not search %s", filepath.Dir(path))
	}
	hint := ""
	if access == unix.O_RDWR && unix.Access(path, unix.R_OK) == nil {
		hint = "; Options.ReadOnly would do"
	}
	return detail(fs.ErrPermission, "permission denied: it belongs to user %d and has mode %04o%s", info.uid, info.mode&0o777, hint)
}
