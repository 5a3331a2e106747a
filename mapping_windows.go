package shm

import (
	"math"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// This file is where the package turns addresses into memory and back, and
// makes the calls that golang.org/x/sys does not have.

var (
	kernel32          = windows.NewLazySystemDLL("kernel32.dll")
	openFileMapping   = kernel32.NewProc("OpenFileMappingW")
	getMappedFileName = kernel32.NewProc("K32GetMappedFileNameW")
	ntQuerySection    = windows.NewLazySystemDLL("ntdll.dll").NewProc("NtQuerySection")
)

// mapView maps size bytes of a section from offset on, a multiple of 64 KiB.
func mapView(section windows.Handle, offset int64, size int, readOnly bool) ([]byte, error) {
	access := uint32(windows.FILE_MAP_READ | windows.FILE_MAP_WRITE)
	if readOnly {
		access = windows.FILE_MAP_READ
	}
	addr, err := windows.MapViewOfFile(section, access, uint32(offset>>32), uint32(offset), uintptr(size))
	if err != nil {
		return nil, os.NewSyscallError("MapViewOfFile", err)
	}
	// Sound: the kernel has just mapped size bytes at addr, outside Go's heap,
	// and they stay until unmapView, which every owner of the slice calls once.
	// The detour is how vet wants an address from the system written.
	return unsafe.Slice(*(**byte)(unsafe.Pointer(&addr)), size), nil
}

// unmapView gives a view back.
func unmapView(view []byte) error {
	return os.NewSyscallError("UnmapViewOfFile", windows.UnmapViewOfFile(address(view)))
}

// reserveAddresses takes addresses that a view had, without access and without memory
// behind them. Somebody else in this process may have been faster.
func reserveAddresses(addr uintptr, size int) {
	windows.VirtualAlloc(addr, uintptr(size), windows.MEM_RESERVE, windows.PAGE_NOACCESS)
}

// protect takes the right to write from the pages of a view.
func protect(view []byte) error {
	var old uint32
	return os.NewSyscallError("VirtualProtect",
		windows.VirtualProtect(address(view), uintptr(len(view)), windows.PAGE_READONLY, &old))
}

// mappedName is the system's name of the file behind a view.
func mappedName(view []byte) (string, error) {
	buf := make([]uint16, math.MaxInt16)
	// Sound: the call writes at most len(buf) characters, and keeps no pointer.
	n, _, err := getMappedFileName.Call(uintptr(windows.CurrentProcess()), address(view),
		uintptr(unsafe.Pointer(unsafe.SliceData(buf))), uintptr(len(buf)))
	if n == 0 {
		return "", os.NewSyscallError("GetMappedFileName", err)
	}
	return windows.UTF16ToString(buf), nil
}

// address is where a view begins.
func address(view []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(view))) }

// openSection opens the section of that name.
func openSection(name string, access uint32) (windows.Handle, error) {
	p, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return 0, err
	}
	// Sound: p ends in a zero and lives until the call is over.
	h, _, err := openFileMapping.Call(uintptr(access), 0, uintptr(unsafe.Pointer(p)))
	if h == 0 {
		return 0, err
	}
	return windows.Handle(h), nil
}

// sectionInfo is the kernel's SECTION_BASIC_INFORMATION.
type sectionInfo struct {
	base       uintptr
	attributes uint32
	size       int64
}

// querySection needs the right to query the section.
func querySection(section windows.Handle) (sectionInfo, error) {
	var info sectionInfo
	// Sound: the call writes one such structure, which is laid out as in C.
	status, _, _ := ntQuerySection.Call(uintptr(section), 0, uintptr(unsafe.Pointer(&info)), unsafe.Sizeof(info), 0)
	if status != 0 {
		return info, os.NewSyscallError("NtQuerySection", windows.NTStatus(status))
	}
	return info, nil
}

// setDisposition says by FILE_DISPOSITION flags whether and how a file goes.
func setDisposition(file windows.Handle, flags uint32) error {
	// Sound: the call reads the number, which is all of the structure, and
	// keeps no pointer. As a number it is aligned, which the kernel insists on.
	return windows.SetFileInformationByHandle(file, windows.FileDispositionInfoEx,
		(*byte)(unsafe.Pointer(&flags)), uint32(unsafe.Sizeof(flags)))
}

// securityAttributes is how the system is told who may have a new thing. It does
// not reach programs that this one starts.
func securityAttributes(sd *windows.SECURITY_DESCRIPTOR) *windows.SecurityAttributes {
	return &windows.SecurityAttributes{Length: uint32(unsafe.Sizeof(windows.SecurityAttributes{})), SecurityDescriptor: sd}
}
