//go:build linux || windows

package tests

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm"
	"github.com/seed72196e11/shm/internal/shmtest"
	"github.com/seed72196e11/shm/internal/testenv"
)

// python is a program of testdata that is told and says JSON, a value a line.
type python struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	values chan json.RawMessage
	stderr bytes.Buffer
	ended  bool
}

// startPython starts a program, which ends with the test.
func startPython(t *testing.T, program string, args ...any) *python {
	t.Helper()
	exe := testenv.Python(t, "numpy", "pandas")
	needPlace(t)
	words := []string{"-B", filepath.Join("testdata", program)} // -B: leave no __pycache__ behind
	for _, arg := range args {
		words = append(words, fmt.Sprint(arg))
	}
	ctx, cancel := context.WithTimeout(context.Background(), shmtest.Deadline)
	p := &python{t: t, cmd: exec.CommandContext(ctx, exe, words...), values: make(chan json.RawMessage)}
	p.cmd.Stderr = &p.stderr
	p.cmd.WaitDelay = shmtest.Deadline
	group(p.cmd)
	var err error
	p.stdin, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() {
		if !p.ended {
			p.end()
		}
		cancel()
		for range p.values {
			// What nobody asked for any more.
		}
		if t.Failed() {
			t.Logf("%s: %s", program, &p.stderr)
		}
	})
	go func() {
		defer close(p.values)
		for in := json.NewDecoder(stdout); ; {
			var v json.RawMessage
			if in.Decode(&v) != nil {
				return
			}
			p.values <- v
		}
	}()
	return p
}

// tell gives the program a value and does not wait.
func (p *python) tell(v any) {
	p.t.Helper()
	require.NoError(p.t, json.NewEncoder(p.stdin).Encode(v))
}

// answer takes the next value that the program says.
func (p *python) answer(into any) {
	p.t.Helper()
	select {
	case v, ok := <-p.values:
		require.True(p.t, ok, "Python ended without an answer")
		require.NoError(p.t, json.Unmarshal(v, into))
	case <-time.After(shmtest.Deadline):
		require.FailNow(p.t, "Python does not answer")
	}
}

func (p *python) ask(v, into any) {
	p.t.Helper()
	p.tell(v)
	p.answer(into)
}

// end lets the program end, by the end of its input, and waits for it and for
// its resource tracker: that has inherited stderr, which Wait reads to the end.
func (p *python) end() {
	p.t.Helper()
	p.ended = true
	p.stdin.Close()
	err := p.cmd.Wait()
	if errors.Is(err, exec.ErrWaitDelay) {
		// Killed at the deadline; somebody of its group is still there.
		killGroup(p.cmd)
	}
	if err != nil {
		p.t.Errorf("Python ended with %v", err)
	}
}

// openSegment opens a segment, which is closed at the end of the test.
func openSegment(t *testing.T, name string) shm.Segment {
	t.Helper()
	seg, err := shm.Open(name, nil)
	require.NoError(t, err)
	t.Cleanup(func() { seg.Close() })
	return seg
}
