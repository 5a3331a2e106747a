package shm

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// shm_open(2) and shm_unlink(2) are called in libSystem, as x/sys calls what is
// there, without cgo: numbers of system calls are no interface of macOS. In the
// assembler file stands a jump to each.

//go:cgo_import_dynamic libc_shm_open shm_open "/usr/lib/libSystem.B.dylib"
//go:cgo_import_dynamic libc_shm_unlink shm_unlink "/usr/lib/libSystem.B.dylib"

// The addresses of the jumps.
var (
	libc_shm_open_trampoline_addr   uintptr
	libc_shm_unlink_trampoline_addr uintptr
)

// syscall_syscall calls a function of libSystem with three arguments. It has to
// be this one for shm_open(const char *, int, ...): on arm64 the mode is read
// from the stack, where of the runtime's ways to call only this one puts a third
// argument.
//
//go:linkname syscall_syscall syscall.syscall
func syscall_syscall(fn, a1, a2, a3 uintptr) (r1, r2 uintptr, err unix.Errno)

func shmOpen(name string, flags int, mode uint32) (int, error) {
	p, err := unix.BytePtrFromString(name)
	if err != nil {
		return -1, err
	}
	// Sound: the pointer is converted in the call, which keeps what it points
	// to alive and in place; shm_open reads up to the NUL and keeps nothing.
	fd, _, errno := syscall_syscall(libc_shm_open_trampoline_addr, uintptr(unsafe.Pointer(p)), uintptr(flags), uintptr(mode))
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

func shmUnlink(name string) error {
	p, err := unix.BytePtrFromString(name)
	if err != nil {
		return err
	}
	// Sound: as in shmOpen.
	_, _, errno := syscall_syscall(libc_shm_unlink_trampoline_addr, uintptr(unsafe.Pointer(p)), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
