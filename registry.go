//go:build linux || darwin

package shm

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// macOS tells nobody which segments there are, how large they were meant to be
// or who uses them. The registry does: a directory with a record for each
// segment's life, a small file on which users hold their tokens. It is never the
// authority on what exists; that is the system. Whoever loses it loses what only
// it can tell, and nothing else.

// recordPath is where the record of a name stands.
func recordPath(name string) (string, error) {
	dir, err := registryDir()
	return filepath.Join(dir, fileName(name)), err
}

// registryDir is SHM_DIR, as it is, or a directory of this user alone.
func registryDir() (string, error) {
	if dir := os.Getenv("SHM_DIR"); dir != "" {
		return filepath.Abs(dir)
	}
	// The cache of another user, as sudo leaves it in HOME, is not for us to put
	// anything into.
	if cache, err := os.UserCacheDir(); err == nil && os.MkdirAll(cache, 0o700) == nil && ownDir(cache, 0) == nil {
		if dir := filepath.Join(cache, "shm"); ownDir(dir, 0o022) == nil {
			return dir, nil
		}
	}
	dir := "/tmp/shm-" + strconv.Itoa(os.Geteuid())
	return dir, ownDir(dir, 0o022)
}

// ownDir makes a directory, if it is not there, and says why it cannot be
// relied on: it is another's, or others have one of the permissions.
func ownDir(dir string, forbidden uint16) error {
	if err := os.Mkdir(dir, 0o700); err == nil {
		if err := os.Chmod(dir, 0o700); err != nil { // whatever the umask
			return err
		}
	}
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return os.NewSyscallError("lstat "+dir, err)
	}
	switch mode := uint32(st.Mode); {
	case mode&unix.S_IFMT != unix.S_IFDIR:
		return detail(fs.ErrPermission, "%s is not a directory", dir)
	case st.Uid != uint32(os.Geteuid()):
		return detail(fs.ErrPermission, "the directory %s belongs to user %d", dir, st.Uid)
	case mode&uint32(forbidden) != 0:
		return detail(fs.ErrPermission, "others may write to the directory %s", dir)
	}
	return nil
}

// record is what stands in the registry about one life of a name. What it says
// of the segment holds only as far as the system agrees, see describes.
type record struct {
	state    recordState
	id       [16]byte // of this life
	name     string
	size     int64 // as given to Create
	rounded  int64 // as the system has it
	mode     uint32
	uid      uint32
	lifetime Lifetime
	created  time.Time
	boot     string // the session of the system; nothing outlives it
}

type recordState uint32

const (
	blank    recordState = iota // another program's segment; the record only holds tokens
	making                      // its creator is at it while it has the name lock, or else died
	live                        //
	unlinked                    // the name was removed through this library
	recordStates
)

// The record's file, little-endian.
//
//	offset  size  what
//	     0     8  magic
//	     8     4  version of the format
//	    12     4  state
//	    16    16  ID
//	    32     8  size given to Create
//	    40     8  size in the system
//	    48     4  mode
//	    52     4  user
//	    56     4  lifetime
//	    60     4  length of the name
//	    64     8  time of creation, in nanoseconds since 1970
//	    72    40  boot session, padded with zeros
//	   112    32  name, padded with zeros
//	   144   108  zero
//	   252     4  CRC-32 (IEEE) of the bytes before
//
// Locks lie on bytes of the same file: the name lock on the first, and the
// tokens far behind.
const (
	recordMagic   = "\x93shmrec\n"
	recordVersion = 1
	recordSize    = 256
	bootAt        = 72
	nameAt        = 112
	nameEnd       = 144
	sumAt         = recordSize - 4
)

func (r record) bytes() []byte {
	b := make([]byte, 0, recordSize)
	b = append(b, recordMagic...)
	b = binary.LittleEndian.AppendUint32(b, recordVersion)
	b = binary.LittleEndian.AppendUint32(b, uint32(r.state))
	b = append(b, r.id[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(r.size))
	b = binary.LittleEndian.AppendUint64(b, uint64(r.rounded))
	b = binary.LittleEndian.AppendUint32(b, r.mode)
	b = binary.LittleEndian.AppendUint32(b, r.uid)
	b = binary.LittleEndian.AppendUint32(b, uint32(r.lifetime))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(r.name)))
	b = binary.LittleEndian.AppendUint64(b, uint64(r.created.UnixNano()))
	b = b[:recordSize]
	copy(b[bootAt:nameAt], r.boot)
	copy(b[nameAt:nameEnd], r.name)
	binary.LittleEndian.PutUint32(b[sumAt:], crc32.ChecksumIEEE(b[:sumAt]))
	return b
}

