package recarray

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"runtime"
	"sync/atomic"
	"unsafe"
)

// This file is the only one that knows addresses. A column is made from a
// slice that holds all its values, and every index is checked against their
// number before it becomes an address; so no address leaves the slice.

// unaligned tells that this processor loads and stores at any address. Others
// fault or ask the system for help, so there values go byte by byte. (The
// compiler assumes no alignment for types without pointers.)
const unaligned = runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64" || runtime.GOARCH == "386" ||
	runtime.GOARCH == "ppc64" || runtime.GOARCH == "ppc64le" || runtime.GOARCH == "s390x"

// column is where the values of one field lie and how they are stored. Every
// kind of column is made of one. It has four words and no more than four
// fields, which is what the compiler keeps in registers.
type column struct {
	base   unsafe.Pointer // the first value; keeps its memory alive. nil if the values have no bytes
	stride int            // bytes from one value to the next; 0 from nil
	n      int            // values
	how
}

type how struct {
	coded    bool // a stored value is no Go value before decode made it one
	readOnly bool
}

// newColumn returns the column of field f in the records of a.
func newColumn(a *Array, f Field) column {
	c := column{n: a.n, how: how{readOnly: a.readOnly}}
	if f.DType.big != nativeBig && f.DType.order() != "|" {
		c.coded = true
	}
	if a.n > 0 && f.DType.size > 0 {
		last := a.mem[(a.n-1)*a.dt.size:][:a.dt.size]
		_ = last[f.Offset:][:f.DType.size] // the last value is all there, so every value is
		c.base, c.stride = unsafe.Pointer(&a.mem[f.Offset]), a.dt.size
	}
	return c
}

// bufferOf returns the column of values of our own.
func bufferOf[T Element](v []T) column {
	return column{base: unsafe.Pointer(unsafe.SliceData(v)), stride: int(unsafe.Sizeof(*new(T))), n: len(v)}
}

// part returns the values from i up to but without j, for 0 <= i < j <= c.n.
func (c column) part(i, j int) column {
	c.base, c.n = unsafe.Add(c.base, i*c.stride), j-i
	return c
}

// at returns the address of the value i.
func (c column) at(i int) unsafe.Pointer {
	if uint(i) >= uint(c.n) {
		panic(accessError{i, c.n})
	}
	// i is inside, so i*stride is less than the length of a slice.
	return unsafe.Add(c.base, i*c.stride)
}

// set returns the address of the value i to write to.
func (c column) set(i int) unsafe.Pointer {
	if uint(i) >= uint(c.n) || c.readOnly {
		panic(accessError{i, c.n})
	}
	return unsafe.Add(c.base, i*c.stride)
}

// bytesAt returns the size bytes at p, which at or set has given for a field of
// that size. They are the memory itself.
func bytesAt(p unsafe.Pointer, size int) []byte {
	if size == 0 {
		return nil // such a field has no address
	}
	return unsafe.Slice((*byte)(p), size)
}

// accessError is the panic of an access to the value i of n that is not allowed.
type accessError struct{ i, n int }

func (e accessError) Error() string {
	if uint(e.i) < uint(e.n) {
		return fmt.Sprintf("recarray: record %d set through a read-only view", e.i)
	}
	return fmt.Sprintf("recarray: index %d out of range of %d records", e.i, e.n)
}

// RuntimeError makes it a runtime.Error, as a slice's is.
func (accessError) RuntimeError() {}

// At returns the value of record i. It panics if there is no such record.
func (c Column[T]) At(i int) T {
	// As long as it may be to be inlined: in a loop this is one load.
	if !unaligned {
		return c.load(i)
	}
	v := *(*T)(c.c.at(i)) // the type of the field, or of the same size as decode wants it
	if c.c.coded {
		return decode(v)
	}
	return v
}

// Set writes the value of record i. It panics if there is no such record or if
// the view is read-only.
func (c Column[T]) Set(i int, v T) {
	if c.c.coded {
		v = decode(v)
	}
	if !unaligned {
		c.store(i, v)
		return
	}
	*(*T)(c.c.set(i)) = v // the field has the size of T
}

// load is At for other processors.
func (c Column[T]) load(i int) (v T) {
	copy(bytesOf(&v), bytesAt(c.c.at(i), int(unsafe.Sizeof(v))))
	if c.c.coded {
		v = decode(v)
	}
	return v
}

