package shmtest

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// denial is a system call that fails, always or when an argument looks so.
type denial struct {
	call  uintptr
	arg   int    // counted from 0
	mask  uint32 // of the argument's low half, which must equal value
	value uint32
	errno unix.Errno
}

const tmpfileFlag = unix.O_TMPFILE &^ unix.O_DIRECTORY

// denials are what a kernel or a file system may lack, and what may fail.
var denials = map[string]denial{
	"no O_TMPFILE":        {unix.SYS_OPENAT, 2, tmpfileFlag, tmpfileFlag, unix.EOPNOTSUPP},
	"no fallocate":        {unix.SYS_FALLOCATE, 0, 0, 0, unix.EOPNOTSUPP},
	"no AT_EMPTY_PATH":    {unix.SYS_LINKAT, 4, unix.AT_EMPTY_PATH, unix.AT_EMPTY_PATH, unix.ENOENT},
	"no /proc":            {unix.SYS_LINKAT, 4, unix.AT_SYMLINK_FOLLOW, unix.AT_SYMLINK_FOLLOW, unix.ENOENT},
	"no hard links":       {unix.SYS_LINKAT, 4, ^uint32(0), 0, unix.EPERM},
	"no populate":         {unix.SYS_MADVISE, 2, ^uint32(0), unix.MADV_POPULATE_WRITE, unix.EINVAL},
	"failing open":        {unix.SYS_OPENAT, 2, unix.O_RDWR, unix.O_RDWR, unix.EMFILE},
	"failing fchmod":      {unix.SYS_FCHMOD, 0, 0, 0, unix.EIO},
	"failing fstatfs":     {fstatfs, 0, 0, 0, unix.EIO},
	"failing fallocate":   {unix.SYS_FALLOCATE, 0, 0, 0, unix.EIO},
	"full fallocate":      {unix.SYS_FALLOCATE, 0, 0, 0, unix.ENOSPC},
	"failing ftruncate":   {ftruncate, 0, 0, 0, unix.EIO},
	"failing write":       {unix.SYS_PWRITE64, 0, 0, 0, unix.EIO},
	"failing fstat":       {unix.SYS_STATX, 2, unix.AT_EMPTY_PATH, unix.AT_EMPTY_PATH, unix.EIO},
	"failing mmap":        {mmap, 3, unix.MAP_SHARED | unix.MAP_PRIVATE, unix.MAP_SHARED, unix.ENOMEM},
	"failing mprotect":    {unix.SYS_MPROTECT, 2, ^uint32(0), unix.PROT_READ, unix.EIO},
	"failing linkat":      {unix.SYS_LINKAT, 4, unix.AT_EMPTY_PATH, unix.AT_EMPTY_PATH, unix.EEXIST},
	"failing renameat2":   {unix.SYS_RENAMEAT2, 0, 0, 0, unix.EIO},
	"failing flock":       {unix.SYS_FLOCK, 1, unix.LOCK_EX, unix.LOCK_EX, unix.ENOLCK},
	"failing unlinkat":    {unix.SYS_UNLINKAT, 0, 0, 0, unix.EROFS},
	"interrupted flock":   {unix.SYS_FLOCK, 1, unix.LOCK_EX, unix.LOCK_EX, unix.EINTR},
	"no flock":            {unix.SYS_FLOCK, 0, 0, 0, unix.ENOSYS},
	"no F_OFD_SETLK":      {fcntl, 1, ^uint32(0), unix.F_OFD_SETLK, unix.EINVAL},
	"no F_OFD_GETLK":      {fcntl, 1, ^uint32(0), unix.F_OFD_GETLK, unix.EINVAL},
	"failing F_OFD_SETLK": {fcntl, 1, ^uint32(0), unix.F_OFD_SETLK, unix.EIO},
	"failing F_OFD_GETLK": {fcntl, 1, ^uint32(0), unix.F_OFD_GETLK, unix.EIO},
	"failing getdents64":  {unix.SYS_GETDENTS64, 0, 0, 0, unix.EIO},
}

// deny makes the named denials hold for this process and all it starts, by a
// seccomp filter: the kernel itself says no.
func deny(names []string) error {
	load := func(offset int) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: uint32(offset)}
	}
	// equal skips what follows unless the loaded word has the value.
	equal := func(value uint32, skip uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: skip, K: value}
	}
	answer := func(action uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}
	}
	var program []unix.SockFilter
	for _, name := range names {
		d, ok := denials[name]
		if !ok {
			return fmt.Errorf("there is no denial %q", name)
		}
		const argsOffset = 16 // struct seccomp_data: nr, arch, instruction_pointer, args
		low := argsOffset + 8*d.arg
		if bigEndian {
			low += 4
		}
		program = append(program,
			load(0), equal(uint32(d.call), 4),
			load(low), unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: d.mask}, equal(d.value, 1),
			answer(unix.SECCOMP_RET_ERRNO|uint32(d.errno)))
	}
	program = append(program, answer(unix.SECCOMP_RET_ALLOW))

	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	// Sound: the kernel copies the program during the call.
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&filter)))
	runtime.KeepAlive(program)
	if errno != 0 {
		return errno
	}
	return nil
}

var bigEndian = binary.NativeEndian.Uint16([]byte{0, 1}) == 1
