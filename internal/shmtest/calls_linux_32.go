//go:build linux && (386 || arm)

package shmtest

import "golang.org/x/sys/unix"

const (
	mmap      = unix.SYS_MMAP2
	ftruncate = unix.SYS_FTRUNCATE64
	fstatfs   = unix.SYS_FSTATFS64
	fcntl     = unix.SYS_FCNTL64
)
