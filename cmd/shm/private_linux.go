package main

import (
	"fmt"
	"os"
	"strings"
)

// privateBytes is the memory that this process has for itself: the Private
// lines of its smaps_rollup (proc(5)), which leave out what others map too.
func privateBytes() (int64, error) {
	text, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		return 0, err
	}
	var sum int64
	for line := range strings.Lines(string(text)) {
		var kind string
		var kib int64
		if n, _ := fmt.Sscanf(line, "%s %d kB", &kind, &kib); n == 2 && strings.HasPrefix(kind, "Private_") {
			sum += kib << 10
		}
	}
	return sum, nil
}
