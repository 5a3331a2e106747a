package shmtest

import (
	"sync/atomic"
	"unsafe"

	"github.com/seed72196e11/shm"
)

// ticketsOf is the counter that a segment holds.
func ticketsOf(seg shm.Segment) *atomic.Uint64 {
	// Sound: the memory begins at a page and has 8 bytes.
	return (*atomic.Uint64)(unsafe.Pointer(unsafe.SliceData(seg.Bytes())))
}
