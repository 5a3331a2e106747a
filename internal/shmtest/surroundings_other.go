//go:build !linux

package shmtest

func surround() {}
