//go:build !race

package testenv

// Race says whether the race detector is built in. It takes several times the
// memory.
const Race = false
