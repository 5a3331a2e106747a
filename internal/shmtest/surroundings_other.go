//go:build !linux

package shmtest

// Surround makes the surroundings that only Linux has.
func Surround() {}
