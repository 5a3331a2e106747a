package shm

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/seed72196e11/shm/internal/human"
	"github.com/seed72196e11/shm/internal/memroom"
	"github.com/seed72196e11/shm/internal/parallel"
)

const (
	// reserveStep is how much one fallocate takes. A signal interrupts the call
	// and undoes it, so that one for the whole size might never come to its end
	// in a program that is being profiled; this much takes a few milliseconds.
	reserveStep = 8 << 20

	// smallSize is how much may be taken between two looks at the memory
	// limits: no more than any program takes from its heap without asking.
	smallSize = 1 << 20
)

// unasked counts the bytes that were taken since the last look.
var unasked atomic.Int64

// reserve gives the empty file, which is mapped already, its size and its
// space, all of it or a NoSpaceError. What it has taken by then goes with it.
func (d *linuxDraft) reserve() error {
	dir, size := filepath.Dir(d.path), int64(len(d.mem))
	if d.opt.Init != nil && size >= smallSize && populate(d.fd, d.mem) == nil {
		return nil
	}
	for at := int64(0); at < size; {
		step := min(reserveStep, size-at)
		switch err := unix.Fallocate(d.fd, 0, at, step); err {
		case nil:
			at += step
		case unix.EINTR:
		case unix.EOPNOTSUPP, unix.ENOSYS:
			return writeZeros(d.fd, dir, size)
		default:
			return spaceError("fallocate", err, d.fd, dir, size)
		}
	}
	return nil
}

// populate takes the space of a file by entering all its pages into the page
// table, which Init needs next. Every core can do so at once, while fallocate
// has one at a time. When it fails (there is no such advice before Linux 5.14,
// a signal came, space ran out) fallocate has to go on, and says why it cannot.
func populate(fd int, mem []byte) error {
	if err := truncate(fd, len(mem)); err != nil {
		return err
	}
	return parallel.Pieces(len(mem), reserveStep, func(from, to int) error {
		return unix.Madvise(mem[from:to], unix.MADV_POPULATE_WRITE)
	})
}

// writeZeros is reserve for file systems without fallocate.
func writeZeros(fd int, dir string, size int64) error {
	zeros := make([]byte, min(size, smallSize))
	for at := int64(0); at < size; {
		n, err := unix.Pwrite(fd, zeros[:min(int64(len(zeros)), size-at)], at)
		if err != nil && err != unix.EINTR {
			return spaceError("write", err, fd, dir, size)
		}
		at += int64(max(n, 0))
	}
	return nil
}

// enoughRoom refuses what cannot succeed before anything is taken from others,
// and what the kernel would punish with a kill: memory of a tmpfs is charged to
// the memory cgroup, whose limit is a limit for the whole process.
func enoughRoom(fd int, dir string, size int64) error {
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return os.NewSyscallError("fstatfs", err)
	}
	if free, limited := freeSpace(&st); limited && free < size {
		return noSpaceIn(dir, size, free)
	}
	// The type is signed, and on some processors has 32 bits only.
	inMemory := uint32(st.Type) == unix.TMPFS_MAGIC || uint32(st.Type) == unix.RAMFS_MAGIC
	if !inMemory || unasked.Add(size) < smallSize {
		return nil
	}
	unasked.Store(0)
	if room, ok := memroom.Now(); ok && room.Free < size {
		return &NoSpaceError{Need: size, Free: room.Free, Where: room.Where,
			cure: "the kernel would kill the process; raise that limit, or free memory (unlinking segments does)"}
	}
	return nil
}

// freeSpace is what the file system can still give to this user; a tmpfs may
// be without a limit of its own.
func freeSpace(st *unix.Statfs_t) (free int64, limited bool) {
	return int64(st.Bavail) * int64(st.Bsize), st.Blocks != 0
}

// spaceError is a NoSpaceError when that is what the errno means.
func spaceError(call string, errno error, fd int, dir string, size int64) error {
	switch errno {
	case unix.ENOSPC, unix.EDQUOT, unix.ENOMEM:
		var free int64
		var st unix.Statfs_t
		if unix.Fstatfs(fd, &st) == nil {
			free, _ = freeSpace(&st)
		}
		return noSpaceIn(dir, size, free)
	}
	if errno == unix.EFBIG {
		return detail(errno, "%s are more than this process may give a file (ulimit -f) or the file system can hold", human.Bytes(size))
	}
	return os.NewSyscallError(call, errno)
}

func noSpaceIn(dir string, size, free int64) error {
	return &NoSpaceError{Need: size, Free: free, Where: dir,
		cure: fmt.Sprintf("unlink segments no longer needed, or enlarge it (mount -o remount,size=… %s; docker run --shm-size=…)", dir)}
}