// parseRecord reads what anybody may have written.
func parseRecord(b []byte) (record, error) {
	if len(b) != recordSize || string(b[:8]) != recordMagic || binary.LittleEndian.Uint32(b[sumAt:]) != crc32.ChecksumIEEE(b[:sumAt]) {
		return record{}, errors.New("not a whole record")
	}
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
	u64 := func(at int) int64 { return int64(binary.LittleEndian.Uint64(b[at:])) }
	if v := u32(8); v != recordVersion {
		return record{}, fmt.Errorf("a record of version %d", v)
	}
	length := u32(60)
	if length > nameEnd-nameAt {
		return record{}, errors.New("a record with a name too long")
	}
	r := record{
		state:    recordState(u32(12)),
		id:       [16]byte(b[16:32]),
		name:     string(b[nameAt : nameAt+length]),
		size:     u64(32),
		rounded:  u64(40),
		mode:     u32(48),
		uid:      u32(52),
		lifetime: Lifetime(u32(56)),
		created:  time.Unix(0, u64(64)),
		boot:     string(bytes.TrimRight(b[bootAt:nameAt], "\x00")),
	}
	switch {
	case checkName(r.name) != nil, r.state >= recordStates, r.lifetime != UntilUnlink && r.lifetime != UntilLastClose,
		r.size < 0, r.size > r.rounded, r.mode&^0o777 != 0:
		return record{}, errors.New("a record that contradicts itself")
	}
	return r, nil
}

// newID tells one life of a name from another.
func newID() (id [16]byte) {
	rand.Read(id[:]) // never fails: see its documentation
	return id
}

// recordFile is a record that is open. It is the segment's locks.
type recordFile struct {
	ofdLocks
	path     string
	dev, ino uint64
	owner    uint32
}

// These bytes of the record stand for its name: whoever has the first has the
// name lock, and whoever has the second waits to have that alone.
const (
	nameLock = 0
	nameGate = 1
)

const recordDraftPrefix = ".new-"

var (
	errNoRecord = detail(fs.ErrNotExist, "there is no record of it")
	errBusy     = detail(os.ErrDeadlineExceeded, "another process has held its name lock for %v: try again", namePatience)
	errMaking   = detail(fs.ErrNotExist, "there is no segment of this name yet: its creator is about to publish it")
)

