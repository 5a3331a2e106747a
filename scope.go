package shm

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync"
)

// Scope makes segments that go with it, as those of Python's
// SharedMemoryManager do: when it is closed or its context ends, the names of
// all of them are removed. With a context of [os/signal.NotifyContext] that is
// also what Ctrl-C does, as long as the program then waits for Close:
//
//	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
//	defer stop()
//	scope := shm.NewScope(ctx)
//	defer scope.Close()
//
// The end of a Scope unmaps nothing: a Segment made through it is good until
// its own Close. Before that end, closing one keeps the segment in existence
// for the processes that still want to open it. After kill -9, [Prune] removes
// what a Scope left as soon as nobody else has it open.
//
// A Scope may be used by many goroutines at once.
type Scope struct {
	stop func() bool // no longer wait for the context

	mu   sync.Mutex
	made []*handle
	over bool
	err  error // of the end
}

// NewScope returns a Scope that lasts until Close or until ctx is done.
func NewScope(ctx context.Context) *Scope {
	s := &Scope{}
	s.stop = context.AfterFunc(ctx, s.end)
	if ctx.Err() != nil {
		s.end() // AfterFunc may take its time
	}
	return s
}

// Create is the function [Create], for a segment that goes with the Scope. Its
// Lifetime is always UntilLastClose. When the Scope is over, the error is
// [fs.ErrClosed].
func (s *Scope) Create(name string, size int, o *Options) (Segment, error) {
	var opt Options
	if o != nil {
		opt = *o
	}
	opt.Lifetime = UntilLastClose
	if _, err := o.forCreate(); err != nil {
		return nil, &Error{"create", name, err}
	}
	if s.isOver() {
		return nil, &Error{"create", name, errScopeOver}
	}
	seg, err := Create(name, size, &opt)
	if err != nil {
		return nil, err
	}
	h := seg.(*handle)
	if !s.keep(h) { // it ended meanwhile
		return nil, &Error{"create", h.name, errors.Join(errScopeOver, ignoreNotExist(h.Unlink()), h.Close())}
	}
	return h, nil
}

var errScopeOver = detail(fs.ErrClosed, "its scope is over: it was closed, or its context is done")

func (s *Scope) isOver() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over
}

// keep makes the Scope responsible for a segment, unless it is over.
func (s *Scope) keep(h *handle) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return false
	}
	h.keep()
	if len(s.made) == cap(s.made) {
		s.made = slices.DeleteFunc(s.made, (*handle).gone)
	}
	s.made = append(s.made, h)
	return true
}

// Close removes the names of all segments made through the Scope, if nobody has
// done so before, and returns what went wrong with that. It may be called again.
func (s *Scope) Close() error {
	s.stop()
	s.end()
	return s.err
}

func (s *Scope) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	s.over = true
	for _, h := range s.made {
		s.err = errors.Join(s.err, ignoreNotExist(h.Unlink()), h.release())
	}
	s.made = nil
}

// keep holds the segment until release, beyond Close but not beyond Unlink.
func (h *handle) keep() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.kept = true
}

func (h *handle) release() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.kept = false
	if err := h.leaveIfDone(); err != nil {
		return &Error{"close", h.name, err}
	}
	return nil
}

// gone says whether there is nothing left to release. What has been closed here
// and unlinked elsewhere is not held any longer.
func (h *handle) gone() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.left && h.mem.Load() == nil && !h.a.hasName() {
		h.kept = false
		h.leaveIfDone() // there is no name to remove, and nobody to tell
	}
	return h.left
}

func ignoreNotExist(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
