package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm"
	"github.com/seed72196e11/shm/internal/shmtest"
	"github.com/seed72196e11/shm/internal/testenv"
	"github.com/seed72196e11/shm/recarray"
)

// deadline bounds every wait for a process. Only a hang meets it.
const deadline = time.Minute

// running is the command as a process, with its segments in a directory of its
// own and in a process group of its own, as a shell starts it.
type running struct {
	*exec.Cmd
	dir            string
	stdout, stderr bytes.Buffer
	ended          chan error
}

func start(t *testing.T, args ...string) *running {
	r := prepare(t, args...)
	r.run(t)
	return r
}

func prepare(t *testing.T, args ...string) *running {
	r := &running{Cmd: exec.Command("shm", args...), dir: dirInMemory(t), ended: make(chan error, 1)}
	r.Env = append(os.Environ(), "SHM_DIR="+r.dir)
	r.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	r.Stdout, r.Stderr = &r.stdout, &r.stderr
	return r
}

func (r *running) run(t *testing.T) {
	require.NoError(t, r.Start())
	go func() { r.ended <- r.Wait() }()
	t.Cleanup(func() { syscall.Kill(-r.Process.Pid, syscall.SIGKILL) })
}

func dirInMemory(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", ".shmtest-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// end waits until the process has ended, and returns its exit status; of one
// that a signal killed it is -1.
func (r *running) end(t *testing.T) int {
	t.Helper()
	select {
	case <-r.ended:
	case <-time.After(deadline):
		require.FailNow(t, "the command does not end")
	}
	return r.ProcessState.ExitCode()
}

func (r *running) left(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(r.dir)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// stopWorker stops a worker of the command and returns it. Go starts other
// processes too, to see what the kernel can do, and each begins as the command
// itself.
func (r *running) stopWorker(t *testing.T) (pid int) {
	t.Helper()
	stopped := func(child int) bool {
		words, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", child))
		if !bytes.Contains(words, []byte("\x00worker\x00")) || syscall.Kill(child, syscall.SIGSTOP) != nil {
			return false
		}
		t.Cleanup(func() { syscall.Kill(child, syscall.SIGKILL) })
		for deadline := time.Now().Add(deadline); time.Now().Before(deadline); {
			switch state, _ := state(child); state {
			case "T":
				return true
			case "", "Z", "X": // it had ended before
				return false
			}
		}
		return false
	}
	require.Eventually(t, func() bool {
		for _, pid = range children(r.Process.Pid) {
			if stopped(pid) {
				return true
			}
		}
		return false
	}, deadline, time.Millisecond)
	return pid
}

// bigFile is a .npy file that takes a while to load.
func bigFile(t *testing.T) string {
	dt, err := recarray.ParseDType(demoDType)
	require.NoError(t, err)
	image, _, err := newImage(dt, 2_000_000)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "big.npy")
	require.NoError(t, os.WriteFile(path, image, 0o600))
	return path
}

// TestLoadKilled ends load with each signal at moments from its first to its
// last. Either nothing is left, or the segment is whole: killed when it was done,
// but before it could say so.
func TestLoadKilled(t *testing.T) {
	path := bigFile(t)
	whole := start(t, "load", path)
	began := time.Now()
	require.Equal(t, done, whole.end(t))
	takes := time.Since(began)

	const moments = 15
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		var early int
		for i := range moments {
			r := start(t, "load", path)
			// Not to synchronise: any moment will do, and all are wanted.
			time.Sleep(takes * time.Duration(i) / moments)
			syscall.Kill(-r.Process.Pid, sig)
			switch code := r.end(t); {
			case code == done:
				require.Equal(t, []string{strings.TrimSpace(r.stdout.String())}, r.left(t))
				continue
			case sig == syscall.SIGINT && code == interrupted:
				require.Contains(t, r.stderr.String(), "nothing is left")
			}
			if left := r.left(t); len(left) > 0 && sig == syscall.SIGKILL {
				head := exec.Command("shm", append([]string{"head"}, left...)...)
				head.Env = r.Env
				out, err := head.CombinedOutput()
				require.NoError(t, err, "%s", out)
				continue
			}
			early++
			require.Empty(t, r.left(t), "after %v, %d of %d: %s", sig, i, moments, &r.stderr)
			require.Empty(t, r.stdout.String())
		}
		require.NotZero(t, early, "%v never came in time", sig)
	}
}

// TestLoadUnheard has nobody who reads the name: then nobody could ever find the
// segment, and it does not stay.
func TestLoadUnheard(t *testing.T) {
	path := bigFile(t)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, r.Close())
	defer w.Close()
	unheard := prepare(t, "load", path)
	unheard.Stdout = w
	unheard.run(t)
	require.Equal(t, failed, unheard.end(t))
	require.Contains(t, unheard.stderr.String(), "the segment was removed again")
	require.Empty(t, unheard.left(t))
}

