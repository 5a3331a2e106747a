package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/seed72196e11/shm/internal/shmtest"
)

func TestMain(m *testing.M) {
	shmtest.Surround()
	testscript.Main(shmtest.Audited{M: m}, map[string]func(){"shm": main})
}

// TestScripts runs testdata/*.txt. Each has a directory of its own for its
// segments, in the shared memory file system; "empty" checks that none is left.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			dir, err := os.MkdirTemp("/dev/shm", ".shmtest-")
			if err != nil {
				return err
			}
			env.Defer(func() { os.RemoveAll(dir) })
			env.Setenv("SHM_DIR", dir)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"empty": func(ts *testscript.TestScript, neg bool, args []string) {
				left, err := filepath.Glob(ts.Getenv("SHM_DIR") + "/*")
				ts.Check(err)
				hidden, err := filepath.Glob(ts.Getenv("SHM_DIR") + "/.*")
				ts.Check(err)
				if left = append(left, hidden...); (len(left) == 0) == neg {
					ts.Fatalf("in shared memory: %v", left)
				}
			},
		},
	})
}
