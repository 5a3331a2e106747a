package shmtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// System describes the system that the suite runs on. Its rounds are few, since
// Wine keeps a descriptor of each file that was closed while somebody had a lock
// on it.
func System() Traits { return Traits{LongestName: 259, Rounds: 300, AnotherMode: 0o600} }

// Dir is where the files of segments stand.
func Dir() string {
	if d := os.Getenv("SHM_DIR"); d != "" {
		return d
	}
	return filepath.Join(os.Getenv("LOCALAPPDATA"), "shm", "segments")
}

// Path is where the file of the segment of that name stands.
func Path(name string) string {
	file := ""
	for _, c := range []byte(name) {
		if strings.IndexByte("abcdefghijklmnopqrstuvwxyz0123456789._-", c) >= 0 {
			file += string(rune(c))
		} else {
			file += fmt.Sprintf("%%%02X", c)
		}
	}
	return filepath.Join(Dir(), "s_"+file+".shm")
}

func privateParent() string { return "" }

func umask(int) {}

func become(int) error { return errors.ErrUnsupported }
