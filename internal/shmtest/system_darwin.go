package shmtest

import "os"

// System describes the system that the suite runs on.
func System() Traits { return macOS }

// privateParent is where a directory of segments can be made.
func privateParent() string { return os.TempDir() }

func mappings() []string { return nil }
