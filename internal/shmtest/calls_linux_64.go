//go:build linux && !(386 || arm)

package shmtest

import "golang.org/x/sys/unix"

const (
	mmap      = unix.SYS_MMAP
	ftruncate = unix.SYS_FTRUNCATE
	fstatfs   = unix.SYS_FSTATFS
	fcntl     = unix.SYS_FCNTL
)
