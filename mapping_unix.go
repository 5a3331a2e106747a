//go:build linux || darwin

package shm

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// This file is where the package turns addresses into memory and back.

// mmap maps the first size bytes of what a descriptor stands for.
func mmap(fd, size, prot, flags int) ([]byte, error) {
	p, err := unix.MmapPtr(fd, 0, nil, uintptr(size), prot, flags)
	if err != nil {
		return nil, err
	}
	// Sound: the kernel has just mapped size bytes at p, outside Go's heap,
	// and they stay until unmap, which every owner of the slice calls once.
	return unsafe.Slice((*byte)(p), size), nil
}

// unmap gives the memory back. With SHM_DEBUG=1 the addresses stay taken,
// without access and without memory behind them.
func unmap(mem []byte) error {
	mapped.remove(mem)
	// Sound: mem is a slice that mmap made, so this is the address mapped.
	p, size := unsafe.Pointer(unsafe.SliceData(mem)), uintptr(len(mem))
	if os.Getenv("SHM_DEBUG") == "1" {
		_, err := unix.MmapPtr(-1, 0, p, size, unix.PROT_NONE,
			unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE|unix.MAP_FIXED)
		return os.NewSyscallError("mmap", err)
	}
	return os.NewSyscallError("munmap", unix.MunmapPtr(p, size))
}
