package shm

import (
	"reflect"
	"runtime"
	"runtime/debug"
	"sync"
)

// Guard runs f and returns its error; a memory fault inside a mapped segment
// comes back as [ErrFault] instead of ending the program. Such a fault means
// that another process truncated the segment, that a Sparse segment found no
// page left, or a write to read-only memory.
//
// f is left at the faulting access, so its own deferred calls run and nothing
// after it does. Every other panic passes through, a fault outside the mapped
// segments (after Close, say) as well. Guard speaks for its own goroutine: one
// that f starts needs a Guard of its own. A fault in a system call, as in
// writing Bytes to a file, is that call's own error (EFAULT).
func Guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if name, offset, ok := faultInSegment(p); ok {
			err = &Error{"access", name, detail(ErrFault, "memory fault at byte %d: another process truncated the segment, "+
				"its space ran out, or it is read-only", offset)}
			return
		}
		panic(p)
	}()
	return f()
}

// faultInSegment says which mapped segment a recovered panic is about.
func faultInSegment(p any) (name string, offset int, ok bool) {
	fault, ok := p.(interface {
		runtime.Error
		Addr() uintptr
	})
	if !ok {
		return "", 0, false
	}
	return mapped.find(fault.Addr())
}

// mapped knows every mapping of this process, for Guard alone: nothing else
// asks by address.
var mapped mappings

type mappings struct {
	mu  sync.RWMutex
	set map[uintptr]namedLen
}

type namedLen struct {
	name string
	len  int
}

func (m *mappings) add(name string, mem []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.set == nil {
		m.set = make(map[uintptr]namedLen)
	}
	m.set[base(mem)] = namedLen{name, len(mem)}
}

func (m *mappings) remove(mem []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.set, base(mem))
}

// find looks at each mapping: there are few, and a fault is rare.
func (m *mappings) find(addr uintptr) (name string, offset int, ok bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for at, s := range m.set {
		if addr-at < uintptr(s.len) { // below at it wraps round and is large
			return s.name, int(addr - at), true
		}
	}
	return "", 0, false
}

// base is where mem begins, as a number to compare a fault's address with.
func base(mem []byte) uintptr { return reflect.ValueOf(mem).Pointer() }
