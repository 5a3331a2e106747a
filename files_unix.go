//go:build linux || darwin

package shm

import "golang.org/x/sys/unix"

// openFile is open(2) again until no signal interrupts it. The descriptor does
// not reach programs that this one starts.
func openFile(path string, flags int, mode uint32) (int, error) {
	for {
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, mode)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

var errUnsized = detail(ErrUnfinished, "its size is still 0 after %v: its creator has not finished it, or died; unlink it if so", patience)
