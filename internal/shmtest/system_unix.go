//go:build linux || darwin

package shmtest

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

var macOS = Traits{LongestName: 30, Rounds: 800, AnotherMode: 0o640}

func umask(mask int) { unix.Umask(mask) }

// become makes this process another user's.
func become(uid int) error {
	return errors.Join(syscall.Setgroups(nil), syscall.Setgid(uid), syscall.Setuid(uid))
}
