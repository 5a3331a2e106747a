package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm/internal/testenv"
)

// canned is what go test -json says of a suite that has one of each.
const canned = `{"Action":"start","Package":"x"}
{"Action":"run","Package":"x","Test":"TestContract"}
{"Action":"run","Package":"x","Test":"TestContract/fresh"}
{"Action":"pause","Package":"x","Test":"TestContract/fresh"}
{"Action":"run","Package":"x","Test":"TestContract/exit_leaves"}
{"Action":"run","Package":"x","Test":"TestContract/reserved"}
{"Action":"run","Package":"x","Test":"TestContract/guard"}
{"Action":"run","Package":"x","Test":"TestContract/prune"}
{"Action":"cont","Package":"x","Test":"TestContract/guard"}
{"Action":"output","Package":"x","Test":"TestContract/guard","Output":"=== CONT  TestContract/guard\n"}
{"Action":"output","Package":"x","Test":"TestContract/guard","Output":"    log.go:3: not this\n"}
{"Action":"output","Package":"x","Test":"TestContract/guard","Output":"    contract_test.go:12: no: faults\n"}
{"Action":"output","Package":"x","Test":"TestContract/guard","Output":"        here | there\n"}
{"Action":"output","Package":"x","Test":"TestContract/guard","Output":"--- SKIP: TestContract/guard (0.00s)\n"}
{"Action":"skip","Package":"x","Test":"TestContract/guard","Elapsed":0}
{"Action":"run","Package":"x","Test":"TestContract/reserved/in_a_small_one"}
{"Action":"output","Package":"x","Test":"TestContract/reserved/in_a_small_one","Output":"    a.go:1: only root may mount, and this is not root, as far as can be seen\n"}
{"Action":"skip","Package":"x","Test":"TestContract/reserved/in_a_small_one","Elapsed":0}
{"Action":"pass","Package":"x","Test":"TestContract/reserved","Elapsed":0}
{"Action":"output","Package":"x","Test":"TestContract/exit_leaves/killed","Output":"    a.go:9: it is gone\n"}
{"Action":"fail","Package":"x","Test":"TestContract/exit_leaves/killed","Elapsed":0}
{"Action":"fail","Package":"x","Test":"TestContract/exit_leaves","Elapsed":0}
{"Action":"pass","Package":"x","Test":"TestContract/fresh","Elapsed":0}
{"Action":"pass","Package":"x","Test":"TestContractNot/fresh","Elapsed":0}
{"Action":"output","Package":"x","Output":"FAIL\n"}
{"Action":"fail","Package":"x","Elapsed":0.6}
`

func TestParse(t *testing.T) {
	var stderr bytes.Buffer
	promises, err := parse(strings.NewReader(canned), &stderr)
	require.NoError(t, err)
	require.Equal(t, []promise{
		{name: "fresh", result: kept},
		{name: "exit leaves", result: failed},
		{name: "reserved", result: kept, skips: []string{"in a small one: only root may mount, and this is not root, as far as can be seen"}},
		{name: "guard", result: skipped, why: "no: faults here | there"},
		{name: "prune", result: failed}, // it never ended
	}, promises)
	require.Contains(t, stderr.String(), "it is gone")

	_, err = parse(strings.NewReader("# x\n./x.go:1: no\n"), &stderr)
	require.ErrorContains(t, err, "no JSON")
	promises, err = parse(strings.NewReader(`{"Action":"build-output","Output":"x.go:1: no\n"}`+"\n"+`{"Action":"build-fail"}`), &stderr)
	require.NoError(t, err)
	require.Empty(t, promises)
	require.Contains(t, stderr.String(), "x.go:1: no")
}

func TestReason(t *testing.T) {
	require.Equal(t, "it does not say why", reason("--- SKIP: TestContract/x (0.00s)\n"))
	require.Equal(t, "a: b.go:1: c", reason("=== RUN   x\n    x_test.go:7: a: b.go:1: c\n--- SKIP: x (0.00s)\n"))
}

