// Package testpy finds a Python for tests that compare with the real thing.
package testpy

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Find returns the path of a Python 3 that can import all the modules: the one
// that the environment variable SHM_PYTHON names, or else the first that
// python3 and /usr/bin/python3 lead to. Where there is none it skips the test
// with a line that says what to install; or fails it, if SHM_TEST_REQUIRE
// contains "python", as it should where skipping would go unnoticed.
func Find(t testing.TB, modules ...string) string {
	t.Helper()
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
			return path
		}
	}
	missing := t.Skipf
	if strings.Contains(os.Getenv("SHM_TEST_REQUIRE"), "python") {
		missing = t.Fatalf
	}
	missing("no %s runs %q: install Python 3 with %q, or set SHM_PYTHON", strings.Join(names, ", "), check, modules)
	return ""
}

// Run runs a program of Python with arguments and returns what it printed. The
// test fails if the program does, with all it said.
func Run(t testing.TB, python, program string, args ...string) string {
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
