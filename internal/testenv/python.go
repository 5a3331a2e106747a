package testenv

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// FindPython returns the path of a Python 3 that can import all the modules:
// the one that the environment variable SHM_PYTHON names, or else the first
// that python3 and /usr/bin/python3 lead to. The error says what to install.
func FindPython(modules ...string) (string, error) {
	names := []string{"python3", "/usr/bin/python3", "python"}
	if name := os.Getenv("SHM_PYTHON"); name != "" {
		names = []string{name}
	}
	check := "import sys; assert sys.version_info[0] == 3"
	for _, m := range modules {
		check += "; import " + m
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil && exec.Command(path, "-c", check).Run() == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("none of %s is a Python 3 with %s: install it, or let SHM_PYTHON name one that has it",
		strings.Join(names, ", "), strings.Join(modules, " and "))
}

// Python is FindPython for a test, which Need skips where there is none.
func Python(t testing.TB, modules ...string) string {
	t.Helper()
	path, err := FindPython(modules...)
	if err != nil {
		Need(t, "python", err.Error())
	}
	return path
}

// RunPython runs a program of Python with arguments and returns what it
// printed. The test fails if the program does, with all it said.
func RunPython(t testing.TB, python, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(python, append([]string{"-c", program}, args...)...)
	cmd.Env = append(os.Environ(), "PYTHONIOENCODING=utf-8", "PYTHONWARNINGS=ignore")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", python, err, out, stderr.String())
	}
	return string(out)
}
