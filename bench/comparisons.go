package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/seed72196e11/shm/internal/testenv"
)

// comparisons are what is measured, in this order.
var comparisons = []comparison{
	{
		name: "table to workers",
		job: func(s setup) string {
			return fmt.Sprintf("%d records of 22 bytes are copied into shared memory, and %d new\n"+
				"processes each sum a whole column; from the finished table to the last sum", s.rows, s.workers)
		},
		ways: []way{{"shm demo", demo}, {"Python", seed}},
	},
}

// demo is this module's command.
func demo(ctx context.Context, s setup) (measure, error) {
	build := exec.CommandContext(ctx, "go", "build", "-o", s.dir+string(filepath.Separator), "github.com/seed72196e11/shm/cmd/shm")
	if _, err := output(build); err != nil {
		return nil, err
	}
	return func(ctx context.Context) (sample, error) {
		var result struct {
			Rows, Workers int
			Sum           float64
			Shared        sample
		}
		err := said(exec.CommandContext(ctx, filepath.Join(s.dir, "shm"), "demo", "--json", "--only", "shared",
			"--rows", strconv.Itoa(s.rows), "--workers", strconv.Itoa(s.workers)), &result)
		if err == nil && (result.Rows != s.rows || result.Workers != s.workers) {
			err = fmt.Errorf("it took %d rows and %d workers instead: there is too little memory", result.Rows, result.Workers)
		}
		result.Shared.Sum = result.Sum
		return result.Shared, err
	}, nil
}

//go:embed seed.py
var seedProgram []byte

// seed is the same in Python.
func seed(ctx context.Context, s setup) (measure, error) {
	python, err := testenv.FindPython("numpy")
	if err != nil {
		return nil, err
	}
	program := filepath.Join(s.dir, "seed.py") // a file, which its workers may have to import
	if err := os.WriteFile(program, seedProgram, 0o600); err != nil {
		return nil, err
	}
	return func(ctx context.Context) (sample, error) {
		var result sample
		err := said(exec.CommandContext(ctx, python, program, strconv.Itoa(s.rows), strconv.Itoa(s.workers)), &result)
		return result, err
	}, nil
}

// said runs a program and reads what it says as JSON.
func said(cmd *exec.Cmd, result any) error {
	out, err := output(cmd)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out, result); err != nil {
		return fmt.Errorf("it said %q: %w", out, err)
	}
	return nil
}

// output runs a program and returns what it says. When its context ends it is
// interrupted, so that it can remove its segment, before it is killed.
func output(cmd *exec.Cmd) ([]byte, error) {
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if text := strings.TrimSpace(stderr.String()); err != nil && text != "" {
		err = fmt.Errorf("%w: %s", err, text)
	}
	return out, err
}
