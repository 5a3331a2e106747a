package shmtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm"
)

const (
	// childVar in the environment makes a test binary play a second process:
	// it names the role.
	childVar = "SHM_TEST_CHILD"

	// execVar is the emulator that the test binary itself runs under, as given
	// to go test -exec.
	execVar = "SHM_TEST_EXEC"

	// Deadline bounds every wait for another process. It is long, so that only
	// a hang ever meets it.
	Deadline = 60 * time.Second
)

// roles are what a second process can be. Each reads what it is told and says
// what it has done, line by line.
var roles = map[string]func(in io.Reader, out io.Writer){obedient: obey, hammering: hammerAway}

const obedient = "obedient"

// Role adds a role of a package's own, before Main.
func Role(name string, play func(in io.Reader, out io.Writer)) { roles[name] = play }

// Main is what a package's TestMain calls: an Audited run, or in a second
// process the role of that one.
func Main(m *testing.M) {
	Surround()
	if role := os.Getenv(childVar); role != "" {
		roles[role](os.Stdin, os.Stdout)
		return // without Close, as a killed process would
	}
	os.Exit(Audited{m}.Run())
}

// Audited is a package's tests, which fail if they leave a segment, a mapping or
// a descriptor behind.
type Audited struct{ M interface{ Run() int } }

func (a Audited) Run() (code int) {
	remove := ownDirectory()
	defer remove()
	before := descriptors()
	code = a.M.Run()
	left := leftovers()
	for _, d := range descriptors() {
		if !slices.Contains(before, d) {
			left = append(left, "descriptor "+d)
		}
	}
	if len(left) > 0 && code == 0 {
		fmt.Fprintf(os.Stderr, "the tests left behind:\n%s\n", strings.Join(left, "\n"))
		code = 1
	}
	return code
}

// Process is a second process, as a rule this test binary, doing what it is
// told.
type Process struct {
	t     testing.TB
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan string
}

// Start starts a second process that obeys, and is killed at the end of the
// test. More can be said in its environment ("SHM_DIR=…").
func Start(t testing.TB, env ...string) *Process {
	t.Helper()
	return StartAs(t, obedient, env...)
}

// StartAs is Start for another role.
func StartAs(t testing.TB, role string, env ...string) *Process {
	t.Helper()
	cmd := Self()
	cmd.Env = append(append(os.Environ(), childVar+"="+role), env...)
	return StartCommand(t, cmd)
}

// StartCommand is Start for another program that answers as obey does.
func StartCommand(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	p := &Process{t, cmd, stdin, make(chan string, 16)}
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(stdout); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	t.Cleanup(p.Kill)
	return p
}

// Self is a command that runs this test binary again.
func Self(args ...string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	if emulator := os.Getenv(execVar); emulator != "" {
		return exec.Command(emulator, append([]string{exe}, args...)...)
	}
	return exec.Command(exe, args...)
}

// Emulated says whether this binary runs under an emulator of its processor.
func Emulated() bool { return os.Getenv(execVar) != "" }

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Tell gives a command (see obey) and does not wait.
func (p *Process) Tell(words ...any) {
	p.t.Helper()
	_, err := fmt.Fprintln(p.stdin, words...)
	require.NoError(p.t, err)
}

// Answer is the next line the process says.
func (p *Process) Answer() string {
	p.t.Helper()
	line, ok := p.AnswerOrEnd()
	require.True(p.t, ok, "the second process ended without an answer")
	return line
}

// AnswerOrEnd is Answer for a process that may end instead.
func (p *Process) AnswerOrEnd() (line string, ok bool) {
	p.t.Helper()
	select {
	case line, ok := <-p.lines:
		return line, ok
	case <-time.After(Deadline):
		require.FailNow(p.t, "the second process does not answer")
		return "", false
	}
}

// Ask gives a command and returns what follows "ok" in the answer. Any other
// answer fails the test.
func (p *Process) Ask(words ...any) string {
	p.t.Helper()
	p.Tell(words...)
	answer := p.Answer()
	rest, ok := strings.CutPrefix(answer, "ok")
	require.True(p.t, ok, "second process, %v: got %q, want ok", words, answer)
	return strings.TrimSpace(rest)
}

// Running says whether the process, which has nothing to say, has not ended.
func (p *Process) Running() bool {
	select {
	case _, open := <-p.lines:
		return open
	default:
		return true
	}
}

