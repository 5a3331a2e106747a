//go:build linux || darwin

package shm

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// tokenBase is where the bytes of the tokens begin: beyond any data. Which ranges
// behind them are set aside for what stands in docs/formats.md.
const tokenBase = 1 << 40

// ofdLocks are the locks that belong to an open file description, not to the
// process (fcntl(2), "Open file description locks"): two Segments of one
// process are two users, and closing one does not drop the other's.
type ofdLocks struct {
	fd       int
	readOnly bool // then only read locks can be had
}

func (l ofdLocks) take(t token) (bool, error) {
	kind := int16(unix.F_WRLCK)
	if l.readOnly {
		kind = unix.F_RDLCK
	}
	return l.tryLock(kind, tokenBase+int64(t))
}

func (l ofdLocks) drop(t token) error {
	_, err := l.tryLock(unix.F_UNLCK, tokenBase+int64(t))
	return err
}

func (l ofdLocks) inUse() (bool, error) {
	_, found, err := l.find(0, tokens)
	return found, err
}

// find asks for a write lock, which both kinds refuse.
func (l ofdLocks) find(from, to token) (token, bool, error) {
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart, Start: tokenBase + int64(from), Len: int64(to - from)}
	if err := fcntlLock(l.fd, ofdGetLock, &lock); err != nil {
		return noToken, false, lockError(err)
	}
	if lock.Type == unix.F_UNLCK {
		return noToken, false, nil
	}
	if lock.Len != 1 {
		return noToken, false, errors.New("another program has locked a range of it (see lslocks(8)), which hides who uses it")
	}
	return token(lock.Start - tokenBase), true, nil
}

// tryLock changes the lock of one byte, if nobody else's is in the way.
func (l ofdLocks) tryLock(kind int16, at int64) (bool, error) {
	lock := unix.Flock_t{Type: kind, Whence: io.SeekStart, Start: at, Len: 1}
	err := fcntlLock(l.fd, ofdSetLock, &lock)
	if err == unix.EAGAIN || err == unix.EACCES {
		return false, nil
	}
	return err == nil, lockError(err)
}

// locked says whether somebody else has one byte for writing.
func (l ofdLocks) locked(at int64) bool {
	lock := unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart, Start: at, Len: 1}
	return fcntlLock(l.fd, ofdGetLock, &lock) == nil && lock.Type != unix.F_UNLCK
}

func fcntlLock(fd, cmd int, lock *unix.Flock_t) error {
	for {
		if err := unix.FcntlFlock(uintptr(fd), cmd, lock); err != unix.EINTR {
			return err
		}
	}
}

// lockError says so when it is the system that has no such locks.
func lockError(err error) error {
	switch err {
	case unix.EINVAL, unix.ENOSYS, unix.ENOLCK, unix.ENOTSUP:
		return detail(errors.ErrUnsupported, "fcntl gives no locks here: %v", err)
	}
	return os.NewSyscallError("fcntl", err)
}
