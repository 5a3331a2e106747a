package main

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm/internal/shmtest"
	"github.com/seed72196e11/shm/internal/testenv"
)

func TestMain(m *testing.M) { shmtest.Main(m) }

// TestRun compares for real, with a small table.
func TestRun(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil || shmtest.Emulated() || !shmtest.Supported {
		t.Skip("this needs the go command and a supported system")
	}
	testenv.Python(t, "numpy")
	var stdout, stderr strings.Builder
	code := run(t.Context(), comparisons, []string{"-rows", "20000", "-pairs", "1", "-workers", "3"}, &stdout, &stderr)
	require.Zero(t, code, stderr.String())
	for _, want := range []string{
		`go1\.\d.*, Python 3\.\d.*, numpy \d`, `go run ./bench -rows 20000 -workers 3 -pairs 1`,
		`shm demo( +\d+\.\d{3}){3} .* 1\.00\n`, `Python  ( +\d+\.\d{3}){3} .* \d+\.\d{2}\n`,
	} {
		require.Regexp(t, want, stdout.String())
	}
	require.Contains(t, stderr.String(), "1 of 1: Python")
}

// fake does nothing, in the seconds given, one after the other.
func fake(name string, sum float64, seconds ...float64) way {
	return way{name, func(context.Context, setup) (measure, error) {
		i := 0
		return func(context.Context) (sample, error) {
			i++
			return sample{Seconds: seconds[i-1], Private: 1 << 20, Sum: sum}, nil
		}, nil
	}}
}

func compareFakes(ways ...way) (code int, stdout, stderr string) {
	var out, errs strings.Builder
	c := comparison{"fakes", func(setup) string { return "a job" }, ways}
	code = run(context.Background(), []comparison{c}, []string{"-pairs", "3"}, &out, &errs)
	return code, out.String(), errs.String()
}

func TestMedians(t *testing.T) {
	code, stdout, stderr := compareFakes(fake("ours", 1, 2, 1, 7), fake("theirs", 1+1e-15, 3, 5, 11))
	require.Zero(t, code, stderr)
	require.Contains(t, stdout, "fakes: a job\n\n"+
		"        median s   least s    most s   worker's own   ratio\n"+
		"ours       2.000     1.000     7.000        1.0 MiB    1.00\n"+
		"theirs     5.000     3.000    11.000        1.0 MiB    2.50\n")
}

func TestMissingPeer(t *testing.T) {
	gone := way{"theirs", func(context.Context, setup) (measure, error) { return nil, errors.New("install it") }}
	code, stdout, _ := compareFakes(fake("ours", 1, 2, 1, 7), gone)
	require.Equal(t, 1, code)
	require.Contains(t, stdout, "theirs  missing: install it\n")
	require.Regexp(t, `ours +2\.000`, stdout)
}

func TestOtherSum(t *testing.T) {
	code, _, stderr := compareFakes(fake("ours", 1, 2, 1, 7), fake("theirs", 1+1e-11, 3, 5, 11))
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "the sums differ: 1 by way of ours, 1.00000000001 by way of theirs")
}

func TestArguments(t *testing.T) {
	for _, args := range []string{"-rows 0", "-workers 0", "-pairs 0", "more", "-what"} {
		var stdout, stderr strings.Builder
		require.Equal(t, 2, run(t.Context(), nil, strings.Fields(args), &stdout, &stderr), args)
		require.NotEmpty(t, stderr.String(), args)
	}
}
