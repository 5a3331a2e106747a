//go:build linux || darwin

package shm

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed72196e11/shm/internal/human"
	"github.com/seed72196e11/shm/internal/parallel"
)

// On macOS a segment is an object of shm_open(2). Its name is there from the
// first call that makes it, but its size and its bytes come later; so Init fills
// private memory, and the record in the registry says that the object is no
// segment yet while the bytes are copied. Only programs without this library
// can meet it then.
//
// Objects have no identity: fstat tells their size, mode and owner, and no
// inode. When a stranger unlinks a name and gives it to an object with the same
// three, nobody can tell: the users of the old one think they have that, and
// what the record says of the old one is taken for true.
type macos struct{ calls }

// calls are what this needs of the system, apart from ordinary files. The
// errors are unix.Errno.
type calls interface {
	ShmOpen(name string, flags int, mode uint32) (fd int, err error)
	ShmUnlink(name string) error
	Ftruncate(fd int, size int64) error
	Fstat(fd int) (size int64, mode, uid uint32, err error)
	Mmap(fd, length, prot, flags int) ([]byte, error)
	Close(fd int) error
	BootID() string // names the time since the system was started, "" if that is not to be known
	MemSize() int64 // the machine's memory in bytes
}

const (
	// objectNameMax is PSHMNAMLEN. It counts the slash, which belongs to the
	// name, and which Python puts in front of each.
	objectNameMax = 31

	// sizeStep is what sizes are rounded up to. The system rounds to the pages
	// of the process that makes the object; the pages of an opener may be
	// larger (16 KiB on Apple silicon, 4 KiB under Rosetta), and its map must
	// not reach beyond.
	sizeStep = 16 << 10

	copyStep = 8 << 20
)

// objectInfo is all that the system says about an object.
type objectInfo struct {
	size      int64 // rounded; 0 until its creator has sized it
	mode, uid uint32
}

// find opens the object that has the name now.
func (m macos) find(name string, access int) (int, objectInfo, error) {
	if err := checkObjectName(name); err != nil {
		return -1, objectInfo{}, err
	}
	fd, err := m.ShmOpen("/"+name, access, 0)
	switch err {
	case nil:
	case unix.ENOENT:
		return -1, objectInfo{}, errNoObject
	case unix.EACCES:
		return -1, objectInfo{}, m.noAccess(name, access)
	default:
		return -1, objectInfo{}, callError("shm_open", err)
	}
	info, err := m.fstat(fd)
	if err != nil {
		m.Close(fd)
		return -1, objectInfo{}, err
	}
	return fd, info, nil
}

var (
	errNoObject   = detail(fs.ErrNotExist, "there is no segment of this name")
	errPublishing = detail(fs.ErrExist, "another process has been publishing a segment of this name for %v", patience)
	errNoAccess   = detail(fs.ErrPermission, "permission denied: its mode does not let this user read it")
	errNoBoot     = errors.New("a sandbox hides which start of the system this is (kern.bootsessionuuid), so no record can be believed")
	errHalfMade   = detail(fs.ErrNotExist, "there is no segment of this name, only what a creator that died left half made: Create or Prune clears it away")
)

func checkObjectName(name string) error {
	if len(name)+1 > objectNameMax {
		return invalid("its name has %d bytes: macOS holds no more than %d", len(name), objectNameMax-1)
	}
	return nil
}

func (m macos) fstat(fd int) (objectInfo, error) {
	size, mode, uid, err := m.Fstat(fd)
	return objectInfo{size, mode & 0o777, uid}, callError("fstat", err)
}

// look describes the object that has the name now.
func (m macos) look(name string) (objectInfo, error) {
	fd, info, err := m.find(name, unix.O_RDONLY)
	if err == nil {
		m.Close(fd)
	}
	return info, err
}

func (m macos) noAccess(name string, access int) error {
	if access == unix.O_RDONLY {
		return errNoAccess
	}
	info, err := m.look(name)
	if err != nil {
		return err
	}
	return detail(fs.ErrPermission, "permission denied: it belongs to user %d and has mode %04o; Options.ReadOnly would do", info.uid, info.mode)
}

