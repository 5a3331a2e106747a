package recarray

import (
	"encoding/binary"
	"math/bits"
	"sync/atomic"
	"unsafe"
)

// This file is the only one that knows addresses. A cells is made from a slice
// that holds all its values, and every index is checked against their number
// before it becomes an address; so no address leaves the slice. Values are
// loaded and stored as arrays of bytes, which have no alignment to break; where
// the processor allows it, the compiler makes one instruction of them.

// cells is where the values of one field lie: n of them, stride bytes apart.
type cells struct {
	base   unsafe.Pointer // the first value; keeps its memory alive. nil if there is no byte to point at
	n      int
	stride int
}

// makeCells returns the cells of the field f in n records of size bytes, which
// lie in mem from its start and were checked to fit in.
func makeCells(mem []byte, f Field, n, size int) cells {
	c := cells{nil, n, size}
	if n > 0 && f.DType.size > 0 {
		last := mem[(n-1)*size:][:size]
		_ = last[f.Offset:][:f.DType.size] // all of the last value is there, so all of every value is
		c.base = unsafe.Pointer(&mem[f.Offset])
	}
	return c
}

// at returns the address of the value i.
func (c cells) at(i int) unsafe.Pointer {
	if uint(i) >= uint(c.n) {
		panic(indexError{i, c.n})
	}
	// i is inside, so i*stride is less than the length of a slice.
	return unsafe.Add(c.base, i*c.stride)
}

// bytes returns the size bytes of the value i. They are the memory itself.
func (c cells) bytes(i, size int) []byte {
	p := c.at(i)
	if c.base == nil {
		return nil // a field of no bytes, which has no address
	}
	return unsafe.Slice((*byte)(p), size)
}

// load returns the value at p in this machine's byte order. T is no bool
// unless the byte there is 0 or 1.
func load[T Element](p unsafe.Pointer) T {
	var v T
	// Every v and u below has the same size, and any bits are a value of T.
	switch unsafe.Sizeof(v) {
	case 1:
		return *(*T)(p)
	case 2:
		u := binary.NativeEndian.Uint16((*[2]byte)(p)[:])
		return *(*T)(unsafe.Pointer(&u))
	case 4:
		u := binary.NativeEndian.Uint32((*[4]byte)(p)[:])
		return *(*T)(unsafe.Pointer(&u))
	default:
		u := binary.NativeEndian.Uint64((*[8]byte)(p)[:])
		return *(*T)(unsafe.Pointer(&u))
	}
}

// store writes v to p in this machine's byte order.
func store[T Element](p unsafe.Pointer, v T) {
	switch unsafe.Sizeof(v) {
	case 1:
		*(*T)(p) = v
	case 2:
		binary.NativeEndian.PutUint16((*[2]byte)(p)[:], *(*uint16)(unsafe.Pointer(&v)))
	case 4:
		binary.NativeEndian.PutUint32((*[4]byte)(p)[:], *(*uint32)(unsafe.Pointer(&v)))
	default:
		binary.NativeEndian.PutUint64((*[8]byte)(p)[:], *(*uint64)(unsafe.Pointer(&v)))
	}
}

// swap turns the bytes of v round.
func swap[T Element](v T) T {
	switch unsafe.Sizeof(v) {
	case 2:
		u := bits.ReverseBytes16(*(*uint16)(unsafe.Pointer(&v)))
		return *(*T)(unsafe.Pointer(&u))
	case 4:
		u := bits.ReverseBytes32(*(*uint32)(unsafe.Pointer(&v)))
		return *(*T)(unsafe.Pointer(&u))
	case 8:
		u := bits.ReverseBytes64(*(*uint64)(unsafe.Pointer(&v)))
		return *(*T)(unsafe.Pointer(&u))
	}
	return v
}

// truth returns the numpy bool at p, whose byte may be anything: every value
// but 0 is true. T is bool.
func truth[T Element](p unsafe.Pointer) T {
	b := *(*uint8)(p) != 0
	return *(*T)(unsafe.Pointer(&b)) // a bool made by Go is 0 or 1
}

// cellsOf returns the cells of a buffer of our own.
func cellsOf[T Element](v []T) cells {
	return cells{unsafe.Pointer(unsafe.SliceData(v)), len(v), int(unsafe.Sizeof(*new(T)))}
}

// part returns the values from i up to j, which the caller knows are there.
func (c cells) part(i, j int) cells {
	return cells{unsafe.Add(c.base, i*c.stride), j - i, c.stride}
}

// loadHead returns the first 8 bytes of b in their order, in one piece: another
// process may be about to publish them.
func loadHead(b []byte) (head [8]byte) {
	p := unsafe.Pointer(&b[:8][0])
	if uintptr(p)%8 == 0 {
		// Aligned, and 8 bytes long as just checked.
		binary.NativeEndian.PutUint64(head[:], atomic.LoadUint64((*uint64)(p)))
		return head
	}
	return [8]byte(b)
}

// storeHead writes the first 8 bytes of b, in one piece and after everything
// written before if b is aligned to 8 bytes, as the start of a mapping is.
func storeHead(b []byte, head [8]byte) {
	p := unsafe.Pointer(&b[:8][0])
	if uintptr(p)%8 == 0 {
		// Aligned, and 8 bytes long as just checked.
		atomic.StoreUint64((*uint64)(p), binary.NativeEndian.Uint64(head[:]))
		return
	}
	copy(b, head[:])
}
