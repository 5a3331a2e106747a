package shm

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
)

// Lifetime says what ends a segment.
type Lifetime int

const (
	// UntilUnlink: the segment lives until somebody says Unlink.
	UntilUnlink Lifetime = iota

	// UntilLastClose: it goes as well when the last Segment that has it open
	// is closed. Only users of this library count. A process that ends without
	// Close, killed or not, is no user any more, but removes nothing: what only
	// such processes had open is there until the next last Close, or [Prune].
	// A last Close by somebody who may not remove the name leaves it too.
	UntilLastClose
)

func (l Lifetime) String() string {
	switch l {
	case UntilUnlink:
		return "until unlink"
	case UntilLastClose:
		return "until last close"
	}
	return fmt.Sprintf("Lifetime(%d)", int(l))
}

// locks are locks on the file that stands for a segment: the segment itself, or
// on macOS its record. They belong to one open handle of it, and the kernel
// drops them with that handle, however its process ends. So nobody waits for
// the dead, and no process number is ever stored or trusted.
type locks interface {
	// lockName excludes everybody else who takes the name away. It waits up to
	// the patience.
	lockName() error
	unlockName()

	// take locks the byte that stands for a token, and says whether it could:
	// another handle may have it. Where there are no such locks the error is
	// errors.ErrUnsupported.
	take(token) (bool, error)
	drop(token) error

	// inUse says whether another handle has taken any: one question, where find
	// may need many.
	inUse() (bool, error)

	// find returns a token in [from, to) that another handle has taken.
	find(from, to token) (t token, found bool, err error)
}

// token is what each handle that has a segment open holds locked: a byte at a
// random place far behind the data. Whoever wants to know whether a segment is
// in use asks for locks there.
type token int64

const (
	noToken token = 0
	tokens  token = 1 << 30 // they are less than this
)

// attend takes a token for a handle that has just been opened.
func attend(l locks) (token, error) {
	for range 100 {
		t := 1 + rand.N(tokens-1)
		if ok, err := l.take(t); ok || err != nil {
			return t, err
		}
	}
	return noToken, errors.New("100 random tokens were taken already, which cannot be chance")
}

// attendIfNeeded is attend, but does without a token where the system has none
// to give and nothing depends on it: only UntilLastClose does.
func attendIfNeeded(l locks, life Lifetime) (token, error) {
	t, err := attend(l)
	switch {
	case err == nil:
		return t, nil
	case !errors.Is(err, errors.ErrUnsupported):
		return noToken, err
	case life == UntilLastClose:
		return noToken, detail(errors.ErrUnsupported, "its lifetime is %v, and without file locks nobody can know which Close is the last: %v", life, err)
	}
	return noToken, nil
}

// maxUsers is how far users are counted. The time grows with the square of their
// number, and anybody who may read a segment can pretend to be many.
const maxUsers = 4096

// users counts the other handles that have the segment open, -1 if that cannot
// be known.
func users(l locks) int {
	n := 0
	if err := countTokens(l, 0, tokens, &n); err != nil {
		return -1
	}
	return n
}

func countTokens(l locks, from, to token, n *int) error {
	if from >= to {
		return nil
	}
	t, found, err := l.find(from, to)
	if err != nil || !found {
		return err
	}
	if *n++; *n > maxUsers {
		return errors.New("too many users to be counted")
	}
	if err := countTokens(l, from, t, n); err != nil {
		return err
	}
	return countTokens(l, t+1, to, n)
}

// leaveLast drops the token of a user of an UntilLastClose segment, and calls
// remove if that was the last. Who finds others leaves it to them, so that many
// who close at once do not wait for each other. Who finds none looks again under
// the name lock, for which Open waits before its second look at the name: either
// the one who opens has a token in time, or it finds the name gone.
func leaveLast(l locks, t token, remove func() error) error {
	if err := l.drop(t); err != nil {
		return err
	}
	if inUse, err := l.inUse(); inUse || err != nil {
		return err
	}
	if err := l.lockName(); err != nil {
		return err
	}
	defer l.unlockName()
	_, err := removeUnused(l, remove)
	if errors.Is(err, errReplaced) || errors.Is(err, fs.ErrPermission) {
		return nil // removed already, or another user's to remove
	}
	return err
}

// removeUnused calls remove if nobody has the segment open. The caller holds
// the name lock.
func removeUnused(l locks, remove func() error) (removed bool, err error) {
	inUse, err := l.inUse()
	if inUse || err != nil {
		return false, err
	}
	return true, remove()
}
