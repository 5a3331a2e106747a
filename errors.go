package shm

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/seed72196e11/shm/internal/human"
)

// Where the system has a word for what went wrong, errors.Is finds that word:
// [fs.ErrExist], [fs.ErrNotExist], [fs.ErrPermission], [fs.ErrClosed],
// [fs.ErrInvalid], [errors.ErrUnsupported]. These are the package's own.
var (
	// ErrNoSpace: the memory asked for cannot be had. See [NoSpaceError].
	ErrNoSpace = errors.New("not enough shared memory")

	// ErrFault: the memory could not be reached, see [Guard].
	ErrFault = errors.New("memory fault")

	// ErrForeign: what has the name is not a segment that this library can use.
	ErrForeign = errors.New("not a shared-memory segment")

	// ErrUnfinished: the segment has size 0; its creator, a program without
	// this library, has not finished it or died on the way. On Windows also one
	// of ours that the machine stopped before it was written. Unlink removes it.
	ErrUnfinished = errors.New("unfinished segment")

	// ErrNameLost: the segment is still mapped here, but its name is gone and
	// nobody unlinked it through this library. Python's resource tracker
	// does that when a program exits, systemd's RemoveIPC when a user logs out.
	ErrNameLost = errors.New("name lost")

	// ErrTooLarge: the segment is larger than this process can map.
	ErrTooLarge = errors.New("segment too large")

	// ErrTooSmall: OpenOrCreate found a segment smaller than asked for.
	ErrTooSmall = errors.New("segment too small")
)

// Error says what was being done to which segment when it failed.
type Error struct {
	Op   string // "create", "open", "unlink", …
	Name string // the segment; empty for List
	Err  error
}

func (e *Error) Error() string {
	if e.Name == "" {
		return fmt.Sprintf("shm: %s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("shm: %s %q: %v", e.Op, e.Name, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// NoSpaceError says how much memory a Create needed and how much there was.
// errors.Is finds [ErrNoSpace] in it.
type NoSpaceError struct {
	Need  int64  // bytes asked for
	Free  int64  // bytes that could have been had
	Where string // what ran out: a directory, "memory cgroup /x", "this machine's memory"

	cure string
}

func (e *NoSpaceError) Error() string {
	return fmt.Sprintf("%s wanted, %s free in %s: %s", human.Bytes(e.Need), human.Bytes(e.Free), e.Where, e.cure)
}

func (e *NoSpaceError) Unwrap() error { return ErrNoSpace }

// detailed is an error of a known kind with a sentence of its own.
type detailed struct {
	kind error
	text string
}

func (e *detailed) Error() string { return e.text }
func (e *detailed) Unwrap() error { return e.kind }

// detail says what went wrong in a sentence; errors.Is finds kind in it.
func detail(kind error, format string, args ...any) error {
	return &detailed{kind, fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) error {
	return detail(fs.ErrInvalid, format, args...)
}