// TestLoadOfWhatNobodyCanHold has a file of 4 PB, nearly all of it holes.
func TestLoadOfWhatNobodyCanHold(t *testing.T) {
	dt, err := recarray.ParseDType("[('a', '<i4')]")
	require.NoError(t, err)
	image, _, err := newImage(dt, 3)
	require.NoError(t, err)
	const records = "1000000000000000"
	head := strings.Replace(string(image[:len(image)-12]), "(3,), }"+strings.Repeat(" ", len(records)-1), "("+records+",), }", 1)
	r := prepare(t, "load", filepath.Join(dirInMemory(t), "big.npy"))
	require.NoError(t, os.WriteFile(r.Args[2], []byte(head), 0o600))
	require.NoError(t, os.Truncate(r.Args[2], 5e15))
	r.run(t)
	require.Equal(t, failed, r.end(t))
	require.Regexp(t, `(wanted, .* free in|more than the 32 bits of this process)`, r.stderr.String())
	require.Empty(t, r.left(t))
}

// TestHeadInterrupted: a command that has nothing to clean up dies of the
// signal, at once.
func TestHeadInterrupted(t *testing.T) {
	load := start(t, "load", bigFile(t))
	require.Equal(t, done, load.end(t))
	head := prepare(t, "head", "-n", "2000000", strings.TrimSpace(load.stdout.String()))
	head.Env = load.Env
	head.run(t)
	require.NoError(t, syscall.Kill(-head.Process.Pid, syscall.SIGINT))
	head.end(t)
	require.Equal(t, syscall.SIGINT, head.ProcessState.Sys().(syscall.WaitStatus).Signal())
}

// TestDemoInterrupted presses Ctrl-C at moments of the demo: the whole process
// group gets the signal, as from a terminal.
func TestDemoInterrupted(t *testing.T) {
	for range 12 {
		r := start(t, "demo", "--rows", "500000", "--workers", "3")
		time.Sleep(rand.N(700 * time.Millisecond)) // any moment will do
		syscall.Kill(-r.Process.Pid, syscall.SIGINT)
		if code := r.end(t); code != done && code != -1 { // -1: before the command was ready to catch it
			require.Equal(t, interrupted, code, "%s", &r.stderr)
			require.Equal(t, "shm: interrupted; nothing is left in shared memory\n", r.stderr.String())
		}
		require.Empty(t, r.left(t))
		require.Empty(t, children(r.Process.Pid), "workers go on")
	}
}

// TestDemoKilled kills the demo while its workers have the segment. As long as
// one of them lives it is in use; then it is there for nobody, and looking at it
// does not change that until somebody says prune.
func TestDemoKilled(t *testing.T) {
	r := start(t, "demo", "--rows", "3000000", "--workers", "2", "--only", wayShared)
	t.Setenv("SHM_DIR", r.dir) // so that the test itself can look, without opening it
	command := func(args ...string) string {
		out, err := exec.Command("shm", args...).CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	stopped := r.stopWorker(t) // so that neither it nor the demo ends
	var name string
	require.Eventually(t, func() bool {
		left := r.left(t)
		if len(left) == 1 {
			name = left[0]
		}
		return len(left) == 1
	}, deadline, time.Millisecond)
	require.Regexp(t, name+` .* last close +[1-3] +[-0-9]`, command("ls"))
	require.Empty(t, command("prune"), "it is in use")

	require.NoError(t, r.Process.Kill())
	r.end(t)
	require.NoError(t, syscall.Kill(stopped, syscall.SIGKILL))
	require.Eventually(t, func() bool { // the other worker ends when it finds nobody to tell
		info, err := shm.Stat(name)
		return err == nil && info.Users == 0
	}, deadline, time.Millisecond)
	require.Regexp(t, name+` .* last close +0 +3000000 +\[`, command("ls"))
	require.Contains(t, command("stat", name), "\nusers:           0\n")
	require.Equal(t, []string{name}, r.left(t))

	require.Equal(t, name+"  62.9 MiB\n", command("prune"))
	require.Empty(t, r.left(t))
	require.Empty(t, command("prune"))
}

// TestWorkerDies kills one worker of each way.
func TestWorkerDies(t *testing.T) {
	for _, way := range []string{wayShared, wayRaw, wayGob} {
		t.Run(way, func(t *testing.T) {
			r := start(t, "demo", "--rows", "3000000", "--workers", "2", "--only", way)
			victim := r.stopWorker(t) // so that it cannot end first
			require.NoError(t, syscall.Kill(victim, syscall.SIGKILL))
			require.Equal(t, failed, r.end(t), "%s", &r.stderr)
			require.Regexp(t, fmt.Sprintf(`^shm: %s: worker [12] of 2 \(process %d\) ended early: signal: killed\n$`, way, victim), r.stderr.String())
			require.Empty(t, r.left(t))
		})
	}
}

// TestWorkerFails has workers that cannot get their table: they say why.
func TestWorkerFails(t *testing.T) {
	for _, c := range []struct{ way, stdin, says string }{
		{wayShared, "nowhere", `shm: open "nowhere": there is no segment`},
		{wayShared, "", "shm: open: it has no name"},
		{wayRaw, "\x93NUMPY", "shm: unexpected EOF"},
		{wayGob, "", "shm: EOF"},
	} {
		cmd := exec.Command("shm", "worker", c.way, "val", "--size", "100", "--dtype", demoDType)
		cmd.Stdin = strings.NewReader(c.stdin)
		out, err := cmd.CombinedOutput()
		require.Error(t, err)
		require.Equal(t, failed, cmd.ProcessState.ExitCode())
		require.True(t, strings.HasPrefix(string(out), c.says), "%s", out)
	}
}

// children are the processes that pid has started.
func children(pid int) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, stat := range stats {
		child, _ := strconv.Atoi(strings.Split(stat, "/")[2])
		if _, parent := state(child); parent == pid {
			pids = append(pids, child)
		}
	}
	return pids
}

