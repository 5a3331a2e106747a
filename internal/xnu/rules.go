//go:build linux || darwin

package xnu

// Rule is one thing that XNU does in its own way.
type Rule struct {
	Name   string
	Says   string
	Source string // the file of xnu-11417 and the function, as far as it was read there
}

// The names of the rules.
const (
	nameLength      = "31 bytes"
	opaqueNames     = "opaque names"
	emptyName       = "empty name"
	badUnlink       = "bad name in unlink"
	exclusive       = "exclusive"
	noTruncatedOpen = "no O_TRUNC"
	exactMode       = "mode without umask"
	closeOnExec     = "close on exec"
	openPermission  = "open permission"
	unlinkAllowed   = "unlink permission"
	exitLeaves      = "exit leaves"
	lifeGoesOn      = "life after unlink"
	noFchmod        = "no fchmod"
	sizedOnce       = "sized once"
	sizedByReaders  = "sized by readers"
	sizedZero       = "sized zero"
	notNegative     = "no negative size"
	wholePages      = "whole pages"
	bareStat        = "bare fstat"
	sharedOnly      = "shared maps only"
	sizedFirst      = "sized before mapped"
	withinSize      = "mapped within the size"
	readersRead     = "readers only read"
	noFlock         = "no flock"
	noRecordLocks   = "no fcntl locks"
	noReadWrite     = "no read or write"
	noListing       = "no listing"
	sandbox         = "sandbox"
)

const posixShm = "bsd/kern/posix_shm.c"

// Rules are all the rules that the model keeps beyond what POSIX says of
// shm_open, shm_unlink, ftruncate, fstat and mmap. Each can be flipped, which
// makes the model do what other systems do.
var Rules = []Rule{
	{nameLength, "a name has at most 31 bytes with its slash, one of 32 is ENAMETOOLONG", posixShm + ", PSHMNAMLEN and pshm_get_name; tests/testposixshm.c"},
	{opaqueNames, "a name is any string: x and /x are two objects, a/b is a name", posixShm + ", pshm_get_name, pshm_compare"},
	{emptyName, "the empty name is EINVAL", posixShm + ", pshm_get_name"},
	{badUnlink, "shm_unlink says EINVAL to a name that is too long", posixShm + ", shm_unlink"},
	{exclusive, "O_CREAT|O_EXCL of a name that is there is EEXIST, whoever else is at it", posixShm + ", shm_open: one lock round search and add"},
	{noTruncatedOpen, "O_TRUNC of an object that has been sized is EINVAL", posixShm + ", shm_open"},
	{exactMode, "the mode is the one asked for within ALLPERMS, whatever the umask", posixShm + ", shm_open"},
	{closeOnExec, "a descriptor is always close-on-exec", posixShm + ", shm_open"},
	{openPermission, "root may open everything, others what the mode bits say, else EACCES", posixShm + ", shm_open, pshm_access"},
	{unlinkAllowed, "who made an object or may write it may unlink it, else EACCES", posixShm + ", shm_unlink"},
	{exitLeaves, "the end of a process removes no name", posixShm + ", pshm_closefile"},
	{lifeGoesOn, "what has been unlinked is there while a descriptor or a map is", posixShm + ", pshm_unlink_internal, pshm_deref"},
	{noFchmod, "fchmod is EINVAL: the mode is there for life", "bsd/vfs/vfs_syscalls.c, fchmod"},
	{sizedOnce, "a second ftruncate is EINVAL, whoever calls it", posixShm + ", pshm_truncate"},
	{sizedByReaders, "ftruncate asks for no write access", posixShm + ", pshm_truncate: the check is compiled out"},
	{sizedZero, "ftruncate to 0 counts as the one there is", posixShm + ", pshm_truncate"},
	{notNegative, "a negative size is EINVAL", "bsd/vfs/vfs_syscalls.c, ftruncate"},
	{wholePages, "a size is rounded up to pages, and fstat says so", posixShm + ", pshm_truncate"},
	{bareStat, "fstat gives mode bits, owner, group and size; no type, inode, device or links", posixShm + ", pshm_stat"},
	{sharedOnly, "mmap without MAP_SHARED is EINVAL", posixShm + ", pshm_mmap"},
	{sizedFirst, "mmap before ftruncate is EINVAL", posixShm + ", pshm_mmap"},
	{withinSize, "mmap beyond the rounded size is EINVAL", posixShm + ", pshm_mmap"},
	{readersRead, "a writable map of an O_RDONLY descriptor is EPERM", posixShm + ", pshm_mmap"},
	{noFlock, "flock is ENOTSUP", "bsd/kern/kern_descrip.c, sys_flock"},
	{noRecordLocks, "fcntl locks are EBADF", "bsd/kern/kern_descrip.c, sys_fcntl_nocancel"},
	{noReadWrite, "read and write are ENXIO", posixShm + ", pshmops; bsd/kern/kern_descrip.c, fo_no_read"},
	{noListing, "nothing tells the names that there are", posixShm + ": the tree is the kernel's own"},
	{sandbox, "a sandbox can deny each call, which is EPERM", posixShm + ", mac_posixshm_check_create and the like"},
}
