package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
)

// machine describes what this runs on, as far as the system tells.
func machine() string {
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	loadavg, _ := os.ReadFile("/proc/loadavg")
	parts := []string{fmt.Sprintf("%d cores", runtime.NumCPU())}
	for _, fact := range []string{
		value("/proc/cpuinfo", "model name", ":"),
		runtime.GOOS + "/" + runtime.GOARCH,
		strings.Trim(value("/etc/os-release", "PRETTY_NAME", "="), `"`),
		strings.TrimSpace(string(kernel)),
	} {
		if fact != "" {
			parts = append(parts, fact)
		}
	}
	if load, _, ok := strings.Cut(string(loadavg), " "); ok {
		parts = append(parts, "load "+load) // what others did just before: numbers from a busy machine say little
	}
	return strings.Join(parts, ", ")
}

// value returns what follows a key and the separator in a file's first line
// with that key; nothing if there is none.
func value(file, key, separator string) string {
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		k, v, _ := strings.Cut(line, separator)
		if strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func versions(ctx context.Context) string {
	_, python, err := findPython(ctx)
	if err != nil {
		python = "no Python with numpy"
	}
	return runtime.Version() + ", " + python
}
