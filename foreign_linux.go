package shm

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// foreignProcesses counts the other processes that map a file and hold no token
// on it, as far as /proc shows them to this user: -1 if it shows nothing.
func foreignProcesses(id identity) int {
	proc, err := os.Open("/proc")
	if err != nil {
		return -1
	}
	defer proc.Close()
	entries, err := proc.Readdirnames(-1)
	if err != nil {
		return -1
	}
	n, seen := 0, false
	for _, pid := range entries {
		if _, err := strconv.Atoi(pid); err != nil {
			continue
		}
		maps, err := mapsFile(pid, id)
		if err != nil {
			continue // another user's, or gone
		}
		seen = true
		if maps && pid != strconv.Itoa(os.Getpid()) && isStranger(pid, id) {
			n++
		}
	}
	if !seen {
		return -1
	}
	return n
}

// isStranger says whether a process that was seen with a mapping of the file is
// none of ours. One of ours may have been about to close it when it was asked
// for its token, and may have opened it again since; but not every time.
func isStranger(pid string, id identity) bool {
	for range 10 {
		if holdsToken(pid, id) {
			return false
		}
		if maps, _ := mapsFile(pid, id); !maps {
			return false
		}
	}
	return true
}

// mapsFile looks for the file among the mappings of a process
// (proc_pid_maps(5)): address, permissions, offset, device, inode.
func mapsFile(pid string, id identity) (bool, error) {
	maps, err := os.Open("/proc/" + pid + "/maps")
	if err != nil {
		return false, err
	}
	defer maps.Close()
	want := fmt.Appendf(nil, "%02x:%02x %d", id.major, id.minor, id.inode)
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		if f := bytes.Fields(lines.Bytes()); len(f) > 4 && bytes.Equal(bytes.Join(f[3:5], []byte(" ")), want) {
			return true, nil
		}
	}
	return false, nil
}

// holdsToken looks for the file among the open ones of a process, and for a
// lock as tokens are (proc_pid_fdinfo(5)): "lock: 1: OFDLCK ADVISORY WRITE -1
// 00:19:1234 1099511627777 1099511627777". A process that maps a file of ours
// has it open too.
func holdsToken(pid string, id identity) bool {
	fds, err := os.ReadDir("/proc/" + pid + "/fd")
	if err != nil {
		return false
	}
	for _, fd := range fds {
		var st unix.Stat_t
		if unix.Stat("/proc/"+pid+"/fd/"+fd.Name(), &st) != nil || st.Ino != id.inode ||
			unix.Major(uint64(st.Dev)) != id.major || unix.Minor(uint64(st.Dev)) != id.minor {
			continue
		}
		info, _ := os.ReadFile("/proc/" + pid + "/fdinfo/" + fd.Name())
		for line := range bytes.Lines(info) {
			f := bytes.Fields(line)
			if len(f) < 8 || string(f[0]) != "lock:" || string(f[2]) != "OFDLCK" {
				continue
			}
			if at, err := strconv.ParseInt(string(f[len(f)-2]), 10, 64); err == nil && at > tokenBase && at < tokenBase+int64(tokens) {
				return true
			}
		}
	}
	return false
}