// state says how a process is, in a letter of proc_pid_stat(5), and who started
// it.
func state(pid int) (state string, parent int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	// pid (name) state ppid …, and the name may hold anything
	_, rest, _ := strings.Cut(string(text), ") ")
	if fields := strings.Fields(rest); len(fields) > 1 {
		state = fields[0]
		parent, _ = strconv.Atoi(fields[1])
	}
	return state, parent
}

// TestDemoWhereSpaceIsShort has 1 MiB of shared memory, and then 256 MiB of
// memory in all. The demo takes the table and the workers that fit, and says so.
func TestDemoWhereSpaceIsShort(t *testing.T) {
	shmtest.Surroundings{Dir: t.TempDir(), Tmpfs: "size=1m"}.Run(t, "TestDemoInSmallTmpfs")
	if !testenv.Race { // its memory is not in the demo's plan
		shmtest.Surroundings{Cgroup: shmtest.Cgroup(t, 256<<20)}.Run(t, "TestDemoInCgroup")
	}
}

func TestDemoInSmallTmpfs(t *testing.T) {
	shmtest.Inside(t)
	out, err := exec.Command("shm", "demo", "--rows", "100000", "--workers", "2").CombinedOutput()
	require.NoError(t, err, "%s", out)
	dt, err := recarray.ParseDType(demoDType)
	require.NoError(t, err)
	header, err := recarray.NPYSize(dt, 0)
	require.NoError(t, err)
	fit := thousands((1<<20 - header) / dt.Itemsize())
	require.Contains(t, string(out), "shm: 100,000 records do not fit in "+shmtest.Dir()+" (1.0 MiB free): "+fit+" instead\n")
	require.Contains(t, string(out), "\n"+fit+" records of ")
	entries, err := os.ReadDir(shmtest.Dir())
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestDemoInCgroup(t *testing.T) {
	shmtest.Inside(t)
	out, err := exec.Command("shm", "demo", "--workers", "16").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Regexp(t, `shm: 16 workers do not fit in memory cgroup .* 2 instead\n`, string(out))
	require.Regexp(t, `shm: 10,000,000 records do not fit in memory cgroup .* instead\n`, string(out))

	// A file may be larger than the memory there is.
	dt, err := recarray.ParseDType("[('a', 'S1000'), ('b', '<f8')]")
	require.NoError(t, err)
	head, _, err := newImage(dt, 0)
	require.NoError(t, err)
	const n = "1000000"
	path := filepath.Join(t.TempDir(), "large.npy")
	text := strings.Replace(string(head), "(0,), }"+strings.Repeat(" ", len(n)-1), "("+n+",), }", 1)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	require.NoError(t, os.Truncate(path, int64(len(text)+1_000_000*dt.Itemsize())))
	out, err = exec.Command("shm", "demo", "--npy", path).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Regexp(t, `shm: 1,000,000 records do not fit in memory cgroup .* instead\n`, string(out))
	out, err = exec.Command("shm", "load", path).CombinedOutput()
	require.Error(t, err)
	require.Regexp(t, `^shm: create "psm_.*": .* free in memory cgroup`, string(out))

	csv := filepath.Join(t.TempDir(), "large.csv")
	require.NoError(t, os.WriteFile(csv, []byte("a,b\n"+strings.Repeat("x,1\n", 500_000)), 0o600))
	out, err = exec.Command("shm", "load", csv, "--dtype", dt.String()).CombinedOutput()
	require.Error(t, err)
	require.Regexp(t, `^shm: .*large.csv: its records do not fit in memory cgroup .* free\)\n$`, string(out))
}
