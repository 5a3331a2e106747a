package shmtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seed72196e11/shm/internal/testenv"
)

// Surroundings are what one test of this binary is run again in, to prove a
// promise where the system is less kind.
type Surroundings struct {
	Deny   []string // denials that apply, see Denials
	Dir    string   // what SHM_DIR names
	Tmpfs  string   // mount options of a tmpfs that is mounted at Dir for it alone
	Cgroup string   // the directory of a cgroup that it enters
	Env    []string // what else stands in the environment
}

const (
	denyVar   = "SHM_TEST_DENY"
	tmpfsVar  = "SHM_TEST_TMPFS"
	cgroupVar = "SHM_TEST_CGROUP"
	insideVar = "SHM_TEST_INSIDE"
)

// cannot begins the message of a process that could not make its surroundings.
const cannot = "cannot make the surroundings: "

// Run runs the named top-level test there and fails when it fails.
func (s Surroundings) Run(t *testing.T, test string) {
	t.Helper()
	if Emulated() {
		t.Skip("an emulator has no namespaces and no system call filters")
	}
	cmd := Self("-test.run=^"+test+"$", "-test.v", "-test.timeout=5m")
	s.apply(cmd, test)
	out, err := cmd.CombinedOutput()
	if _, why, ok := strings.Cut(string(out), cannot); ok {
		testenv.Need(t, "surroundings", why)
	}
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: "+test+" ", "no test ran")
}

// Inside skips a test unless Surroundings runs it.
func Inside(t *testing.T) {
	t.Helper()
	if os.Getenv(insideVar) != t.Name() {
		t.Skip("runs only in surroundings that another test makes")
	}
}

func (s Surroundings) apply(cmd *exec.Cmd, test string) {
	cmd.Env = append(os.Environ(), insideVar+"="+test, denyVar+"="+strings.Join(s.Deny, ","), cgroupVar+"="+s.Cgroup)
	if s.Dir != "" {
		cmd.Env = append(cmd.Env, "SHM_DIR="+s.Dir)
	}
	cmd.Env = append(cmd.Env, s.Env...)
	if s.Tmpfs == "" {
		return
	}
	cmd.Env = append(cmd.Env, tmpfsVar+"="+s.Tmpfs)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
	if uid := os.Geteuid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
}

// Surround makes the surroundings that the environment asks for, in the process
// that is to run in them: TestMain calls it first, if Main does not.
func Surround() {
	check := func(what string, err error) {
		if err != nil {
			fmt.Println(cannot+what, err)
			os.Exit(1)
		}
	}
	if options := os.Getenv(tmpfsVar); options != "" {
		check("mount: ", unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
		check("mount: ", unix.Mount("tmpfs", os.Getenv("SHM_DIR"), "tmpfs", 0, options))
	}
	if dir := os.Getenv(cgroupVar); dir != "" {
		check("cgroup: ", os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte("0"), 0o644))
	}
	if names := os.Getenv(denyVar); names != "" {
		check("seccomp: ", deny(strings.Split(names, ",")))
	}
	for _, v := range []string{tmpfsVar, cgroupVar, denyVar} {
		os.Unsetenv(v) // its own second processes inherit the real thing
	}
}

// Cgroup makes a memory cgroup with a limit in bytes, which goes with the test.
func Cgroup(t *testing.T, limit int) string {
	t.Helper()
	for _, c := range []struct{ mount, limit string }{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
		{"/sys/fs/cgroup/unified", "memory.max"},
		{"/sys/fs/cgroup", "memory.max"},
	} {
		dir, err := os.MkdirTemp(c.mount, "shmtest-")
		if err != nil {
			continue
		}
		// A group can go when its last process has been reaped, which the
		// kernel may finish a little later.
		t.Cleanup(func() {
			require.Eventually(t, func() bool { return os.Remove(dir) == nil }, Deadline, Deadline/1000)
		})
		if f, err := os.OpenFile(filepath.Join(dir, c.limit), os.O_WRONLY, 0); err == nil {
			defer f.Close()
			_, err = f.WriteString(strconv.Itoa(limit))
			require.NoError(t, err)
			return dir
		}
	}
	testenv.Need(t, "cgroup", "no memory cgroup can be made here")
	return ""
}