// callError gives a system call's error its name, and a sandbox's the sentence
// that is missing.
func callError(call string, err error) error {
	if err == unix.EPERM {
		return detail(fs.ErrPermission, "%s: this process runs in a sandbox that denies it shared memory of this name", call)
	}
	return os.NewSyscallError(call, err)
}

// describes says whether a record's facts are those of the object that the
// system shows, and written by who may say so.
func (m macos) describes(f *recordFile, r record, info objectInfo) bool {
	return r.state == live && r.size > 0 && m.sameBoot(r) && r.rounded == info.size && r.mode == info.mode && f.speaksFor(r, info)
}

// halfMade says whether an object is what a creator left that died before it
// was done. The caller has the name lock, so nobody is at it.
func (m macos) halfMade(f *recordFile, r record, info objectInfo) bool {
	return r.state == making && m.sameBoot(r) && (info.size == 0 || info.size == r.rounded) &&
		info.mode&^r.mode == 0 && f.speaksFor(r, info)
}

// sameBoot says whether the record is known to be of this start of the system.
// Where a sandbox hides which one it is, nobody knows: see bootKnown.
func (m macos) sameBoot(r record) bool { return m.bootKnown(r) && r.boot == m.BootID() }

// bootKnown says whether a record can be told from one of another start of the
// system. One that cannot is neither believed nor removed while its name exists.
func (m macos) bootKnown(r record) bool { return r.boot != "" && m.BootID() != "" }

// speaksFor says whether the record is the word of the object's owner, or of
// root.
func (f *recordFile) speaksFor(r record, info objectInfo) bool {
	return r.uid == info.uid && (f.owner == info.uid || f.owner == 0)
}

// describe is an object's Info but for its users.
func (m macos) describe(name string, info objectInfo, f *recordFile) Info {
	public := Info{
		Name:    name,
		Size:    info.size,
		Mode:    fs.FileMode(info.mode),
		Owner:   strconv.FormatUint(uint64(info.uid), 10),
		Users:   -1,
		Foreign: -1,
	}
	if f == nil {
		return public
	}
	if r := f.read(); m.describes(f, r, info) {
		public.Size, public.Created, public.Lifetime = r.size, r.created, r.lifetime
	}
	return public
}

// macDraft is memory of this process alone, or nothing at all without an Init:
// the object is zeros by itself.
type macDraft struct {
	m    macos
	name string
	size int
	opt  Options
	mem  []byte
	rec  record // as it is while the segment is being made
}

func (m macos) draft(name string, size int, o Options) (draft, error) {
	// The system promises more memory than it has, and takes the longer the
	// more it promises.
	if has := m.MemSize(); int64(size) > has {
		return nil, noMemory(size, has)
	}
	if o.Lifetime == UntilLastClose {
		if _, err := recordPath(name); err != nil {
			return nil, noRegistry(o.Lifetime, err)
		}
		if m.BootID() == "" {
			return nil, noRegistry(o.Lifetime, errNoBoot)
		}
	}
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_FSIZE, &limit) == nil && uint64(roundUp(size)) > uint64(limit.Cur) {
		return nil, tooLargeForFile(size) // asking for it would be a signal that ends the program
	}
	if err := m.free(name); err != nil {
		return nil, err
	}
	d := &macDraft{m: m, name: name, size: size, opt: o}
	if o.Init == nil {
		return d, nil
	}
	var err error
	if d.mem, err = unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON); err != nil {
		return nil, sizeError("mmap", err, size)
	}
	return d, nil
}

// free says where publish would surely find the name taken. Another creator is
// waited for, for it may fail.
func (m macos) free(name string) error {
	_, err := poll(patience, func() (bool, error) {
		err := m.freeNow(name)
		return err != errMaking, err
	})
	switch err {
	case errMaking:
		return errPublishing
	case errBusy:
		return nil // publish will see
	}
	return err
}

func (m macos) freeNow(name string) error {
	f, err := m.held(name, unix.F_RDLCK)
	if err != nil {
		return err
	}
	if f != nil {
		defer f.close()
	}
	_, err = m.remains(name, f)
	return err
}