// store is Set for other processors, of a value as it is to be stored.
func (c Column[T]) store(i int, v T) {
	copy(bytesAt(c.c.set(i), int(unsafe.Sizeof(v))), bytesOf(&v))
}

// bytesOf returns the bytes of a variable of our own.
func bytesOf[T Element](v *T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v))
}

// trueByte has a 1 in its last byte, in memory.
var trueByte = binary.NativeEndian.Uint64([]byte{0, 0, 0, 0, 0, 0, 0, 1})

// decode turns the bytes of v round and so changes its byte order, either way.
// Of one byte, which has none, it makes 1 unless it is 0: the truth of a numpy
// bool.
func decode[T Element](v T) T {
	// v begins u, and turned round it ends it.
	var u uint64
	*(*T)(unsafe.Pointer(&u)) = v
	if u = bits.ReverseBytes64(u); unsafe.Sizeof(v) == 1 && u != 0 {
		u = trueByte
	}
	return *(*T)(unsafe.Add(unsafe.Pointer(&u), 8-unsafe.Sizeof(v)))
}

// addBlock adds floats of this machine's byte order as numpy adds a block: by
// eights, each in an accumulator of its own, then the rest in order. It is for
// processors that load unaligned values, or for aligned ones.
func addBlock[A float32 | float64](c column) A {
	i, s := 0, A(math.Copysign(0, -1))
	if p, step := c.base, c.stride; c.n >= 8 {
		r0, r1, r2, r3 := *(*A)(p), *(*A)(unsafe.Add(p, step)), *(*A)(unsafe.Add(p, 2*step)), *(*A)(unsafe.Add(p, 3*step))
		r4, r5, r6, r7 := *(*A)(unsafe.Add(p, 4*step)), *(*A)(unsafe.Add(p, 5*step)), *(*A)(unsafe.Add(p, 6*step)), *(*A)(unsafe.Add(p, 7*step))
		for i = 8; i+8 <= c.n; i += 8 { // so the values i to i+7 are there
			p = unsafe.Add(p, 8*step)
			r0 += *(*A)(p)
			r1 += *(*A)(unsafe.Add(p, step))
			r2 += *(*A)(unsafe.Add(p, 2*step))
			r3 += *(*A)(unsafe.Add(p, 3*step))
			r4 += *(*A)(unsafe.Add(p, 4*step))
			r5 += *(*A)(unsafe.Add(p, 5*step))
			r6 += *(*A)(unsafe.Add(p, 6*step))
			r7 += *(*A)(unsafe.Add(p, 7*step))
		}
		s = ((r0 + r1) + (r2 + r3)) + ((r4 + r5) + (r6 + r7))
	}
	for ; i < c.n; i++ {
		s += *(*A)(c.at(i))
	}
	return s
}

// addBlockNaN is addBlock with every NaN taken for 0 as it is loaded.
func addBlockNaN[A float32 | float64](c column) A {
	i, s := 0, A(math.Copysign(0, -1))
	if p, step := c.base, c.stride; c.n >= 8 {
		r0, r1, r2, r3 := number[A](p), number[A](unsafe.Add(p, step)), number[A](unsafe.Add(p, 2*step)), number[A](unsafe.Add(p, 3*step))
		r4, r5, r6, r7 := number[A](unsafe.Add(p, 4*step)), number[A](unsafe.Add(p, 5*step)), number[A](unsafe.Add(p, 6*step)), number[A](unsafe.Add(p, 7*step))
		for i = 8; i+8 <= c.n; i += 8 { // so the values i to i+7 are there
			p = unsafe.Add(p, 8*step)
			r0 += number[A](p)
			r1 += number[A](unsafe.Add(p, step))
			r2 += number[A](unsafe.Add(p, 2*step))
			r3 += number[A](unsafe.Add(p, 3*step))
			r4 += number[A](unsafe.Add(p, 4*step))
			r5 += number[A](unsafe.Add(p, 5*step))
			r6 += number[A](unsafe.Add(p, 6*step))
			r7 += number[A](unsafe.Add(p, 7*step))
		}
		s = ((r0 + r1) + (r2 + r3)) + ((r4 + r5) + (r6 + r7))
	}
	for ; i < c.n; i++ {
		s += number[A](c.at(i))
	}
	return s
}

func number[A float32 | float64](p unsafe.Pointer) A { return zeroNaN(*(*A)(p)) }

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
