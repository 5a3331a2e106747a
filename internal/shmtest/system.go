package shmtest

import "io/fs"

// This file and those of the systems are what the suite asks of the system
// beside the package under test.

// Traits are where systems differ in what the contract leaves open.
type Traits struct {
	LongestName int         // that Open can look for, in bytes
	AnotherMode fs.FileMode // that a segment can have, and has not by default if there is such a one
}

var macOS = Traits{LongestName: 30, AnotherMode: 0o640}
