package shm

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/windows"
)

// This file holds what a segment asks of the file system and its security.

// userSID is who this process works for.
var userSID = sync.OnceValues(func() (string, error) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return "", os.NewSyscallError("GetTokenInformation", err)
	}
	return user.User.Sid.String(), nil
})

// security lets nobody but this user and the system have what is made with it.
func security() (*windows.SecurityAttributes, error) {
	sid, err := userSID()
	if err != nil {
		return nil, err
	}
	// The owner is named, since else it would be the administrators' group
	// where an administrator is at work. All rights are given, since Python
	// asks for them.
	sd, err := windows.SecurityDescriptorFromString("O:" + sid + "D:P(A;;GA;;;" + sid + ")(A;;GA;;;SY)")
	if err != nil {
		return nil, os.NewSyscallError("ConvertStringSecurityDescriptorToSecurityDescriptor", err)
	}
	return securityAttributes(sd), nil
}

// ownerOf is the security identifier of the owner of a thing.
func ownerOf(handle windows.Handle, kind windows.SE_OBJECT_TYPE) (string, error) {
	sd, err := windows.GetSecurityInfo(handle, kind, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return "", os.NewSyscallError("GetSecurityInfo", err)
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return "", os.NewSyscallError("GetSecurityDescriptorOwner", err)
	}
	return owner.String(), nil
}

// createFile makes a file that nobody but the user can open. What is in it need
// never reach the disk.
func createFile(path string) (windows.Handle, error) {
	sa, err := security()
	if err != nil {
		return 0, err
	}
	handle, err := openFile(path, windows.GENERIC_READ|windows.GENERIC_WRITE, sa, windows.CREATE_NEW,
		windows.FILE_ATTRIBUTE_TEMPORARY|windows.FILE_ATTRIBUTE_NOT_CONTENT_INDEXED)
	switch err {
	case nil:
		return handle, nil
	case windows.ERROR_FILE_NOT_FOUND, windows.ERROR_PATH_NOT_FOUND, windows.ERROR_DIRECTORY:
		return 0, noDir(filepath.Dir(path))
	case windows.ERROR_DISK_FULL, windows.ERROR_DISK_QUOTA_EXCEEDED:
		return 0, detail(ErrNoSpace, "%s cannot take another file (%v): remove segments no longer needed", filepath.Dir(path), err)
	}
	return 0, os.NewSyscallError("CreateFile", err)
}

// openFile opens a file in such a way that it can be renamed and deleted all
// the same. It waits out those who do not share the files they open, as
// scanners do.
func openFile(path string, access uint32, sa *windows.SecurityAttributes, how, flags uint32) (windows.Handle, error) {
	p, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, err
	}
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	// Neither follow a link, nor stumble over a directory.
	flags |= windows.FILE_FLAG_OPEN_REPARSE_POINT | windows.FILE_FLAG_BACKUP_SEMANTICS
	var handle windows.Handle
	_, err = poll(patience, func() (bool, error) {
		handle, err = windows.CreateFile(p, access, share, sa, how, flags, 0)
		return err != windows.ERROR_SHARING_VIOLATION, err
	})
	return handle, err
}

// movePatience is how long a denied renaming may be a scanner's doing, which
// looks like one that is not permitted.
const movePatience = patience / 5

// move renames a file and never replaces another. It waits out scanners as
// openFile does.
func move(from, to string) error {
	source, err := windows.UTF16PtrFromString(from)
	if err != nil {
		return err
	}
	target, err := windows.UTF16PtrFromString(to)
	if err != nil {
		return err
	}
	begun := time.Now()
	_, err = poll(patience, func() (bool, error) {
		err := windows.MoveFileEx(source, target, 0)
		switch err {
		case windows.ERROR_SHARING_VIOLATION:
			return false, err
		case windows.ERROR_ACCESS_DENIED:
			return time.Since(begun) > movePatience, err
		}
		return true, err
	})
	if errors.Is(err, fs.ErrExist) {
		return errTaken
	}
	return os.NewSyscallError("MoveFileEx", err)
}

// deleteFile removes a file whose name is of use to nobody: at once where that
// can be, else when the last handle of it is closed.
func deleteFile(path string) error {
	handle, err := openFile(path, windows.DELETE, nil, windows.OPEN_EXISTING, 0)
	if err != nil {
		return os.NewSyscallError("CreateFile", err)
	}
	err = setDisposition(handle, windows.FILE_DISPOSITION_DELETE|windows.FILE_DISPOSITION_POSIX_SEMANTICS)
	windows.CloseHandle(handle)
	if err == nil {
		return nil
	}
	// An older Windows, another file system than NTFS, or one that refuses
	// because the file is mapped. This way does not ask whether it is.
	handle, err = openFile(path, windows.DELETE, nil, windows.OPEN_EXISTING, windows.FILE_FLAG_DELETE_ON_CLOSE)
	if err != nil {
		return os.NewSyscallError("CreateFile", err)
	}
	return os.NewSyscallError("CloseHandle", windows.CloseHandle(handle))
}

type fileInfo struct {
	attributes uint32
	size       int64
}

func statHandle(file windows.Handle) (fileInfo, error) {
	var info windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(file, &info); err != nil {
		return fileInfo{}, os.NewSyscallError("GetFileInformationByHandle", err)
	}
	return fileInfo{info.FileAttributes, int64(info.FileSizeHigh)<<32 | int64(info.FileSizeLow)}, nil
}

// mapFile maps a part of a file through a section that has no name.
func mapFile(file windows.Handle, offset int64, size int, readOnly bool) ([]byte, error) {
	protection := uint32(windows.PAGE_READWRITE)
	if readOnly {
		protection = windows.PAGE_READONLY
	}
	section, err := windows.CreateFileMapping(file, nil, protection, 0, 0, nil)
	if err != nil {
		return nil, os.NewSyscallError("CreateFileMapping", err)
	}
	defer windows.CloseHandle(section) // the view keeps it
	return mapView(section, offset, size, readOnly)
}

// makeDir makes the directory of the segments, unless it was named by somebody.
func makeDir() error {
	d, own, err := dir()
	if err != nil || !own {
		return err
	}
	return os.MkdirAll(d, 0o700)
}

func exists(path string) bool {
	p, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return false
	}
	_, err = windows.GetFileAttributes(p)
	return err == nil
}

func noSegment(path string) error {
	d := filepath.Dir(path)
	if os.Getenv("SHM_DIR") != "" && !exists(d) {
		return noDir(d)
	}
	return detail(fs.ErrNotExist, "there is no segment of this name in %s", d)
}

func noDir(dir string) error {
	return detail(fs.ErrNotExist, "there is no directory %s: make it, or name another one in SHM_DIR", dir)
}
