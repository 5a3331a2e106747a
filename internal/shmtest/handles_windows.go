package shmtest

import (
	"fmt"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

var (
	kernel32             = windows.NewLazySystemDLL("kernel32.dll")
	getHandleInformation = kernel32.NewProc("GetHandleInformation")
	getMappedFileName    = kernel32.NewProc("K32GetMappedFileNameW")
	queryObject          = windows.NewLazySystemDLL("ntdll.dll").NewProc("NtQueryObject")
)

// descriptors are what of this process's handles has to do with segments.
func descriptors() []string { return Handles() }

// Handles are the sections that this process has open, and the files in the
// segments' directory. What programs that it starts get too is called inherited.
func Handles() (open []string) {
	// Handles are multiples of four, and those of a small program are small.
	for h := windows.Handle(4); h < 1<<14; h += 4 {
		switch typeOf(h) {
		case "Section":
			open = append(open, fmt.Sprintf("%s %#x of a section", kindOf(h), h))
		case "File":
			if path := pathOf(h); strings.Contains(path, segmentFiles()) {
				open = append(open, fmt.Sprintf("%s %#x of %s", kindOf(h), h, path))
			}
		}
	}
	return open
}

func kindOf(h windows.Handle) string {
	var flags uint32
	// Sound: the call writes the four bytes.
	ok, _, _ := getHandleInformation.Call(uintptr(h), uintptr(unsafe.Pointer(&flags)))
	if ok == 0 || flags&windows.HANDLE_FLAG_INHERIT != 0 {
		return "inherited handle"
	}
	return "handle"
}

// segmentFiles is what the paths of all files of segments have in common,
// however the system spells the drive.
func segmentFiles() string { return strings.TrimPrefix(Dir(), filepath.VolumeName(Dir())) + `\` }

func typeOf(h windows.Handle) string {
	var info struct {
		name windows.NTUnicodeString
		rest [512]byte
	}
	// Sound: the call writes at most that much, and the name, which points into
	// it, is read while it lives.
	status, _, _ := queryObject.Call(uintptr(h), 2, uintptr(unsafe.Pointer(&info)), unsafe.Sizeof(info), 0)
	if status != 0 {
		return "" // nothing has this handle
	}
	return info.name.String()
}

func pathOf(h windows.Handle) string {
	if kind, err := windows.GetFileType(h); err != nil || kind != windows.FILE_TYPE_DISK {
		return "" // a pipe may keep us waiting
	}
	buf := make([]uint16, windows.MAX_LONG_PATH)
	if _, err := windows.GetFinalPathNameByHandle(h, &buf[0], uint32(len(buf)), 0); err != nil {
		return ""
	}
	return windows.UTF16ToString(buf)
}

// mappings looks at all memory of this process.
func mappings() (left []string) {
	var info windows.MemoryBasicInformation
	buf := make([]uint16, windows.MAX_LONG_PATH)
	for at := uintptr(0); windows.VirtualQuery(at, &info, unsafe.Sizeof(info)) == nil; at = info.BaseAddress + info.RegionSize {
		const memMapped = 0x40000
		if info.Type != memMapped || info.BaseAddress != info.AllocationBase {
			continue
		}
		// Sound: the call writes at most len(buf) characters.
		n, _, _ := getMappedFileName.Call(uintptr(windows.CurrentProcess()), at, uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)))
		if name := windows.UTF16ToString(buf[:n]); strings.Contains(name, segmentFiles()) || strings.Contains(name, `\$Deleted\`) {
			left = append(left, fmt.Sprintf("mapping of %s at %#x", name, at))
		}
	}
	return left
}