// Kill ends the process as kill -9 does and waits until it is gone.
func (p *Process) Kill() {
	p.cmd.Process.Kill()
	p.cmd.Wait()
}

// Exit lets the process end by returning from main, without Close.
func (p *Process) Exit() {
	p.t.Helper()
	p.stdin.Close()
	done := make(chan error, 1)
	go func() { done <- p.cmd.Wait() }()
	select {
	case err := <-done:
		require.NoError(p.t, err)
	case <-time.After(Deadline):
		require.FailNow(p.t, "the second process does not end")
	}
}

// obey does what each line of in says and answers it with a line: "ok" and a
// result, or the sentinel and the sentence of an error.
//
//	umask OCTAL, become UID
//	create NAME SIZE [MODE] [last] [scope] [pruning]    and stay attached: with
//	                           that mode, until last close, through a Scope,
//	                           with a Prune in Init
//	fill NAME SIZE             create, say "filling" in Init, never return
//	open NAME [ro [observe]]   answers the size
//	read OFFSET                answers the byte
//	write OFFSET BYTE
//	close, unlink, end         the last ends the Scope
//	rm NAME                    unlink by name
//	stat NAME                  answers the users
//	prune                      answers the names of what went
//	descriptors                answers how many are open
func obey(in io.Reader, out io.Writer) {
	var seg shm.Segment
	scope := shm.NewScope(context.Background())
	for s := bufio.NewScanner(in); s.Scan(); {
		words := strings.Fields(s.Text())
		number := func(i int) int { n, _ := strconv.Atoi(words[i]); return n }
		var result any = ""
		var err error
		switch words[0] {
		case "create":
			var o shm.Options
			make := shm.Create
			for _, word := range words[3:] {
				switch word {
				case "last":
					o.Lifetime = shm.UntilLastClose
				case "scope":
					make = scope.Create
				case "pruning":
					o.Init = func([]byte) error { _, err := shm.Prune(); return err }
				default:
					o.Mode, err = parseMode(word)
				}
			}
			if err == nil {
				seg, err = make(words[1], number(2), &o)
			}
		case "umask":
			var mask fs.FileMode
			mask, err = parseMode(words[1])
			umask(int(mask))
		case "become":
			err = become(number(1))
		case "fill":
			_, err = shm.Create(words[1], number(2), &shm.Options{Init: func(mem []byte) error {
				mem[0] = 1
				fmt.Fprintln(out, "filling")
				_, err := in.Read(make([]byte, 1)) // for ever
				return err
			}})
		case "open":
			seg, err = shm.Open(words[1], &shm.Options{ReadOnly: len(words) > 2, Observe: len(words) > 3})
			if err == nil {
				result = seg.Size()
			}
		case "read":
			result = seg.Bytes()[number(1)]
		case "write":
			seg.Bytes()[number(1)] = byte(number(2))
		case "close":
			err = seg.Close()
		case "unlink":
			err = seg.Unlink()
		case "end":
			err = scope.Close()
		case "rm":
			err = shm.Unlink(words[1])
		case "stat":
			var info shm.Info
			info, err = shm.Stat(words[1])
			result = info.Users
		case "descriptors":
			result = len(descriptors())
		case "prune":
			var infos []shm.Info
			infos, err = shm.Prune()
			result = strings.Join(infoNames(infos), " ")
		default:
			err = errors.New("what is " + words[0] + "?")
		}
		if err != nil {
			fmt.Fprintln(out, "error", sentinel(err), err)
			continue
		}
		fmt.Fprintln(out, "ok", result)
	}
}

func infoNames(infos []shm.Info) (names []string) {
	for _, i := range infos {
		names = append(names, i.Name)
	}
	return names
}

// sentinel names the kind of an error, for the other side of a pipe.
func sentinel(err error) string {
	for name, kind := range map[string]error{
		"exist": fs.ErrExist, "not-exist": fs.ErrNotExist, "permission": fs.ErrPermission, "invalid": fs.ErrInvalid,
	} {
		if errors.Is(err, kind) {
			return name
		}
	}
	return "other"
}

// parseMode reads octal digits.
func parseMode(text string) (fs.FileMode, error) {
	mode, err := strconv.ParseUint(text, 8, 32)
	return fs.FileMode(mode), err
}
