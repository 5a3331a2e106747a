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

// Handles are those of segments that this process has open: files in their
// directory, sections over such files, and sections that have a name of a test's.
// What programs that it starts get too is called inherited.
func Handles() (open []string) {
	// Handles are multiples of four, and those of a small program are small.
	for h := windows.Handle(4); h < 1<<14; h += 4 {
		var what string
		switch query(h, objectType) {
		case "Section":
			what = sectionOf(h)
		case "File":
			what = pathOf(h)
		}
		if what != "" {
			open = append(open, fmt.Sprintf("%s %#x of %s", kindOf(h), h, what))
		}
	}
	return open
}

// sectionOf is what a section is, if it is a segment's. Libraries of the system
// have sections of their own.
func sectionOf(h windows.Handle) string {
	if name := query(h, objectName); strings.Contains(strings.ToLower(name), `\psm_`) {
		return "section " + name
	}
	at, err := windows.MapViewOfFile(h, windows.FILE_MAP_READ, 0, 0, 1)
	if err != nil {
		return ""
	}
	defer windows.UnmapViewOfFile(at)
	if name := mappedName(at); ofSegment(name) {
		return "section of " + name
	}
	return ""
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

// ofSegment says whether a path leads to a segment's file or to one that is
// deleted. The system may spell the drive and the directories above that of the
// segments in another way than SHM_DIR: RUNNER~1 for runneradmin.
func ofSegment(path string) bool {
	path = strings.ToLower(path)
	dir := strings.ToLower(filepath.Base(Dir()))
	return strings.Contains(path, `\`+dir+`\`) || strings.Contains(path, `\$deleted\`)
}

const ( // OBJECT_INFORMATION_CLASS
	objectName = 1
	objectType = 2
)

// query asks for a text about a handle, "" if there is none.
func query(h windows.Handle, what uintptr) string {
	var info struct {
		text windows.NTUnicodeString
		rest [4096]byte
	}
	// Sound: the call writes at most that much, and the text, which points into
	// it, is read while it lives.
	status, _, _ := queryObject.Call(uintptr(h), what, uintptr(unsafe.Pointer(&info)), unsafe.Sizeof(info), 0)
	if status != 0 || info.text.Buffer == nil {
		return ""
	}
	return info.text.String()
}

func pathOf(h windows.Handle) string {
	if kind, err := windows.GetFileType(h); err != nil || kind != windows.FILE_TYPE_DISK {
		return "" // a pipe may keep us waiting
	}
	buf := make([]uint16, windows.MAX_LONG_PATH)
	if _, err := windows.GetFinalPathNameByHandle(h, &buf[0], uint32(len(buf)), 0); err != nil {
		return ""
	}
	if path := windows.UTF16ToString(buf); ofSegment(path) {
		return path
	}
	return ""
}

// mappings looks at all memory of this process.
func mappings() (left []string) {
	var info windows.MemoryBasicInformation
	for at := uintptr(0); windows.VirtualQuery(at, &info, unsafe.Sizeof(info)) == nil; at = info.BaseAddress + info.RegionSize {
		const memMapped = 0x40000
		if info.Type != memMapped || info.BaseAddress != info.AllocationBase {
			continue
		}
		if name := mappedName(at); ofSegment(name) {
			left = append(left, fmt.Sprintf("mapping of %s at %#x", name, at))
		}
	}
	return left
}

// mappedName is the file that is mapped at an address.
func mappedName(at uintptr) string {
	buf := make([]uint16, windows.MAX_LONG_PATH)
	// Sound: the call writes at most len(buf) characters.
	n, _, _ := getMappedFileName.Call(uintptr(windows.CurrentProcess()), at, uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)))
	return windows.UTF16ToString(buf[:n])
}
