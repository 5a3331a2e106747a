package shm

// The calls of ofdLocks. macOS has them since 10.12, in its headers since 14
// (xnu, bsd/sys/fcntl.h), and x/sys not yet.
const (
	ofdSetLock = 90 // F_OFD_SETLK
	ofdGetLock = 92 // F_OFD_GETLK
)
