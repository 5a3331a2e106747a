package main

import (
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

var getProcessMemoryInfo = windows.NewLazySystemDLL("kernel32.dll").NewProc("K32GetProcessMemoryInfo")

// privateBytes is the memory that this process has for itself: what the system
// has promised it, mapped files left out.
func privateBytes() (int64, error) {
	var counters struct { // PROCESS_MEMORY_COUNTERS_EX
		size, pageFaults uint32
		numbers          [8]uintptr
		privateUsage     uintptr
	}
	counters.size = uint32(unsafe.Sizeof(counters))
	// Sound: the call writes so many bytes and keeps no pointer.
	ok, _, err := getProcessMemoryInfo.Call(uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&counters)), uintptr(counters.size))
	if ok == 0 {
		return 0, os.NewSyscallError("GetProcessMemoryInfo", err)
	}
	return int64(counters.privateUsage), nil
}
