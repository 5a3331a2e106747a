package shm

import (
	"io/fs"
	"math/rand/v2"
	"strconv"
	"time"
)

// backend is all this package asks of an operating system; native is the one
// it was built for.
//
// Names and sizes arrive checked, and Options with their defaults. A backend
// moves pages about and never looks inside them. Its errors name the call that
// failed or are a sentence; the public functions add the operation and the
// segment, once.
type backend interface {
	// draft makes a segment that nobody can open yet: zero bytes, exactly size
	// of them, with its mode and, unless Sparse, its space. It may answer
	// fs.ErrExist early, so that nothing is filled in vain; publish decides.
	draft(name string, size int, o Options) (draft, error)

	// attach maps the segment that has the name now.
	attach(name string, o Options) (attachment, error)

	unlink(name string) error
	stat(name string) (Info, error)
	list() ([]Info, error)

	// prune removes what Prune promises, and returns it even with an error.
	prune() ([]Info, error)
}

// draft is a segment before its publication. Exactly one of publish, when it
// succeeds, and discard ends it.
type draft interface {
	// memory is what Init fills; it is asked for only if there is an Init.
	memory() []byte

	// publish gives the draft its name, whole and at once, or fails with
	// fs.ErrExist. With ReadOnly the attachment's memory can no longer be
	// written.
	publish() (attachment, error)

	// discard gives everything back, as if the draft had never been.
	discard()
}

// attachment is one mapped view of a published segment. Its calls come one at a
// time: unmap and then leave, once each, stat before leave, unlink at any time.
type attachment interface {
	memory() []byte

	// stat describes this very segment, with ErrNameLost as Segment.Stat has it.
	stat() (Info, error)

	// unlink removes the name if it is still this segment's, before or after
	// leave; else it is fs.ErrNotExist.
	unlink() error

	// hasName says whether the name still leads to this segment, as far as that
	// can be told.
	hasName() bool

	// unmap gives the memory back. This process is still one of the segment's
	// users.
	unmap() error

	// leave ends that, and gives the segment's handles back. The last user of
	// an UntilLastClose segment takes the name away.
	leave() error
}

// What every backend has to say of names.
var (
	errTaken = detail(fs.ErrExist, "there is a segment of this name already: open it, unlink it, or take another name")

	// errReplaced: the path no longer leads to what was opened there.
	errReplaced = detail(fs.ErrNotExist, "its name is gone, or belongs to a newer segment")
)

func anothers(owner string) error {
	return detail(fs.ErrPermission, "it belongs to user %s, who could change it under you: Options.AnyOwner accepts that", owner)
}

func tooLarge(size int64) error {
	return detail(ErrTooLarge, "it has %d bytes, more than a %d-bit process can map", size, strconv.IntSize)
}

// noRoom is for what is not too large for its kind of process, but for this one.
func noRoom(size int64, why error) error {
	return detail(ErrTooLarge, "it has %d bytes, for which this process has no room among its addresses, or by its limits: %v", size, why)
}

// nameLost ends with whom to suspect.
func nameLost(suspects string) error {
	return detail(ErrNameLost, "its name is gone or belongs to another segment, and no user of this library unlinked it: %s", suspects)
}

// patience is how long a call waits for another process: for a name lock, or
// for a foreign creator to size its segment.
const patience = time.Second

// namePatience is how long a call waits for the name lock on macOS and Windows,
// where it takes many calls, or a copy of the memory, to give a name or to take
// it away.
const namePatience = 10 * patience

// racePatience is how long OpenOrCreate goes on while others have the name and
// have it not. On macOS they may be copying a large segment into place.
const racePatience = 10 * patience

// poll asks try until it says that it is done or the limit has passed, and
// returns try's last answer. It sleeps in between rather than parking a thread
// in the kernel, longer and longer, with chance in it so that two of them do
// not keep step.
func poll(limit time.Duration, try func() (done bool, err error)) (bool, error) {
	deadline := time.Now().Add(limit)
	for pause := 50 * time.Microsecond; ; pause = min(2*pause, 10*time.Millisecond) {
		done, err := try()
		if done || time.Now().After(deadline) {
			return done, err
		}
		time.Sleep(pause/2 + rand.N(pause))
	}
}