// openRecord opens a record whoever wrote it, for writing if that is allowed.
func openRecord(path string) (*recordFile, error) {
	const flags = unix.O_NOFOLLOW | unix.O_NONBLOCK
	f := &recordFile{path: path}
	var err error
	f.fd, err = openFile(path, unix.O_RDWR|flags, 0)
	if err == unix.EACCES || err == unix.EROFS || err == unix.EPERM { // the last is a sandbox's word
		f.readOnly = true
		f.fd, err = openFile(path, unix.O_RDONLY|flags, 0)
	}
	switch {
	case err == unix.ENOENT:
		return nil, errNoRecord
	case err != nil:
		return nil, os.NewSyscallError("open "+path, err)
	}
	if err := f.identify(); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// makeRecord puts a new record under the path, or says errBusy when one is there
// by now. It comes into being whole and with its name lock held: nobody meets it
// before.
func makeRecord(path string, r record) (*recordFile, error) {
	temp := filepath.Join(filepath.Dir(path), recordDraftPrefix+strings.ToLower(rand.Text()))
	fd, err := openFile(temp, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, os.NewSyscallError("open "+temp, err)
	}
	f := &recordFile{ofdLocks: ofdLocks{fd: fd}, path: path}
	defer os.Remove(temp) // published or not
	if err := f.fill(r, temp); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// fill makes the empty file at temp a record at the path. Who may use the
// segment may use its record too, which matters in a directory that is shared.
func (f *recordFile) fill(r record, temp string) error {
	if err := unix.Fchmod(f.fd, 0o600|r.mode&0o666); err != nil {
		return os.NewSyscallError("fchmod", err)
	}
	if ok, err := f.try(unix.F_WRLCK); err != nil {
		return err
	} else if !ok {
		return errBusy // a Prune that came in between
	}
	if err := f.write(r); err != nil {
		return err
	}
	switch err := unix.Link(temp, f.path); err {
	case nil:
		return f.identify()
	case unix.EEXIST, unix.ENOENT: // the latter is the Prune again
		return errBusy
	default:
		return os.NewSyscallError("link", err)
	}
}

// identify notes which file this is.
func (f *recordFile) identify() error {
	var st unix.Stat_t
	if err := unix.Fstat(f.fd, &st); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return detail(ErrForeign, "%s is no record", f.path)
	}
	f.dev, f.ino, f.owner = uint64(st.Dev), st.Ino, st.Uid
	return nil
}

// atPath says whether the path leads to this file.
func (f *recordFile) atPath() bool {
	var st unix.Stat_t
	return unix.Lstat(f.path, &st) == nil && uint64(st.Dev) == f.dev && st.Ino == f.ino
}

// hold opens the record under a path and takes its name lock, of a kind that
// fcntl knows. It does not wait for who is making the segment: that is
// errMaking.
func hold(path string, kind int16) (*recordFile, error) {
	f, err := openRecord(path)
	if err != nil {
		return nil, err
	}
	err = f.wait(kind)
	if err == nil && !f.atPath() {
		err = errBusy // and it was faster
	}
	if err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// try takes the name lock, or what of it there is for who may only read.
func (f *recordFile) try(kind int16) (bool, error) {
	if f.readOnly {
		kind = unix.F_RDLCK
	} else if kind == unix.F_RDLCK && f.locked(nameGate) {
		return false, nil
	}
	return f.tryLock(kind, nameLock)
}

func (f *recordFile) lockName() error { return f.wait(unix.F_WRLCK) }
func (f *recordFile) unlockName()     { f.tryLock(unix.F_UNLCK, nameLock) }

// wait shuts the gate, if it wants the lock alone: many who share it, one after
// the other, would else keep it for ever.
func (f *recordFile) wait(kind int16) error {
	defer f.tryLock(unix.F_UNLCK, nameGate)
	ok, err := poll(namePatience, func() (bool, error) {
		if kind == unix.F_WRLCK && !f.readOnly {
			f.tryLock(unix.F_WRLCK, nameGate)
		}
		ok, err := f.try(kind)
		if !ok && err == nil && f.read().state == making {
			err = errMaking
		}
		return ok || err != nil, err
	})
	if !ok {
		return errBusy
	}
	return err
}

// read returns what the record says; one that cannot be understood is blank.
func (f *recordFile) read() record {
	b := make([]byte, recordSize+1)
	n, err := unix.Pread(f.fd, b, 0)
	if err != nil {
		return record{}
	}
	r, err := parseRecord(b[:n])
	if err != nil || fileName(r.name) != filepath.Base(f.path) {
		return record{}
	}
	return r
}

// onlyTokens says whether the record is that of another program's segment, of no
// use once nobody has it open.
func (f *recordFile) onlyTokens() bool {
	r := f.read()
	return r.state == blank && r.name != ""
}

// write replaces the record. The caller has the name lock.
func (f *recordFile) write(r record) error {
	n, err := unix.Pwrite(f.fd, r.bytes(), 0)
	if err == nil && n != recordSize {
		err = unix.ENOSPC
	}
	return os.NewSyscallError("write "+f.path, err)
}

// remove takes the record out of the registry. The caller has the name lock. In
// a directory that is shared it may be another user's, and stays; nobody takes
// it for more than the system says.
func (f *recordFile) remove() error {
	if !f.atPath() {
		return nil
	}
	return os.NewSyscallError("unlink "+f.path, unix.Unlink(f.path))
}

// close gives up the name lock by itself: a program that is just being started
// may have the descriptor for a moment longer.
func (f *recordFile) close() error {
	f.unlockName()
	return os.NewSyscallError("close", unix.Close(f.fd))
}

// eachRecord calls f with every record of the registry that can be read.
func eachRecord(f func(*recordFile, record) error) error {
	return eachRegistryFile("", func(path string) error {
		file, err := openRecord(path)
		if err != nil {
			return nil // gone, or another's
		}
		defer file.close()
		if r := file.read(); r.name != "" {
			return f(file, r)
		}
		return nil
	})
}

// pruneDrafts removes the records that were never published.
func pruneDrafts() error {
	return eachRegistryFile(recordDraftPrefix, func(path string) error {
		file, err := openRecord(path)
		if err != nil {
			return nil
		}
		defer file.close()
		if ok, err := file.try(unix.F_WRLCK); !ok || file.owner != uint32(os.Geteuid()) {
			return err
		}
		return file.remove()
	})
}

func eachRegistryFile(prefix string, f func(path string) error) error {
	dir, err := registryDir()
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("reading the registry: %w", err)
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		if err := f(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
