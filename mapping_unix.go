//go:build linux || darwin

package shm

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// This file is where the package turns addresses into memory and back.

// mapFile maps the first size bytes of what a descriptor stands for, shared, and
// registers them with Guard under the segment's name.
func mapFile(name string, fd, size int, readOnly bool) ([]byte, error) {
	prot := unix.PROT_READ | unix.PROT_WRITE
	if readOnly {
		prot = unix.PROT_READ
	}
	p, err := unix.MmapPtr(fd, 0, nil, uintptr(size), prot, unix.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	// Sound: the kernel has just mapped size bytes at p, outside Go's heap,
	// and they stay until unmap, which every owner of the slice calls once.
	mem := unsafe.Slice((*byte)(p), size)
	mapped.add(name, mem)
	return mem, nil
}

// unmap gives the memory back. With SHM_DEBUG=1 the addresses stay taken,
// without access and without memory behind them.
func unmap(mem []byte) error {
	mapped.remove(mem)
	// Sound: mem is a slice that mapFile made, so this is the address mapped.
	p, size := unsafe.Pointer(unsafe.SliceData(mem)), uintptr(len(mem))
	if os.Getenv("SHM_DEBUG") == "1" {
		_, err := unix.MmapPtr(-1, 0, p, size, unix.PROT_NONE,
			unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE|unix.MAP_FIXED)
		return os.NewSyscallError("mmap", err)
	}
	return os.NewSyscallError("munmap", unix.MunmapPtr(p, size))
}
