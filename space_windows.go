package shm

import (
	"math"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// reserve gives the draft's file its size, and takes that much of the disk: a
// file that is neither sparse nor compressed has its place from then on.
func (d *fileDraft) reserve(size int64) error {
	if d.opt.Sparse {
		fileControl(d.handle, windows.FSCTL_SET_SPARSE, nil) // where that cannot be, the space is taken after all
	} else if err := d.enoughRoom(size); err != nil {
		return err
	}
	switch err := windows.Ftruncate(d.handle, size); err {
	case windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL, windows.ERROR_DISK_QUOTA_EXCEEDED:
		free, _ := freeSpace(filepath.Dir(d.path))
		return d.noSpace(free)
	default:
		return os.NewSyscallError("SetFileInformationByHandle", err)
	}
}

// enoughRoom refuses what cannot succeed, before anything is taken from others.
func (d *fileDraft) enoughRoom(size int64) error {
	free, err := freeSpace(filepath.Dir(d.path))
	if err != nil {
		return err
	}
	if free < size {
		return d.noSpace(free)
	}
	info, err := statHandle(d.handle)
	if err != nil || info.attributes&windows.FILE_ATTRIBUTE_COMPRESSED == 0 {
		return err
	}
	return fileControl(d.handle, windows.FSCTL_SET_COMPRESSION, []byte{0, 0}) // COMPRESSION_FORMAT_NONE
}

func (d *fileDraft) noSpace(free int64) error {
	return &NoSpaceError{Need: d.size, Free: free, Where: filepath.Dir(d.path),
		cure: "unlink segments no longer needed, make room on that drive, or name a directory on another one in SHM_DIR"}
}

// freeSpace is what the drive can still give to this user.
func freeSpace(dir string) (int64, error) {
	p, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var free uint64
	err = windows.GetDiskFreeSpaceEx(p, &free, nil, nil)
	return int64(min(free, math.MaxInt64)), os.NewSyscallError("GetDiskFreeSpaceEx", err)
}

// fileControl asks the file system to change how it keeps a file.
func fileControl(file windows.Handle, code uint32, in []byte) error {
	var first *byte
	if len(in) > 0 {
		first = &in[0]
	}
	var n uint32
	return os.NewSyscallError("DeviceIoControl",
		windows.DeviceIoControl(file, code, first, uint32(len(in)), nil, 0, &n, nil))
}
