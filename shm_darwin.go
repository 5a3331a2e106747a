package shm

import (
	"math"

	"golang.org/x/sys/unix"
)

// What is done with these calls stands in macos.go, and is tested on every
// system against a model of macOS (internal/xnu).
var native backend = macos{system{}}

// The calls of ofdLocks. macOS has them since 10.12, in its headers since 14
// (xnu, bsd/sys/fcntl.h), and x/sys not yet.
const (
	ofdSetLock = 90 // F_OFD_SETLK
	ofdGetLock = 92 // F_OFD_GETLK
)

// system are the calls of macOS.
type system struct{}

// ShmOpen's descriptor is closed on exec, as all of them are.
func (system) ShmOpen(name string, flags int, mode uint32) (fd int, err error) {
	err = untilDone(func() error { fd, err = shmOpen(name, flags, mode); return err })
	return fd, err
}

func (system) ShmUnlink(name string) error {
	return untilDone(func() error { return shmUnlink(name) })
}

func (system) Ftruncate(fd int, size int64) error {
	return untilDone(func() error { return unix.Ftruncate(fd, size) })
}

func (system) Fstat(fd int) (size int64, mode, uid uint32, err error) {
	var st unix.Stat_t
	err = untilDone(func() error { return unix.Fstat(fd, &st) })
	return st.Size, uint32(st.Mode), st.Uid, err
}

func (system) Mmap(fd, length, prot, flags int) ([]byte, error) {
	return mmap(fd, length, prot, flags)
}

func (system) Close(fd int) error { return unix.Close(fd) }

func (system) BootID() string {
	id, _ := unix.Sysctl("kern.bootsessionuuid")
	return id
}

func (system) MemSize() int64 {
	size, err := unix.SysctlUint64("hw.memsize")
	if err != nil {
		return math.MaxInt64
	}
	return int64(size)
}

// untilDone makes a call again as long as a signal interrupts it.
func untilDone(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}
