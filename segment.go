// Package shm is memory that several processes share by name, without cgo.
//
// One process says [Create], every other one [Open], and all of them look at
// the same bytes through [Segment.Bytes]. Python's
// multiprocessing.shared_memory finds the same segments under the same names.
// A segment lives until somebody says Unlink, unless it was made to go with its
// last user ([UntilLastClose], [Scope]): no process removes it by exiting, and
// Close only leaves it.
//
//	seg, err := shm.Create("", 1<<20, nil) // a fresh name, one MiB of zeros
//	if err != nil {
//		return err
//	}
//	defer seg.Close()
//	copy(seg.Bytes(), "hello")
//	fmt.Println(seg.Name()) // for the other process: shm.Open(name, nil)
//
// What is promised stands at [Segment]; what is not: bytes written by one
// process while another reads them may be seen half written (use atomics or a
// lock of your own), nothing is durable, and a peer that truncates the memory
// makes an access fault ([Guard] turns that into an error).
package shm

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Segment is this process's view of a named block of shared memory. It may be
// used by many goroutines at once.
//
// These promises hold on every system that is supported, and the test suite
// checks them under these names:
//
//   - fresh: Create gives exactly the size asked for, all zero bytes, and then
//     runs Options.Init on them.
//   - exclusive: Create of a taken name is [fs.ErrExist]; of two racing
//     Creates one wins.
//   - whole, filled: nobody can open a segment that is half made or whose Init
//     has not returned: until then the name does not exist.
//   - shared: a byte stored through one Segment is seen through all others, in
//     any process.
//   - close leaves: after Close, Bytes is nil and a second Close is
//     [fs.ErrClosed]; everybody else is undisturbed.
//   - exit leaves: no process removes a segment by exiting or being killed. It
//     lives until Unlink, or until the machine restarts (on Windows beyond that).
//   - users: [Info] counts who has a segment open, and a killed process does
//     not count.
//   - until last close: with Options.Lifetime that is when the name goes, and
//     never while somebody has the segment open. [Prune] removes what processes
//     left that ended without Close, and nothing that is in use; a [Scope]
//     removes all that was made through it.
//   - unlink frees the name: at once, while users keep their memory. Create
//     may take the name again and gets new memory. A stale Segment's Unlink
//     never removes a newer segment; that, and a second Unlink, is
//     [fs.ErrNotExist]. Whoever may open a segment can delay its Unlink by a
//     second, with a lock on its file, and then it fails and says so.
//   - reserved: the space is taken at Create. If there is too little, Create is
//     a [*NoSpaceError] and leaves nothing behind; no later write is killed for
//     want of memory. Options.Sparse opts out.
//   - exact size: Open shows the size given to Create.
//   - private: only whom Options.Mode names can open it, whatever the umask;
//     what is not a regular segment of this user or root is refused.
//   - read-only means it: the system enforces Options.ReadOnly.
//   - names: the same rule everywhere, see [Create].
//
// # Notes
//
// Linux: a segment is a file in /dev/shm (or in the directory that the
// environment variable SHM_DIR names), as with shm_open(3).
//
// macOS: a segment is an object of shm_open(2). Its exact size, its Lifetime,
// its users and that it is there at all stand in a registry of this user, since
// the system tells nobody: a directory "shm" among the user's caches (last
// resort /tmp/shm-UID), or what SHM_DIR names. Users who share segments find
// them by name without sharing a registry, but then see sizes in whole pages,
// and a last Close knows only the users in its own. With an SHM_DIR that all of
// them may write to (mode 1777) they have all of it. Where the registry is lost
// that is lost, no memory and no name is. What else differs:
//
//   - Programs without this library, and users with another registry, see a
//     multiple of 16 KiB, and may meet a segment while Create copies into it what
//     Init has left. For that moment it needs its memory twice.
//   - The system reserves nothing: Create refuses more than the machine's
//     memory, and Sparse means nothing.
//   - What a stranger unlinks and makes anew with the same size, mode and owner
//     cannot be told from what it was before.
//   - The end of a login session may remove the names of its user's segments.
//
// Windows: a segment is a file in the folder shm\segments of the user's local
// application data, or in the directory that SHM_DIR names, since Windows keeps
// no memory that nobody has open. So a segment outlives a restart of the
// machine, as far as Windows had written it by then: one that it had not is
// [ErrUnfinished] or holds old bytes. The directory must be on a local drive: files
// of other machines are not shared memory. It is its owner's alone: the only Mode is 0600, any other is
// [errors.ErrUnsupported]. Python in the same session finds a segment under its
// name, with a size of whole pages, while somebody has it open through this
// library. After Unlink the name may still lead Python to the old memory, until
// all who have that open have left; a new segment of the name is hidden from
// Python until somebody opens it after that. What Python itself creates goes
// with its last user: Open finds it, also with a size of whole pages, and Unlink
// is [ErrForeign]. So is Open when Python has created something under the name of
// a segment that nobody had open.
//
// Other systems answer [errors.ErrUnsupported] so far.
//
// With SHM_DEBUG=1 in the environment, Close keeps the addresses reserved
// without access, so that a stale use of Bytes faults every time instead of
// meeting whatever was mapped there next.
type Segment interface {
	// Name is the segment's name, without a slash.
	Name() string

	// Size is the segment's size in bytes, as given to Create. It stays after
	// Close.
	Size() int

	// Bytes is the shared memory, len(Bytes()) == Size(); nil after Close.
	// Slices of it end with Close: do not use them afterwards. Nothing unmaps
	// the memory but Close, so a live slice is safe even when the Segment
	// itself is garbage. Never append to it, and never store Go pointers in it.
	Bytes() []byte

	// ReadOnly says whether Bytes may only be read: a write faults.
	ReadOnly() bool

	// Stat describes this very segment, whatever has its name now. When the
	// name is gone or taken by another and nobody unlinked this segment through
	// this library, the error is [ErrNameLost] and the Info is still good.
	Stat() (Info, error)

	// Close leaves the segment: it unmaps the memory here and does not disturb
	// other users. It touches the name only of an [UntilLastClose] segment that
	// nobody else has open. A second Close is [fs.ErrClosed].
	Close() error

	// Unlink removes the name, before or after Close; the memory stays until
	// the last user leaves. When the name is gone already, or belongs to a
	// newer segment, the error is [fs.ErrNotExist] and nothing is removed.
	Unlink() error

	segment() // only this package implements Segment, so that it can grow
}

