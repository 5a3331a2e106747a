package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"github.com/seed72196e11/shm/internal/testenv"
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
	python, err := pythonVersion(ctx)
	if err != nil {
		python = "no Python with numpy"
	}
	return runtime.Version() + ", " + python
}

// pythonVersion is that of the Python with numpy, and numpy's.
func pythonVersion(ctx context.Context) (string, error) {
	path, err := testenv.FindPython("numpy")
	if err != nil {
		return "", err
	}
	const program = "import platform, numpy; print(f'Python {platform.python_version()}, numpy {numpy.__version__}')"
	out, err := output(exec.CommandContext(ctx, path, "-c", program))
	return strings.TrimSpace(string(out)), err
}
