// The command bench measures this module beside what people use today, side by
// side in one run, on this machine:
//
//	go run ./bench
//
// The table goes to standard output with what is needed to repeat it, progress
// to standard error. The exit status is 1 when something could not be measured,
// as for want of Python or numpy, and 2 for arguments not understood.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"runtime"
	"slices"

	"github.com/seed72196e11/shm/internal/human"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, comparisons, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// setup is what one run was asked for, and where its ways may put files.
type setup struct {
	rows, workers, pairs int
	dir                  string
}

// comparison is one job that is done in several ways.
type comparison struct {
	name string
	job  func(setup) string
	ways []way // ours first, which the others are compared with
}

// way is one way to do a job. Ready makes or finds what it needs; its error
// says what is missing.
type way struct {
	name  string
	ready func(context.Context, setup) (measure, error)
}

// measure does the job once.
type measure func(context.Context) (sample, error)

type sample struct {
	Seconds float64 `json:"seconds"`
	Private int64   `json:"private_bytes_max"` // of the worker that has the most
	Sum     float64 `json:"sum"`
}

// run is main without the process around it.
func run(ctx context.Context, comparisons []comparison, args []string, stdout, stderr io.Writer) int {
	var s setup
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&s.rows, "rows", 10_000_000, "records of the table")
	flags.IntVar(&s.workers, "workers", max(2, runtime.NumCPU()), "worker processes")
	flags.IntVar(&s.pairs, "pairs", 7, "how often each way is measured, in turn")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0 || s.rows < 1 || s.workers < 1 || s.pairs < 1:
		fmt.Fprintln(stderr, "bench: -rows, -workers and -pairs are at least 1, and there are no other arguments")
		return 2
	}
	complete, err := compareAll(ctx, comparisons, s, stdout, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
	}
	if err != nil || !complete {
		return 1
	}
	return 0
}

// compareAll measures and prints; complete says that no way was missing.
func compareAll(ctx context.Context, comparisons []comparison, s setup, stdout, stderr io.Writer) (complete bool, err error) {
	if s.dir, err = os.MkdirTemp("", "shm-bench-"); err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	fmt.Fprintf(stdout, "%s\n%s\ngo run ./bench -rows %d -workers %d -pairs %d\n", machine(), versions(ctx), s.rows, s.workers, s.pairs)
	complete = true
	for _, c := range comparisons {
		rows, err := c.compare(ctx, s, stderr)
		if err != nil {
			return false, fmt.Errorf("%s: %w", c.name, err)
		}
		fmt.Fprintf(stdout, "\n%s: %s\n\n", c.name, c.job(s))
		printRows(stdout, rows)
		complete = complete && !slices.ContainsFunc(rows, func(r row) bool { return r.missing != nil })
	}
	return complete, nil
}

// row is what came out for one way.
type row struct {
	name    string
	missing error // or else
	samples []sample
}

func (c comparison) compare(ctx context.Context, s setup, stderr io.Writer) ([]row, error) {
	rows := make([]row, len(c.ways))
	measures := make([]measure, len(c.ways))
	for i, w := range c.ways {
		fmt.Fprintf(stderr, "%s: making %s ready\n", c.name, w.name)
		rows[i].name = w.name
		measures[i], rows[i].missing = w.ready(ctx, s)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	for pair := range s.pairs {
		for turn := range c.ways {
			i := turn
			if pair%2 == 1 { // so that a drift of the machine favours nobody
				i = len(c.ways) - 1 - turn
			}
			r := &rows[i]
			if r.missing != nil {
				continue
			}
			got, err := measures[i](ctx)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", r.name, err)
			}
			r.samples = append(r.samples, got)
			fmt.Fprintf(stderr, "%s, %d of %d: %s %.3f s\n", c.name, pair+1, s.pairs, r.name, got.Seconds)
		}
	}
	return rows, sameSums(rows)
}

// sameSums is an error when two runs have not done the same job. Their sums may
// differ in the last bits, as numpy before 2.3 adds in chunks of 8192.
func sameSums(rows []row) error {
	who, sum := "", math.NaN()
	for _, r := range rows {
		for _, got := range r.samples {
			if who == "" {
				who, sum = r.name, got.Sum
			}
			if !(math.Abs(got.Sum-sum) <= 1e-12*math.Abs(sum)) {
				return fmt.Errorf("the sums differ: %v by way of %s, %v by way of %s", sum, who, got.Sum, r.name)
			}
		}
	}
	return nil
}

// printRows writes a table; the ratio is that of the medians, to the first way's.
func printRows(out io.Writer, rows []row) {
	width := 0
	for _, r := range rows {
		width = max(width, len(r.name))
	}
	fmt.Fprintf(out, "%-*s  %8s  %8s  %8s  %13s  %6s\n", width, "", "median s", "least s", "most s", "worker's own", "ratio")
	for _, r := range rows {
		if r.missing != nil {
			fmt.Fprintf(out, "%-*s  missing: %v\n", width, r.name, r.missing)
			continue
		}
		seconds, private := r.seconds(), int64(0)
		for _, got := range r.samples {
			private = max(private, got.Private)
		}
		ratio := "-"
		if rows[0].missing == nil {
			ratio = fmt.Sprintf("%.2f", median(seconds)/median(rows[0].seconds()))
		}
		fmt.Fprintf(out, "%-*s  %8.3f  %8.3f  %8.3f  %13s  %6s\n", width, r.name,
			median(seconds), slices.Min(seconds), slices.Max(seconds), human.Bytes(private), ratio)
	}
}

func (r row) seconds() []float64 {
	var seconds []float64
	for _, got := range r.samples {
		seconds = append(seconds, got.Seconds)
	}
	return seconds
}

func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}