// Create makes a segment of size zero bytes under name and maps it. An empty
// name takes a fresh [NewName].
//
// A name is 1 to 30 characters out of A-Z a-z 0-9 . _ -, does not start with a
// dot or "sem.", and is case-sensitive; that is what every system can hold
// (macOS allows 31 bytes with its leading slash).
//
// Errors: [fs.ErrInvalid] for a bad name, a size below 1 or options without
// meaning here; [fs.ErrExist] for a taken name; [ErrNoSpace] (as a
// [*NoSpaceError] where bytes are short) when the memory cannot be had; whatever Init returned. After
// an error, or a panic in Init, there is no segment.
func Create(name string, size int, o *Options) (Segment, error) {
	if name == "" {
		name = NewName()
	}
	seg, err := create(name, size, o)
	if err != nil {
		return nil, &Error{"create", name, err}
	}
	return seg, nil
}

func create(name string, size int, o *Options) (Segment, error) {
	opt, err := o.forCreate()
	if err != nil {
		return nil, err
	}
	if err := checkNew(name, size); err != nil {
		return nil, err
	}
	return build(name, size, opt)
}

// build is Create after its arguments have been checked.
func build(name string, size int, opt Options) (Segment, error) {
	d, err := native.draft(name, size, opt)
	if err != nil {
		return nil, err
	}
	published := false
	defer func() {
		if !published { // an error, a panic in Init, or its runtime.Goexit
			d.discard()
		}
	}()
	if opt.Init != nil {
		if err := opt.Init(d.memory()); err != nil {
			return nil, fmt.Errorf("filling it: %w", err)
		}
	}
	a, err := d.publish()
	if err != nil {
		return nil, err
	}
	published = true
	return newHandle(name, a, opt.ReadOnly), nil
}

// Open maps the segment that has the name now. The name may be any that the
// system can hold, so that Python's segments are reachable too.
//
// A segment of size 0 is one that a program without this library is still
// making: Open waits for it, at most a second.
//
// Errors: [fs.ErrNotExist]; [fs.ErrPermission], also for another user's segment
// unless Options.AnyOwner; [fs.ErrInvalid] for a bad name or options without
// meaning here; [ErrForeign] when what has the name is no segment (a link, a
// directory, a pipe); [ErrUnfinished]; [ErrTooLarge]. An Open that fails removes
// nothing.
func Open(name string, o *Options) (Segment, error) {
	seg, err := open(name, o)
	if err != nil {
		return nil, &Error{"open", name, err}
	}
	return seg, nil
}