// remains says whether what a dead creator left has the name, whose record is
// held if it has one. Anything else there is errTaken.
func (m macos) remains(name string, f *recordFile) (bool, error) {
	info, err := m.look(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err == errNoAccess:
		return false, errTaken
	case err != nil:
		return false, err
	case f != nil && m.halfMade(f, f.read(), info):
		return true, nil
	}
	return false, errTaken
}

func (d *macDraft) memory() []byte { return d.mem[:d.size:d.size] }

func (d *macDraft) discard() {
	if d.mem != nil {
		unix.Munmap(d.mem) // nothing better can be done about a failure here
		d.mem = nil
	}
}

func (d *macDraft) publish() (attachment, error) {
	var o *object
	ok, err := poll(patience, func() (bool, error) {
		var err error
		o, err = d.publishOnce()
		return !errors.Is(err, errBusy) && !errors.Is(err, errMaking), err
	})
	switch {
	case !ok && errors.Is(err, errMaking):
		return nil, errPublishing
	case err != nil:
		return nil, err
	}
	d.discard()
	return o, nil
}

func (d *macDraft) publishOnce() (*object, error) {
	f, err := d.claim()
	if err != nil {
		return nil, err
	}
	o := &object{m: d.m, name: d.name, fd: -1, file: f}
	if err := d.build(o); err != nil {
		if f != nil {
			f.remove()
		}
		return nil, errors.Join(err, o.release())
	}
	if f != nil {
		f.unlockName()
	}
	return o, nil
}

// claim puts a new record under the name, which says that the segment is being
// made and is locked; nil where no record can be had. An older record goes: the
// tokens on it are of users of another segment.
func (d *macDraft) claim() (*recordFile, error) {
	path, err := recordPath(d.name)
	if err != nil {
		return nil, noRegistry(d.opt.Lifetime, err)
	}
	old, err := hold(path, unix.F_WRLCK)
	switch err {
	case nil:
		defer old.close()
	case errNoRecord:
	case errBusy, errMaking:
		return nil, err
	default:
		return nil, noRegistry(d.opt.Lifetime, err)
	}
	if err := d.clear(old); err != nil {
		return nil, err
	}
	if old != nil {
		if err := old.remove(); err != nil { // another user's, in a directory that is shared
			return nil, noRegistry(d.opt.Lifetime, err)
		}
	}
	d.rec = record{
		state:    making,
		id:       newID(),
		name:     d.name,
		size:     int64(d.size),
		rounded:  roundUp(d.size),
		mode:     uint32(d.opt.Mode),
		uid:      uint32(os.Geteuid()),
		lifetime: d.opt.Lifetime,
		created:  time.Now().Round(0), // as it will be read again
		boot:     d.m.BootID(),
	}
	f, err := makeRecord(path, d.rec)
	if err != nil && err != errBusy {
		return nil, noRegistry(d.opt.Lifetime, err)
	}
	return f, err
}

func roundUp(size int) int64 { return (int64(size) + sizeStep - 1) / sizeStep * sizeStep }

// clear takes away what a dead creator left under the name.
func (d *macDraft) clear(old *recordFile) error {
	remains, err := d.m.remains(d.name, old)
	if err != nil || !remains {
		return err
	}
	return ignoreNotExist(d.m.shmUnlink(d.name))
}

// build makes the object with all that belongs to it. After an error the name
// is free again.
func (d *macDraft) build(o *object) (err error) {
	o.fd, err = d.m.ShmOpen("/"+d.name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, uint32(d.opt.Mode))
	switch err {
	case nil:
	case unix.EEXIST:
		return errTaken
	default:
		return sizeError("shm_open", err, d.size)
	}
	defer func() {
		if err != nil {
			d.m.ShmUnlink("/" + d.name)
		}
	}()
	if err := d.m.Ftruncate(o.fd, roundUp(d.size)); err != nil {
		return sizeError("ftruncate", err, d.size)
	}
	if o.info, err = d.m.fstat(o.fd); err != nil {
		return err
	}
	if err := o.mapObject(d.size, false); err != nil {
		return sizeError("mmap", err, d.size)
	}
	if d.mem != nil {
		parallel.Pieces(d.size, copyStep, func(from, to int) error {
			copy(o.mem[from:to], d.mem[from:to])
			return nil
		})
	}
	if d.opt.ReadOnly {
		if err := unix.Mprotect(o.mem, unix.PROT_READ); err != nil {
			return os.NewSyscallError("mprotect", err)
		}
	}
	o.known = d.m.describe(d.name, o.info, nil)
	o.known.Size = int64(d.size)
	if o.file == nil {
		return nil
	}
	return o.enlist(d.rec)
}

