//go:build !linux

package shmtest

import "errors"

func privateParent() string { return "" }

func umask(int) {}

func become(int) error { return errors.ErrUnsupported }

func mappings() []string { return nil }

func descriptors() []string { return nil }
