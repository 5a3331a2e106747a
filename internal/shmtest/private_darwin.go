package shmtest

import "testing"

func private(t *testing.T) { privateObject(t) }