// enlist makes the record of a new object say that it is a segment.
func (o *object) enlist(r record) (err error) {
	r.state, r.rounded, r.mode = live, o.info.size, o.info.mode
	o.known.Lifetime, o.known.Created, o.id = r.lifetime, r.created, r.id
	if o.token, err = attendIfNeeded(o.file, r.lifetime); err != nil {
		return err
	}
	return o.file.write(r)
}

// object is a segment that is mapped here. Its descriptor stays open as long,
// for that is how libproc, and so lsof, finds its users.
type object struct {
	m     macos
	name  string
	info  objectInfo
	known Info // as it was when the segment was mapped
	fd    int
	mem   []byte

	file  *recordFile // nil where there is none to be had
	id    [16]byte    // of its record
	token token

	unlinked bool // through this handle
	left     bool
}

func (m macos) attach(name string, opt Options) (attachment, error) {
	var o *object
	_, err := poll(patience, func() (bool, error) {
		var err error
		o, err = m.open(name, opt)
		return !errors.Is(err, errBusy) && !errors.Is(err, ErrUnfinished), err
	})
	if err != nil {
		return nil, err
	}
	return o, nil
}

// open maps the segment with a token taken, all of it under the name lock.
func (m macos) open(name string, opt Options) (*object, error) {
	f, made, err := m.record(name)
	if err != nil {
		return nil, err
	}
	o := &object{m: m, name: name, fd: -1, file: f}
	if err := o.open(opt); err != nil {
		if made {
			f.remove()
		}
		return nil, errors.Join(err, o.release())
	}
	if f != nil {
		f.unlockName()
	}
	return o, nil
}

// record holds the record of a segment for who wants to be its user, nil where
// none can be had. For another program's segment it is made.
func (m macos) record(name string) (f *recordFile, made bool, err error) {
	path, err := recordPath(name)
	if err != nil {
		return nil, false, nil
	}
	switch f, err = hold(path, unix.F_RDLCK); err {
	case nil:
		return f, false, nil
	case errNoRecord:
	case errBusy, errMaking:
		return nil, false, err
	default:
		return nil, false, nil
	}
	info, err := m.look(name)
	if err != nil {
		return nil, false, err
	}
	f, err = m.makeBlank(path, name, info)
	if err == errBusy {
		return nil, false, err
	}
	return f, err == nil, nil
}

func (m macos) makeBlank(path, name string, info objectInfo) (*recordFile, error) {
	return makeRecord(path, record{id: newID(), name: name, rounded: info.size, mode: info.mode, uid: info.uid, boot: m.BootID()})
}

func (o *object) open(opt Options) (err error) {
	access := unix.O_RDWR
	if opt.ReadOnly {
		access = unix.O_RDONLY
	}
	if o.fd, o.info, err = o.m.find(o.name, access); err != nil {
		return err
	}
	if o.file != nil {
		r := o.file.read()
		if o.id = r.id; o.m.halfMade(o.file, r, o.info) {
			return errHalfMade
		}
	}
	if err := o.info.usable(opt); err != nil {
		return err
	}
	o.known = o.m.describe(o.name, o.info, o.file)
	switch err := o.mapObject(int(o.known.Size), opt.ReadOnly); {
	case errors.Is(err, unix.ENOMEM):
		return noRoom(o.known.Size, err)
	case err != nil:
		return err
	}
	if o.file != nil && !opt.Observe {
		o.token, err = attendIfNeeded(o.file, o.known.Lifetime)
	}
	return err
}