func TestTable(t *testing.T) {
	promises, err := parse(strings.NewReader(canned), &bytes.Buffer{})
	require.NoError(t, err)
	fine := []promise{{name: "fresh", result: kept}, {name: "more", result: skipped, why: "long" + strings.Repeat(" long", 20)}}
	columns := []column{{system: "a", promises: promises}, {system: "b", notRun: "there is no b"}, {system: "c", promises: fine},
		{system: "d", promises: promises}, {system: "e", promises: fine[:1], broken: true}}
	require.Equal(t, `| promise | a | b | c | d | e FAIL [^1] |
| --- | --- | --- | --- | --- | --- |
| fresh | yes | not run: there is no b | yes | yes | yes |
| exit leaves | FAIL | not run: there is no b | not run: the suite did not get there | FAIL | not run: the suite did not get there |
| reserved | yes [^2] | not run: there is no b | not run: the suite did not get there | yes [^2] | not run: the suite did not get there |
| guard | skip: no: faults here \| there | not run: there is no b | not run: the suite did not get there | skip: no: faults here \| there | not run: the suite did not get there |
| prune | FAIL | not run: there is no b | not run: the suite did not get there | FAIL | not run: the suite did not get there |
| more | not run: the suite did not get there | not run: there is no b | skip [^3] | not run: the suite did not get there | not run: the suite did not get there |

[^1]: e: something beside the promises failed

[^2]: reserved, in a small one: only root may mount, and this is not root, as far as can be seen

[^3]: more: long`+strings.Repeat(" long", 20)+`
`, table(columns))
	require.Contains(t, table([]column{{system: "a", notRun: "no"}}), "| any | not run: no |")
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		column
		says string
	}{
		{column{system: "a", promises: []promise{{name: "fresh", result: kept}, {name: "guard", result: skipped}}}, ""},
		{column{system: "a", promises: []promise{{name: "fresh"}}}, "promises: a does not keep \"fresh\"\n"},
		{column{system: "a", notRun: "there is no wine"}, "promises: a was not run: there is no wine\n"},
		{column{system: "a", broken: true}, "promises: on a the suite fails beside its promises\n"},
	} {
		var stderr bytes.Buffer
		status := verdict([]column{{system: "fine"}, c.column}, &stderr)
		require.Equal(t, c.says != "", status == 1, c.says)
		require.Equal(t, c.says, stderr.String())
	}
}

func TestMisuse(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Equal(t, 2, run([]string{"what"}, &stdout, &stderr))
	require.Equal(t, 2, run([]string{"-what"}, &stdout, &stderr))
	require.Empty(t, stdout.String())
	require.Contains(t, stderr.String(), `nothing to do with "what"`)
}

func TestDocument(t *testing.T) {
	file := filepath.Join(testenv.TempDir(t), "p.md")
	require.NoError(t, writeDocument(file, "| the table |\n"))
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(text), "go run ./internal/promises -o "+file)
	require.Contains(t, string(text), "\n\n| the table |\n")
	require.NotContains(t, string(text), "{{")
	require.Error(t, writeDocument(filepath.Join(file, "below"), ""))
}

// TestMissing: what a machine lacks is a column without results, not an error.
func TestMissing(t *testing.T) {
	t.Setenv("PATH", "")
	t.Setenv("SHM_TEST_WINE", "/nowhere/wine")
	missing := 0
	for _, s := range systems(testenv.TempDir(t)) {
		if s.missing == "" {
			require.Empty(t, s.wrapper, s.name)
			continue
		}
		missing++
		require.NotContains(t, s.missing, "/nowhere")
		require.Equal(t, column{system: s.name, notRun: s.missing}, s.run(testenv.TempDir(t), &bytes.Buffer{}))
	}
	require.GreaterOrEqual(t, missing, 5)
}

// TestEnvironment keeps what the suite is told apart from what this program was.
func TestEnvironment(t *testing.T) {
	t.Setenv("SHM_TEST_REQUIRE", "root")
	env, end, err := system{goos: "linux", arch: "arm", wrapper: "/usr/bin/qemu", emulated: true, page: 4096}.environment()
	require.NoError(t, err)
	last := make(map[string]string) // as package exec has it
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		last[name] = value
	}
	require.Equal(t, "", last["SHM_TEST_REQUIRE"])
	require.Equal(t, "/usr/bin/qemu", last["SHM_TEST_EXEC"])
	require.Equal(t, "arm", last["GOARCH"])
	dir := last["SHM_DIR"]
	require.Equal(t, "dir="+filepath.Join(dir, "kernel")+",page=4096", last["SHM_TEST_XNU"])
	require.DirExists(t, dir)
	end()
	require.NoDirExists(t, dir)
}
