// Package shm is memory that several processes share by name, with one
// contract on every system and without cgo.
package shm
