//go:build !linux && !darwin && !windows

package shmtest

import "testing"

func private(t *testing.T) { t.Fatal("nobody has written this promise's test for this system") }
