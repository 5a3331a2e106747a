package shm

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// The bytes of a segment's file that are locked, far behind any data: the
// tokens, and one for the name. Locks on a file do not bind its views.
const (
	tokenBase uint64 = 1 << 62
	nameByte         = tokenBase + uint64(tokens)
)

// fileLocks are the locks of an open file (LockFileEx). A handle for reading
// can have them too.
type fileLocks struct {
	handle windows.Handle
	own    token // what this handle has taken
}

func (l *fileLocks) lockName() error { return l.waitForName(windows.LOCKFILE_EXCLUSIVE_LOCK) }

func (l *fileLocks) unlockName() { l.unlock(nameByte, 1) }

func (l *fileLocks) waitForName(flags uint32) error {
	ok, err := poll(namePatience, func() (bool, error) { return l.lock(nameByte, 1, flags) })
	if !ok {
		return detail(os.ErrDeadlineExceeded, "another process has held its name lock for %v: try again", namePatience)
	}
	return err
}

// withName calls f while nobody else gives the name or takes it away.
func (l *fileLocks) withName(f func() error) error {
	if err := l.lockName(); err != nil {
		return err
	}
	defer l.unlockName()
	return f()
}

// settleName waits until nobody gives the name or takes it away. Whoever begins
// to do so later sees what the caller has done until now, its token above all;
// so the caller need not keep others waiting while it looks.
func (l *fileLocks) settleName() error {
	if err := l.waitForName(0); err != nil {
		return err
	}
	l.unlockName()
	return nil
}

// take waits a little for those who are just looking: see free.
func (l *fileLocks) take(t token) (bool, error) {
	ok, err := poll(patience/100, func() (bool, error) {
		return l.lock(tokenBase+uint64(t), 1, windows.LOCKFILE_EXCLUSIVE_LOCK)
	})
	if !ok || err != nil {
		return false, err
	}
	l.own = t
	return true, nil
}

func (l *fileLocks) drop(t token) error {
	l.own = noToken
	return l.unlock(tokenBase+uint64(t), 1)
}

// find and inUse never look at the byte that this handle has itself: the lock
// would be granted, and with two on one byte, which of them a call unlocks is
// the system's choice.
func (l *fileLocks) find(from, to token) (token, bool, error) {
	if l.own < from || to <= l.own {
		return l.search(from, to)
	}
	t, found, err := l.search(from, l.own)
	if !found && err == nil {
		t, found, err = l.search(l.own+1, to)
	}
	return t, found, err
}

func (l *fileLocks) inUse() (bool, error) {
	free, err := l.free(0, l.own)
	if free && err == nil {
		free, err = l.free(l.own+1, tokens)
	}
	return !free, err
}

// search halves what somebody has locked until one byte is left. Who drops it
// meanwhile may still be found.
func (l *fileLocks) search(from, to token) (token, bool, error) {
	free, err := l.free(from, to)
	if free || err != nil {
		return noToken, false, err
	}
	for to-from > 1 {
		middle := from + (to-from)/2
		free, err := l.free(from, middle)
		switch {
		case err != nil:
			return noToken, false, err
		case free:
			from = middle
		default:
			to = middle
		}
	}
	return from, true, nil
}

// free says whether nobody has a token in [from, to). Windows does not tell who
// holds what, so it takes a lock, shared, so that those who look do not see one
// another, and gives it back at once.
func (l *fileLocks) free(from, to token) (bool, error) {
	if from >= to {
		return true, nil
	}
	at, n := tokenBase+uint64(from), uint64(to-from)
	ok, err := l.lock(at, n, 0)
	if !ok || err != nil {
		return false, err
	}
	return true, l.unlock(at, n)
}

// lock says whether it could; it is also true when it never can, with the error.
func (l *fileLocks) lock(at, n uint64, flags uint32) (bool, error) {
	err := windows.LockFileEx(l.handle, flags|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, uint32(n), uint32(n>>32), position(at))
	switch err {
	case windows.ERROR_LOCK_VIOLATION, windows.ERROR_IO_PENDING:
		return false, nil
	case windows.ERROR_INVALID_FUNCTION, windows.ERROR_NOT_SUPPORTED, windows.ERROR_INVALID_PARAMETER:
		return true, detail(errors.ErrUnsupported, "LockFileEx gives no locks here: %v", err)
	}
	return true, os.NewSyscallError("LockFileEx", err)
}

func (l *fileLocks) unlock(at, n uint64) error {
	return os.NewSyscallError("UnlockFileEx", windows.UnlockFileEx(l.handle, 0, uint32(n), uint32(n>>32), position(at)))
}

func position(at uint64) *windows.Overlapped {
	return &windows.Overlapped{Offset: uint32(at), OffsetHigh: uint32(at >> 32)}
}
