package shmtest

// This file and those of the systems are what the suite asks of the system
// beside the package under test.

// Traits are where systems differ in what the contract leaves open.
type Traits struct {
	LongestName int // that Open can look for, in bytes
}

var macOS = Traits{LongestName: 30}
