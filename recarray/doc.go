// Package recarray sees bytes as a table of records described by a numpy
// dtype, bit for bit as numpy.recarray sees them.
//
// The bytes may lie anywhere: shared memory, a mapped file, a Go slice. A view
// copies nothing and owns nothing; it ends when its memory does. Another
// process may write the memory at any moment, so nothing read from it is
// trusted: no length, no header, no text. No Go string or dtype that the
// package hands out refers to the memory.
//
//	dt, err := recarray.ParseDType(`[('date', '<M8[ns]'), ('val', '<f8'), ('sym', 'S6')]`)
//	a, err := recarray.New(buf, dt, n)           // numpy.recarray(shape=n, dtype=dt, buf=buf)
//	val, err := recarray.Col[float64](a, "val")  // typed, checked once, zero copy
//	total := recarray.NanSum(val)                // the bits of numpy.nansum(a.val), see Sum
//
// [CreateNPY] and [OpenNPY] keep dtype and length beside the records, in the
// form of a .npy file, so that a reader needs nothing but the bytes.
//
// # Errors and panics
//
// What another process, a file or a text got wrong is an error. What numpy
// knows and this package does not yet wraps [errors.ErrUnsupported]. A broken
// promise of the caller panics, as a slice does: an index out of range, a Set
// through a read-only view.
//
// # Concurrency
//
// A view is a value without locks. Any number of goroutines and processes may
// read it together; a value written meanwhile may be seen half written, as
// records are packed and stores of them tear.
package recarray
