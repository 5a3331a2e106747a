//go:build !linux && !darwin

package shmtest

import "errors"

// System describes the system that the suite runs on.
func System() Traits { return Traits{LongestName: 255} }

func privateParent() string { return "" }

func umask(int) {}

func become(int) error { return errors.ErrUnsupported }

func mappings() []string { return nil }

func descriptors() []string { return nil }
