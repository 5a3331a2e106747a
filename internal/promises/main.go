// Promises runs the contract suite for every system that this machine can run,
// and prints which promise was seen to hold on which:
//
//	go run ./internal/promises -o docs/promises.md
//
// The table goes to standard output, and with -o into a whole document. The exit
// status is 1 if a promise is broken or a system could not be run.
package main

import (
	_ "embed"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"text/template"
	"time"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main without the process around it: 0 all is well, 1 something is not,
// 2 not understood.
func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("promises", flag.ContinueOnError)
	flags.SetOutput(stderr)
	file := flags.String("o", "", "write the whole document to this `file` as well")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "promises: there is nothing to do with %q; see -help\n", flags.Arg(0))
		return 2
	}
	root, err := moduleRoot()
	if err != nil {
		fmt.Fprintln(stderr, "promises:", err)
		return 1
	}
	var columns []column
	for _, s := range systems(root) {
		columns = append(columns, s.run(root, stderr))
	}
	text := table(columns)
	fmt.Fprint(stdout, text)
	if *file != "" {
		if err := writeDocument(*file, text); err != nil {
			fmt.Fprintln(stderr, "promises:", err)
			return 1
		}
	}
	return verdict(columns, stderr)
}

// verdict says what is wrong with the columns, and the exit status.
func verdict(columns []column, stderr io.Writer) (status int) {
	for _, c := range columns {
		if c.notRun != "" {
			fmt.Fprintf(stderr, "promises: %s was not run: %s\n", c.system, c.notRun)
			status = 1
		}
		if c.broken {
			fmt.Fprintf(stderr, "promises: on %s the suite fails beside its promises\n", c.system)
			status = 1
		}
		for _, p := range c.promises {
			if p.failed() {
				fmt.Fprintf(stderr, "promises: %s does not keep %q\n", c.system, p.name)
				status = 1
			}
		}
	}
	return status
}

func moduleRoot() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("go list -m does not say where the module is: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// run runs the contract suite for one system.
func (s system) run(root string, stderr io.Writer) column {
	c := column{system: s.name, notRun: s.missing}
	if c.notRun != "" {
		return c
	}
	env, end, err := s.environment()
	if err != nil {
		c.notRun = err.Error()
		return c
	}
	defer end()
	args := []string{"test", "-json", "-count=1", "-timeout=15m", "-run=^TestContract$"}
	if s.wrapper != "" {
		args = append(args, "-exec='"+s.wrapper+"'")
	}
	cmd := exec.Command("go", append(args, ".")...)
	cmd.Dir = root
	cmd.Env = env
	cmd.Stderr = stderr
	fmt.Fprintf(stderr, "%s: ", s.name)
	begin := time.Now()
	out, err := cmd.Output()
	results, parseErr := parse(strings.NewReader(string(out)), stderr)
	switch {
	case parseErr != nil:
		c.notRun = parseErr.Error()
	case len(results) == 0 && err != nil:
		c.notRun = "go test has no results: " + err.Error()
	case len(results) == 0:
		c.notRun = "go test ran no promise"
	default:
		c.promises = results
		c.broken = err != nil && !slices.ContainsFunc(results, promise.failed)
	}
	fmt.Fprintf(stderr, "%d promises in %.1f s\n", len(results), time.Since(begin).Seconds())
	return c
}

//go:embed document.md
var document string

// writeDocument writes the table with all that has to be said about it.
func writeDocument(file, table string) error {
	t, err := template.New("document").Parse(document)
	if err != nil {
		return err
	}
	var b strings.Builder
	err = t.Execute(&b, map[string]string{
		"File":    file,
		"Go":      strings.TrimPrefix(runtime.Version(), "go"),
		"Machine": machine(),
		"Table":   table,
	})
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(b.String()), 0o644)
}

// machine is where the suite has run.
func machine() string {
	text := runtime.GOOS + "/" + runtime.GOARCH
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		version, _, _ := strings.Cut(strings.TrimSpace(string(release)), "-")
		text = "Linux " + version + ", " + text
	}
	return text
}