func open(name string, o *Options) (Segment, error) {
	opt, err := o.forOpen()
	if err != nil {
		return nil, err
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	return attach(name, opt)
}

// attach is Open after its arguments have been checked.
func attach(name string, opt Options) (Segment, error) {
	a, err := native.attach(name, opt)
	if err != nil {
		return nil, err
	}
	return newHandle(name, a, opt.ReadOnly), nil
}

// OpenOrCreate opens the segment of that name, or creates it if there is none;
// created says which. Of many callers at once exactly one creates, and the
// others get its segment after its Init has returned.
//
// A segment that is there keeps its size: a smaller one is [ErrTooSmall] (and has
// been opened and closed by then, which may be the last Close of an
// UntilLastClose one), a larger one is opened as it is. Options may hold what either call knows. The
// name follows Create's rule and must not be empty. The other errors are those
// of [Create] and [Open].
func OpenOrCreate(name string, size int, o *Options) (seg Segment, created bool, err error) {
	seg, created, err = openOrCreate(name, size, o)
	if err != nil {
		return nil, false, &Error{"open or create", name, err}
	}
	return seg, created, nil
}

func openOrCreate(name string, size int, o *Options) (seg Segment, created bool, err error) {
	opt, err := o.forOpenOrCreate()
	if err != nil {
		return nil, false, err
	}
	if err := checkNew(name, size); err != nil {
		return nil, false, err
	}
	// Between the two calls the name may come and go; a program that does so
	// for longer than the patience is not one to wait for.
	ok, err := poll(racePatience, func() (bool, error) {
		if seg, err = attach(name, opt); !errors.Is(err, fs.ErrNotExist) {
			return true, err
		}
		seg, err = build(name, size, opt)
		created = err == nil
		if errors.Is(err, fs.ErrExist) { // somebody was faster
			seg, err = attach(name, opt)
		}
		return !errors.Is(err, fs.ErrNotExist), err
	})
	switch {
	case !ok:
		return nil, false, fmt.Errorf("the name came and went for %v: %w", racePatience, err)
	case err != nil:
		return nil, false, err
	case seg.Size() < size:
		has := seg.Size()
		return nil, false, errors.Join(detail(ErrTooSmall, "it has %d bytes, %d are wanted", has, size), seg.Close())
	}
	return seg, created, nil
}

// Unlink removes the name; the memory stays until its last user leaves. The
// name may be any that the system can hold.
//
// Errors: [fs.ErrNotExist]; [fs.ErrPermission]; [fs.ErrInvalid] for a bad name;
// [ErrForeign] when what has the name is no segment.
func Unlink(name string) error {
	err := checkName(name)
	if err == nil {
		err = native.unlink(name)
	}
	if err != nil {
		return &Error{"unlink", name, err}
	}
	return nil
}

// Stat describes the segment that has the name now, without opening it. The
// errors are those of [Unlink].
func Stat(name string) (Info, error) {
	err := checkName(name)
	if err != nil {
		return Info{}, &Error{"stat", name, err}
	}
	info, err := native.stat(name)
	if err != nil {
		return Info{}, &Error{"stat", name, err}
	}
	return info, nil
}

// Prune removes what nobody will ever remove otherwise, and returns it:
// UntilLastClose segments whose users were all killed, or ended without Close,
// and what creators that were killed left half made. It touches only what
// belongs to this user, nothing that is in use, and no UntilUnlink segment.
//
// An error about one of them does not keep it from the others; then both
// results are to be looked at. A process that is stopped is alive, and so is
// one in another container that shares the directory.
func Prune() ([]Info, error) {
	infos, err := native.prune()
	sortByName(infos)
	if err != nil {
		err = &Error{Op: "prune", Err: err}
	}
	return infos, err
}

// List describes every segment there is, sorted by name.
//
// Linux: the regular files of the directory but hidden ones and semaphores
// ("sem."), of every user and every program. macOS: what was made through this
// library or is open through it, as far as the registry knows (see [Segment]).
// Windows: the segments that this library made.
func List() ([]Info, error) {
	infos, err := native.list()
	if err != nil {
		return nil, &Error{Op: "list", Err: err}
	}
	sortByName(infos)
	return infos, nil
}

func sortByName(infos []Info) {
	slices.SortFunc(infos, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
}

// handle is the Segment of every backend: what there is to know about Close
// stands here, once.
type handle struct {
	name     string
	size     int
	readOnly bool

	mem atomic.Pointer[[]byte] // nil once closed

	mu       sync.Mutex // the attachment does one thing at a time, and may wait for a lock
	a        attachment
	kept     bool // by a Scope, for its name's sake
	unlinked bool
	left     bool
}

func newHandle(name string, a attachment, readOnly bool) *handle {
	mem := a.memory()
	h := &handle{name: name, size: len(mem), readOnly: readOnly, a: a}
	h.mem.Store(&mem)
	return h
}

func (h *handle) Name() string   { return h.name }
func (h *handle) Size() int      { return h.size }
func (h *handle) ReadOnly() bool { return h.readOnly }
func (h *handle) segment()       {}

func (h *handle) Bytes() []byte {
	if mem := h.mem.Load(); mem != nil {
		return *mem
	}
	return nil
}

func (h *handle) Stat() (Info, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mem.Load() == nil {
		return Info{}, &Error{"stat", h.name, fs.ErrClosed}
	}
	info, err := h.a.stat()
	if err != nil {
		return info, &Error{"stat", h.name, err}
	}
	return info, nil
}

func (h *handle) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mem.Swap(nil) == nil {
		return &Error{"close", h.name, fs.ErrClosed}
	}
	if err := errors.Join(h.a.unmap(), h.leaveIfDone()); err != nil {
		return &Error{"close", h.name, err}
	}
	return nil
}

// leaveIfDone leaves the segment once it is closed and no Scope keeps its name.
func (h *handle) leaveIfDone() error {
	if h.left || h.mem.Load() != nil || h.kept && !h.unlinked {
		return nil
	}
	h.left = true
	return h.a.leave()
}

func (h *handle) Unlink() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	err := h.a.unlink()
	if err == nil {
		h.unlinked = true
		err = h.leaveIfDone()
	}
	if err != nil {
		return &Error{"unlink", h.name, err}
	}
	return nil
}