// usable says why an object is not to be mapped.
func (i objectInfo) usable(o Options) error {
	switch euid := uint32(os.Geteuid()); {
	case i.uid != euid && i.uid != 0 && !o.AnyOwner:
		return anothers(strconv.FormatUint(uint64(i.uid), 10))
	case i.size == 0:
		return errUnsized
	case i.size > math.MaxInt:
		return tooLarge(i.size)
	}
	return nil
}

// mapObject maps the first size bytes and registers them with Guard.
func (o *object) mapObject(size int, readOnly bool) (err error) {
	prot := unix.PROT_READ | unix.PROT_WRITE
	if readOnly {
		prot = unix.PROT_READ
	}
	if o.mem, err = o.m.Mmap(o.fd, size, prot, unix.MAP_SHARED); err != nil {
		return callError("mmap", err)
	}
	o.mem = o.mem[:size:size]
	mapped.add(o.name, o.mem)
	return nil
}

// release gives everything back that an object has got so far.
func (o *object) release() error { return errors.Join(o.unmap(), o.close()) }

func (o *object) memory() []byte { return o.mem }

func (o *object) unmap() error {
	if o.mem == nil {
		return nil
	}
	err := unmap(o.mem)
	o.mem = nil
	return err
}

func (o *object) leave() error {
	var err error
	switch {
	case o.token == noToken || o.file.readOnly:
	case o.known.Lifetime == UntilLastClose:
		err = leaveLast(o.file, o.token, func() error {
			if !o.file.atPath() {
				return nil // others may have their tokens on the record that is there now
			}
			return o.removeHeld()
		})
	case o.file.onlyTokens():
		// A record that stays is litter for Prune, and no reason to fail.
		leaveLast(o.file, o.token, func() error {
			if !o.file.onlyTokens() {
				return nil
			}
			return o.file.remove()
		})
	}
	return errors.Join(err, o.close())
}

// close gives the descriptors back, and before that the token: see
// recordFile.close.
func (o *object) close() error {
	o.left = true
	var err error
	if o.fd >= 0 {
		err = os.NewSyscallError("close", o.m.Close(o.fd))
	}
	if o.token != noToken {
		o.file.drop(o.token)
	}
	if o.file != nil {
		err = errors.Join(err, o.file.close())
	}
	return err
}

func (o *object) stat() (Info, error) {
	info := o.known
	if o.file != nil {
		if info.Users = users(o.file); info.Users >= 0 && o.token != noToken {
			info.Users++ // this one
		}
	}
	named, err := o.named()
	if err != nil || named || o.wasUnlinked() {
		return info, err
	}
	return info, nameLost("Python's resource tracker (track=False prevents it) or the end of a login session may have")
}

func (o *object) hasName() bool {
	named, err := o.named()
	return named || err != nil
}

// named says whether this object has its name still, as far as that can be
// told.
func (o *object) named() (bool, error) {
	now, err := o.m.look(o.name)
	if errors.Is(err, fs.ErrNotExist) || err == errNoAccess {
		return false, nil
	}
	return err == nil && now == o.info && !o.succeeded(), err
}

// succeeded says whether the registry has a later life of the name.
func (o *object) succeeded() bool {
	path, err := recordPath(o.name)
	if err != nil {
		return false
	}
	f, err := openRecord(path)
	if err != nil {
		return false
	}
	defer f.close()
	r := f.read()
	return r.id != o.id && (r.state == live || r.state == making)
}

// wasUnlinked says whether this library has removed the name. Between that and
// the record's saying so lies a moment, under the name lock.
func (o *object) wasUnlinked() bool {
	if o.unlinked || o.file == nil {
		return o.unlinked
	}
	if err := o.file.wait(unix.F_RDLCK); err != nil {
		return false
	}
	defer o.file.unlockName()
	return o.file.read().state == unlinked
}

func (o *object) unlink() error {
	var err error
	switch {
	case o.unlinked:
		return errReplaced
	case o.file == nil:
		err = o.removeNamed()
	case o.left:
		err = o.unlinkLeft()
	default:
		err = o.unlinkOpen()
	}
	o.unlinked = err == nil
	return err
}

