//go:build !linux && !darwin && !windows

package shmtest

import "errors"

// System describes the system that the suite runs on.
func System() Traits { return Traits{LongestName: 255, Rounds: 800, AnotherMode: 0o640} }

func privateParent() string { return "" }

func umask(int) {}

func become(int) error { return errors.ErrUnsupported }

func mappings() []string { return nil }

func descriptors() []string { return nil }
