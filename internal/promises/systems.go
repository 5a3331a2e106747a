package main

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// system is one that the suite can be run for.
type system struct {
	name       string
	goos, arch string
	wrapper    string // runs a test binary that this machine cannot run itself
	emulated   bool   // the wrapper is an emulator of the processor
	page       int    // of the model of XNU, if that is the system
	missing    string // what it would take to run it here
}

// systems are the columns of the table.
func systems(root string) []system {
	return []system{
		linux("amd64", "x86_64"),
		linux("386", "i386"),
		linux("arm64", "aarch64"),
		linux("arm", "arm"),
		linux("s390x", "s390x"),
		windows(root),
		xnu(root, 4<<10),
		xnu(root, 16<<10),
	}
}

// linux runs as it is on its own processor, else in qemu's user mode, which has
// names of its own for processors.
func linux(arch, qemuArch string) system {
	s := system{name: "linux/" + arch, goos: "linux", arch: arch}
	native := arch == runtime.GOARCH || arch == "386" && runtime.GOARCH == "amd64"
	if runtime.GOOS == "linux" && native {
		return s
	}
	s.emulated = true
	emulator := "qemu-" + qemuArch + "-static"
	s.wrapper, s.missing = find(emulator, emulator)
	return s
}

// windows runs in Wine, by a program that runs others in it: the one that
// SHM_TEST_WINE names, else .ci/wine.
func windows(root string) system {
	s := system{name: "windows/amd64", goos: "windows", arch: "amd64"}
	if runtime.GOOS == s.goos && runtime.GOARCH == s.arch {
		return s
	}
	if wrapper := os.Getenv("SHM_TEST_WINE"); wrapper != "" {
		s.wrapper, s.missing = find(wrapper, "program that SHM_TEST_WINE names")
		return s
	}
	if _, s.missing = find(cmp.Or(os.Getenv("WINE"), "wine"), "wine"); s.missing == "" {
		s.wrapper, s.missing = find(filepath.Join(root, ".ci", "wine"), ".ci/wine")
	}
	return s
}

// xnu is the package's code for macOS on a model of its kernel, inside an
// ordinary process of this machine. Without the model in the package the suite
// would run on what is beneath and prove nothing.
func xnu(root string, page int) system {
	s := system{name: fmt.Sprintf("XNU model, %d KiB pages", page>>10), goos: runtime.GOOS, arch: runtime.GOARCH, page: page}
	list := exec.Command("go", "test", "-list=^TestContractOnXNU$", ".")
	list.Dir = root
	if out, err := list.Output(); err != nil || !strings.Contains(string(out), "TestContractOnXNU\n") {
		s.missing = "the package has no model of XNU"
	}
	return s
}

// find returns the path of a program, or that it is missing, under a name that
// means something on other machines too.
func find(program, name string) (path, missing string) {
	path, err := exec.LookPath(program)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return "", "there is no " + name
	}
	return path, ""
}

// environment is what the suite runs in, until end is called. Nothing is
// required of the machine: what a test lacks is to be seen in the table.
func (s system) environment() (env []string, end func(), err error) {
	env = append(os.Environ(), "GOOS="+s.goos, "GOARCH="+s.arch, "CGO_ENABLED=0",
		"SHM_TEST_REQUIRE=", "SHM_TEST_EXEC=", "SHM_TEST_XNU=")
	if s.emulated {
		env = append(env, "SHM_TEST_EXEC="+s.wrapper) // for second processes
	}
	if s.page == 0 {
		return env, func() {}, nil
	}
	dir, err := sharedDir()
	if err != nil {
		return nil, nil, err
	}
	env = append(env, "SHM_DIR="+dir, fmt.Sprintf("SHM_TEST_XNU=dir=%s,page=%d", filepath.Join(dir, "kernel"), s.page))
	return env, func() { os.RemoveAll(dir) }, nil
}

// sharedDir is a directory for the model and its registry, which the suite uses
// as several users.
func sharedDir() (string, error) {
	parent := ""
	if _, err := os.Stat("/dev/shm"); err == nil {
		parent = "/dev/shm"
	}
	dir, err := os.MkdirTemp(parent, ".promises-")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, os.ModeSticky|0o777)
}