// removeNamed takes the name away if it is this object's.
func (o *object) removeNamed() error {
	named, err := o.named()
	if err != nil {
		return err
	}
	if !named {
		return errReplaced
	}
	return o.m.shmUnlink(o.name)
}

func (o *object) unlinkOpen() error {
	if err := o.file.lockName(); err != nil {
		return err
	}
	defer o.file.unlockName()
	return o.removeHeld()
}

// unlinkLeft is unlink after the record has been closed. What is there now may
// be another; what is no record of this name any more was lost.
func (o *object) unlinkLeft() error {
	_, err := poll(patience, func() (bool, error) {
		f, err := hold(o.file.path, unix.F_WRLCK)
		if err == errNoRecord {
			err = o.unlinkLost()
			return err != errBusy, err
		}
		if err != nil {
			return err != errBusy, err
		}
		defer f.close()
		if r := f.read(); r.name != "" && r.id != o.id {
			return true, errReplaced
		}
		now := *o
		now.file = f
		return true, now.removeHeld()
	})
	if err == errMaking {
		return errReplaced
	}
	return err
}

// unlinkLost is unlinkLeft without the record: a new one is the name lock
// meanwhile, if it can be had.
func (o *object) unlinkLost() error {
	f, err := o.m.makeBlank(o.file.path, o.name, o.info)
	if err == errBusy {
		return err
	}
	if err == nil {
		defer f.close()
		defer f.remove()
	}
	return o.removeNamed()
}

// removeHeld is removeNamed for who has the name lock. A record that is not at
// its path although nobody unlinked the name was lost; then all that can be seen
// is whether the name has a later life.
func (o *object) removeHeld() error {
	r := o.file.read()
	if r.state == unlinked {
		return errReplaced
	}
	if err := o.removeNamed(); err != nil {
		return err
	}
	return o.file.strike(r)
}

// strike notes in a held record that the name has been removed, for those who
// have it open, and removes the record.
func (f *recordFile) strike(r record) error {
	r.state = unlinked
	if r.name != "" && !f.readOnly { // else it is no record of this name
		if err := f.write(r); err != nil {
			return err
		}
	}
	f.remove() // what stays in a directory of others is known for what it is
	return nil
}

func (m macos) shmUnlink(name string) error {
	switch err := m.ShmUnlink("/" + name); err {
	case nil:
		return nil
	case unix.ENOENT:
		return errReplaced
	case unix.EACCES:
		return detail(fs.ErrPermission, "only its owner, root and whom its mode lets write may remove it")
	default:
		return callError("shm_unlink", err)
	}
}

func (m macos) unlink(name string) error {
	_, err := poll(patience, func() (bool, error) {
		f, err := m.held(name, unix.F_WRLCK)
		if err != nil {
			return err != errBusy, err
		}
		if f == nil {
			return true, orNoObject(m.shmUnlink(name))
		}
		defer f.close()
		return true, m.unlinkHeld(name, f)
	})
	return err
}

// held is hold for a name that may have no record; then it returns nil.
func (m macos) held(name string, kind int16) (*recordFile, error) {
	if err := checkObjectName(name); err != nil {
		return nil, err
	}
	path, err := recordPath(name)
	if err != nil {
		return nil, nil
	}
	f, err := hold(path, kind)
	if err == errBusy || err == errMaking {
		return nil, err
	}
	return f, nil
}

func (m macos) unlinkHeld(name string, f *recordFile) error {
	r := f.read()
	if r.state == making {
		if info, err := m.look(name); err == nil && m.halfMade(f, r, info) {
			return errHalfMade
		}
	}
	err := m.shmUnlink(name)
	switch err {
	case nil:
		return f.strike(r)
	case errReplaced:
		f.remove()
	}
	return orNoObject(err)
}

// orNoObject says of a name what errReplaced says of a segment.
func orNoObject(err error) error {
	if err == errReplaced {
		return errNoObject
	}
	return err
}

func (m macos) stat(name string) (Info, error) {
	var info Info
	_, err := poll(patience, func() (bool, error) {
		f, err := m.held(name, unix.F_RDLCK)
		if err != nil {
			return err != errBusy, err
		}
		if f != nil {
			defer f.close()
		}
		info, err = m.statHeld(name, f)
		return true, err
	})
	return info, err
}

