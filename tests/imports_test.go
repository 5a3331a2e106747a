package tests

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm/internal/shmtest"
	"github.com/seed72196e11/shm/internal/testenv"
)

const module = "github.com/seed72196e11/shm"

// libraries are the packages that programs import.
var libraries = []string{".", "./recarray"}

// systems are those that the libraries at least compile for.
var systems = []string{"linux", "darwin", "windows", "freebsd"}

// TestImports keeps what a program gets with the libraries small.
func TestImports(t *testing.T) {
	allowed := []string{module, "golang.org/x/sys", "github.com/google/uuid"}
	for _, system := range systems {
		t.Run(system, func(t *testing.T) {
			ours := 0
			for line := range strings.Lines(goTool(t, system, append([]string{"list", "-deps", "-f",
				`{{if not .Standard}}{{.ImportPath}} {{.Module.Path}} {{len .CgoFiles}} {{join .Imports " "}}{{end}}`}, libraries...)...)) {
				words := strings.Fields(line)
				pkg, from, cgo, imports := words[0], words[1], words[2], words[3:]
				require.Contains(t, allowed, from, "the libraries need %s", pkg)
				require.Equal(t, "0", cgo, "%s uses cgo", pkg)
				if from == module {
					ours++
					for _, heavy := range []string{"C", "runtime/cgo", "net", "os/user"} {
						require.NotContains(t, imports, heavy, "%s brings cgo where there is a C compiler", pkg)
					}
				}
			}
			require.GreaterOrEqual(t, ours, len(libraries), "the list is not complete")
		})
	}
}

// TestRecarrayStandsAlone: its tables lie in any bytes.
func TestRecarrayStandsAlone(t *testing.T) {
	deps := strings.Fields(goTool(t, "", "list", "-deps", "./recarray"))
	require.Contains(t, deps, module+"/recarray")
	require.NotContains(t, deps, module)
}

// TestBuildsWithoutCgo also where no backend has been written yet.
func TestBuildsWithoutCgo(t *testing.T) {
	for _, system := range systems {
		t.Run(system, func(t *testing.T) {
			goTool(t, system, append([]string{"build"}, libraries...)...)
		})
	}
}

// TestUnsafe keeps the files that handle addresses few.
func TestUnsafe(t *testing.T) {
	var found []string
	root := os.DirFS("..")
	require.NoError(t, fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".")) {
			return fs.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".go" {
			return nil
		}
		source, err := fs.ReadFile(root, path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, source, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return fmt.Errorf("%s imports %s: %w", path, spec.Path.Value, err)
			}
			require.NotEqual(t, "C", imported, path)
			if imported == "unsafe" {
				found = append(found, path)
			}
		}
		return nil
	}))
	slices.Sort(found)
	require.Equal(t, []string{
		"cmd/shm/private_windows.go",
		"internal/shmtest/deny_linux.go",
		"internal/shmtest/handles_windows.go",
		"internal/shmtest/tickets.go",
		"internal/shmtest/trace_linux.go",
		"libsystem_darwin.go",
		"mapping_unix.go",
		"mapping_windows.go",
		"recarray/unsafe.go",
	}, found)
}

// goTool runs the go command in the module's root, for a system if one is
// named ("linux", "linux/arm64"), and returns what it says.
func goTool(t *testing.T, system string, args ...string) string {
	t.Helper()
	tool, err := exec.LookPath("go")
	if err != nil || shmtest.Emulated() {
		testenv.Need(t, "go", "this needs the go command")
	}
	cmd := exec.Command(tool, args...)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if system != "" {
		system, arch, found := strings.Cut(system, "/")
		if !found {
			arch = "amd64"
		}
		cmd.Env = append(cmd.Env, "GOOS="+system, "GOARCH="+arch)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "go %v: %s", args, stderr.String())
	return string(out)
}
