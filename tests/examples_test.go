package tests

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm"
	"github.com/seed72196e11/shm/internal/testenv"
)

// programs are the two of examples, built for one system.
type programs struct {
	dir, suffix string
	wrapper     string   // runs them on a system that is not theirs
	env         []string // beside the environment
}

func buildPrograms(t *testing.T, target string) programs {
	t.Helper()
	p := programs{dir: testenv.TempDir(t)}
	if strings.HasPrefix(target, "windows/") {
		p.suffix = ".exe"
	}
	goTool(t, target, "build", "-o", p.dir+string(filepath.Separator), "./examples/...")
	for _, name := range []string{"writer", "reader"} {
		require.FileExists(t, filepath.Join(p.dir, name+p.suffix))
	}
	return p
}

// run runs a program to its end.
func (p programs) run(t *testing.T, name string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	words := append([]string{filepath.Join(p.dir, name+p.suffix)}, args...)
	if p.wrapper != "" {
		words = append([]string{p.wrapper}, words...)
	}
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Env = append(os.Environ(), p.env...)
	var out, errOut strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		require.ErrorAs(t, err, new(*exec.ExitError))
	}
	return cmd.ProcessState.ExitCode(), out.String(), errOut.String()
}

// handOver lets the reader find what the writer, which has ended by then, left
// under a name. Once it is read it is gone.
func (p programs) handOver(t *testing.T) {
	t.Helper()
	status, stdout, stderr := p.run(t, "writer")
	require.Equal(t, 0, status, "writer: %s", stderr)
	require.Empty(t, stderr)
	name := strings.TrimRight(stdout, "\r\n")
	require.Regexp(t, `^psm_[0-9a-v]{26}$`, name)
	if p.wrapper == "" {
		t.Cleanup(func() {
			if err := shm.Unlink(name); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the reader left the segment: %v", err)
			}
		})
	}

	status, stdout, stderr = p.run(t, "reader", name)
	require.Equal(t, 0, status, "reader: %s", stderr)
	require.Empty(t, stderr)
	var words [][]string
	for line := range strings.Lines(stdout) {
		words = append(words, strings.Fields(line))
	}
	require.Equal(t, [][]string{
		{"date", "val", "sym"},
		{"2024-01-02T09:30:00", "187.15", "AAPL"},
		{"2024-01-02T09:30:01", "373.86", "MSFT"},
		{"2024-01-02T09:30:02", "139.6", "GOOG"},
	}, words)

	status, stdout, stderr = p.run(t, "reader", name)
	require.Equal(t, 1, status)
	require.Empty(t, stdout)
	require.Regexp(t, fmt.Sprintf(`^reader: shm: open "%s": there is no segment of this name.*\r?\n$`, name), stderr)
}

// TestExamplesBuild builds them for every system from any.
func TestExamplesBuild(t *testing.T) {
	for _, system := range []string{"linux", "darwin", "windows"} {
		for _, arch := range []string{"amd64", "arm64"} {
			t.Run(system+"/"+arch, func(t *testing.T) { buildPrograms(t, system+"/"+arch) })
		}
	}
}

// TestExamplesImport: the libraries are all that they need.
func TestExamplesImport(t *testing.T) {
	for line := range strings.Lines(goTool(t, "", "list", "-f", `{{join .Imports "\n"}}`, "./examples/...")) {
		if pkg := strings.TrimSpace(line); strings.Contains(pkg, ".") {
			require.Contains(t, []string{module, module + "/recarray"}, pkg)
		}
	}
}

func TestExamples(t *testing.T) {
	if _, err := shm.List(); errors.Is(err, errors.ErrUnsupported) {
		t.Skip("the package has no shared memory on this system")
	}
	p := buildPrograms(t, runtime.GOOS+"/"+runtime.GOARCH)
	p.handOver(t)

	t.Run("misuse", func(t *testing.T) {
		for _, c := range [][]string{{"writer", "a name"}, {"reader"}, {"reader", "a", "b"}} {
			status, stdout, stderr := p.run(t, c[0], c[1:]...)
			require.Equal(t, 2, status, "%v", c)
			require.Empty(t, stdout)
			require.Regexp(t, `^usage: `+c[0], stderr)
		}
		status, _, stderr := p.run(t, "reader", "")
		require.Equal(t, 1, status)
		require.Contains(t, stderr, "it has no name")
	})
}

// TestExamplesOnWine runs those of Windows.
func TestExamplesOnWine(t *testing.T) {
	wrapper := os.Getenv("SHM_TEST_WINE")
	if wrapper == "" || runtime.GOOS != "linux" {
		testenv.Need(t, "wine", "SHM_TEST_WINE names no program that runs others under Wine")
	}
	p := buildPrograms(t, "windows/amd64")
	p.wrapper = wrapper
	p.env = []string{"SHM_DIR=Z:" + strings.ReplaceAll(t.TempDir(), "/", `\`)} // which goes with the test
	p.handOver(t)
}