func (m macos) statHeld(name string, f *recordFile) (Info, error) {
	info, err := m.look(name)
	if err != nil {
		return Info{}, err
	}
	public := m.describe(name, info, f)
	if f != nil {
		if m.halfMade(f, f.read(), info) {
			return Info{}, errHalfMade
		}
		public.Users = users(f)
	}
	return public, nil
}

// list knows the segments that have a record. It takes no locks: a record that
// is just being written is one of a segment that just comes or goes.
func (m macos) list() (infos []Info, err error) {
	err = eachRecord(func(f *recordFile, r record) error {
		if r.state != live && r.state != blank {
			return nil
		}
		info, err := m.look(r.name)
		if errors.Is(err, fs.ErrNotExist) || err == errNoAccess {
			return nil
		}
		if err != nil {
			return err
		}
		public := m.describe(r.name, info, f)
		public.Users = users(f)
		infos = append(infos, public)
		return nil
	})
	slices.SortFunc(infos, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	return infos, err
}

func (m macos) prune() (removed []Info, err error) {
	errs := []error{pruneDrafts()}
	err = eachRecord(func(f *recordFile, r record) error {
		if f.owner != uint32(os.Geteuid()) {
			return nil
		}
		info, gone, err := m.pruneRecord(f)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r.name, err))
		}
		if gone {
			removed = append(removed, info)
		}
		return nil
	})
	slices.SortFunc(removed, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	return removed, errors.Join(append(errs, err)...)
}

// pruneRecord removes what nobody uses: a segment that is to go then, what a
// dead creator left, and a record whose segment is gone or is another one now.
func (m macos) pruneRecord(f *recordFile) (removed Info, gone bool, err error) {
	if ok, err := f.try(unix.F_WRLCK); !ok && (err != nil || f.read().state == making) {
		return Info{}, false, err
	} else if !ok {
		if err := f.lockName(); err != nil {
			return Info{}, false, err
		}
	}
	if !f.atPath() {
		return Info{}, false, nil
	}
	if _, inUse, err := f.find(0, tokens); inUse || err != nil {
		return Info{}, false, err
	}
	r := f.read()
	info, err := m.look(r.name)
	half := err == nil && m.halfMade(f, r, info)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist) && err != errNoAccess:
		return Info{}, false, err
	case err == nil && r.state != blank && !m.bootKnown(r),
		err == nil && m.describes(f, r, info) && r.lifetime == UntilUnlink:
		return Info{}, false, nil
	case err != nil || !half && !m.describes(f, r, info):
		return Info{}, false, f.remove()
	}
	removed = m.describe(r.name, info, f)
	removed.Size, removed.Created, removed.Lifetime, removed.Users = r.size, r.created, r.lifetime, 0
	if err := m.shmUnlink(r.name); err != nil {
		return Info{}, false, ignoreNotExist(err)
	}
	return removed, true, f.strike(r)
}

func noMemory(size int, free int64) error {
	return &NoSpaceError{Need: int64(size), Free: free, Where: "this machine's memory",
		cure: "ask for less, or end programs that hold much of it"}
}

// sizeError is a NoSpaceError when that is what the error means.
func sizeError(call string, err error, size int) error {
	switch {
	case errors.Is(err, unix.ENOMEM), errors.Is(err, unix.ENOSPC):
		return noMemory(size, 0)
	case errors.Is(err, unix.EFBIG):
		return tooLargeForFile(size)
	}
	if _, ok := err.(unix.Errno); ok {
		return callError(call, err)
	}
	return err
}

func tooLargeForFile(size int) error {
	return detail(unix.EFBIG, "%s are more than this process may give a file (ulimit -f)", human.Bytes(int64(size)))
}

// noRegistry is nil where a segment can do without.
func noRegistry(l Lifetime, err error) error {
	if l == UntilUnlink {
		return nil
	}
	return detail(errors.ErrUnsupported, "its lifetime is %v, and without a registry nobody can know which Close is the last: %v", l, err)
}
