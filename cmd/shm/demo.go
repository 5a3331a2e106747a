package main

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed72196e11/shm"
	"github.com/seed72196e11/shm/internal/human"
	"github.com/seed72196e11/shm/internal/parallel"
	"github.com/seed72196e11/shm/recarray"
)

const (
	demoDType    = "[('date', '<M8[ns]'), ('val', '<f8'), ('character_col', 'S6')]"
	demoRows     = 10_000_000
	leastWorkers = 2

	// pieceRecords is how many records a goroutine takes at a time.
	pieceRecords = 1 << 16
)

type demo struct {
	rows, workers   int
	npy, csv, dtype string
	column, only    string
	asJSON          bool
	stdout, stderr  io.Writer
	progress        *progress
}

func newDemo() *cobra.Command {
	d := &demo{}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Share a table with worker processes, and hand it over by value beside it",
		Long: `demo makes a table of records in ordinary memory, half of its values NaN. It
copies the table into shared memory once and starts worker processes that know
nothing but the segment's name; each sums a whole column. Then it does the same
job with the table handed to each worker by value: the raw bytes through a pipe,
which is the best that copying can do, and encoding/gob of a slice of structs.

Seconds are from the finished table in ordinary memory to the last sum. Memory is
what each worker has for itself when it has its sum (Private in smaps_rollup).`,
		Example: `  shm demo
  shm demo --rows 1000000 --workers 8
  shm demo --csv prices.csv --dtype "[('date', '<M8[D]'), ('price', '<f8')]" --column price`,
		Args: wants(0, 0, "no arguments"),
		RunE: untilInterrupted(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
			d.stdout, d.stderr = cmd.OutOrStdout(), cmd.ErrOrStderr()
			d.progress = newProgress(d.stderr)
			defer d.progress.stop()
			if d.npy+d.csv != "" && !cmd.Flags().Changed("rows") {
				d.rows = math.MaxInt // all that the file has
			}
			return d.run(ctx)
		}),
	}
	f := cmd.Flags()
	f.IntVar(&d.rows, "rows", demoRows, "records of the table; of a file's at most so many, if given")
	f.IntVar(&d.workers, "workers", max(leastWorkers, runtime.NumCPU()), "worker processes")
	f.StringVar(&d.npy, "npy", "", "take the table from a .npy `file`")
	f.StringVar(&d.csv, "csv", "", "take the table from a .csv `file`, with --dtype")
	f.StringVar(&d.dtype, "dtype", "", "types of the .csv's columns, as numpy prints them")
	f.StringVar(&d.column, "column", "", "the column to sum (default: the first of floats, else of numbers)")
	f.StringVar(&d.only, "only", "", "do it this `way` alone: shared, raw or gob")
	f.BoolVar(&d.asJSON, "json", false, "print the result as JSON")
	return cmd
}

// outcome is what one way of handing the table over took.
type outcome struct {
	Seconds    float64 `json:"seconds"`
	PrivateMax int64   `json:"private_bytes_max"`
	sum        string
}

type demoResult struct {
	Rows        int      `json:"rows"`
	RecordBytes int      `json:"record_bytes"`
	TableBytes  int      `json:"table_bytes"`
	Workers     int      `json:"workers"`
	Sum         any      `json:"sum"` // a number; a text when JSON has none for it, as for NaN
	Shared      *outcome `json:"shared,omitempty"`
	ByValueGob  *outcome `json:"by_value_gob,omitempty"`
	ByValueRaw  *outcome `json:"by_value_raw,omitempty"`

	dtype, column string
}

func (d *demo) run(ctx context.Context) error {
	if err := d.check(); err != nil {
		return err
	}
	image, a, err := d.table(ctx)
	if err != nil {
		return err
	}
	result := demoResult{
		Rows: a.Len(), RecordBytes: a.DType().Itemsize(), TableBytes: len(a.Bytes()), Workers: d.workers,
		dtype: a.DType().String(), column: d.column,
	}
	for _, way := range []struct {
		name    string
		outcome **outcome
		run     func() (*outcome, error)
	}{
		{wayShared, &result.Shared, func() (*outcome, error) { return d.shared(ctx, image) }},
		{wayRaw, &result.ByValueRaw, func() (*outcome, error) { return d.byValueRaw(ctx, image) }},
		{wayGob, &result.ByValueGob, func() (*outcome, error) { return d.byValueGob(ctx, a) }},
	} {
		if d.only != "" && d.only != way.name {
			continue
		}
		out, err := way.run()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", way.name, err)
		}
		if result.Sum != nil && result.Sum != out.sum {
			return fmt.Errorf("the sums differ: %s by way of %s, %v before", out.sum, way.name, result.Sum)
		}
		result.Sum, *way.outcome = out.sum, out
	}
	d.progress.stop()
	if d.asJSON {
		return result.printJSON(d.stdout)
	}
	return result.print(d.stdout)
}

func (d *demo) check() error {
	switch {
	case d.rows < 1:
		return misuse("demo: --rows is %d, at least 1 is needed", d.rows)
	case d.workers < 1:
		return misuse("demo: --workers is %d, at least 1 is needed", d.workers)
	case d.npy != "" && d.csv != "":
		return misuse("demo: --npy and --csv are two tables, one is needed")
	case d.dtype != "" && d.csv == "":
		return misuse("demo: --dtype describes a --csv, and there is none")
	case d.only != "" && d.only != wayShared && d.only != wayRaw && d.only != wayGob:
		return misuse("demo: --only is %q, it is one of shared, raw, gob", d.only)
	}
	return nil
}

// table makes or reads the table in ordinary memory, as a .npy image, as large
// as can be handed over here.
func (d *demo) table(ctx context.Context) (image []byte, a *recarray.Array, err error) {
	if path := d.npy + d.csv; path != "" {
		image, a, err = d.readTable(ctx, path)
	} else {
		image, a, err = d.makeTable(ctx)
	}
	d.progress.stop()
	return image, a, err
}

func (d *demo) makeTable(ctx context.Context) ([]byte, *recarray.Array, error) {
	dt, err := recarray.ParseDType(demoDType)
	if err != nil {
		return nil, nil, err
	}
	return d.image(ctx, "making the table", source{dt: dt, n: d.rows, fill: fillTable})
}

func (d *demo) readTable(ctx context.Context, path string) ([]byte, *recarray.Array, error) {
	src, err := openSource(ctx, path, d.dtype, d.progress)
	if err != nil {
		return nil, nil, err
	}
	defer src.close()
	if src.n == 0 {
		return nil, nil, fmt.Errorf("%s: it has no records, so there is nothing to sum", path)
	}
	src.n = min(src.n, d.rows)
	return d.image(ctx, "reading "+path, src)
}

// image takes as much of a source as can be handed over here.
func (d *demo) image(ctx context.Context, what string, src source) ([]byte, *recarray.Array, error) {
	var err error
	if d.column, err = columnToSum(src.dt, d.column); err != nil {
		return nil, nil, err
	}
	n, err := d.fit(src.dt, src.n)
	if err != nil {
		return nil, nil, err
	}
	image, a, err := newImage(src.dt, n)
	if err != nil {
		return nil, nil, err
	}
	d.progress.start(what, len(a.Bytes()))
	return image, a, src.fill(ctx, a, d.progress)
}

// newImage is a .npy image in ordinary memory.
func newImage(dt *recarray.DType, n int) ([]byte, *recarray.Array, error) {
	size, err := recarray.NPYSize(dt, n)
	if err != nil {
		return nil, nil, err
	}
	image := make([]byte, size)
	a, err := recarray.CreateNPY(image, dt, n)
	return image, a, err
}

// fillTable makes the same records every time: one a second, a value below one
// or NaN in turn, and one of 100,000 texts.
func fillTable(ctx context.Context, a *recarray.Array, progress io.Writer) error {
	date, err1 := recarray.Times(a, "date")
	val, err2 := recarray.Col[float64](a, "val")
	text, err3 := recarray.Strings(a, "character_col")
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	size := a.DType().Itemsize()
	return parallel.Pieces(a.Len(), pieceRecords, func(from, to int) error {
		for i := from; i < to; i++ {
			date.SetRaw(i, 1_600_000_000_000_000_000+int64(i)*1_000_000_000)
			v := math.NaN()
			if i%2 == 0 {
				v = float64(uint32(uint64(i)*2654435761)) / (1 << 32)
			}
			val.Set(i, v)
			if err := text.Set(i, fmt.Sprintf("c%05d", i%100_000)); err != nil {
				return err
			}
		}
		progress.Write(a.Bytes()[from*size : to*size])
		return ctx.Err()
	})
}

// columnToSum is the column asked for, or the first that is worth a sum.
func columnToSum(dt *recarray.DType, name string) (string, error) {
	if name != "" {
		f, ok := dt.Field(name)
		if !ok {
			return "", fmt.Errorf("there is no column %q in %s", name, dt)
		}
		if !strings.ContainsRune("fiub", rune(f.DType.Kind())) {
			return "", fmt.Errorf("column %q holds %s, which cannot be summed", name, f.DType)
		}
		return name, nil
	}
	for _, kind := range "fiub" { // floats first: they have NaNs
		for _, f := range dt.Fields() {
			if f.DType.Kind() == recarray.Kind(kind) {
				return f.Name, nil
			}
		}
	}
	return "", fmt.Errorf("there is no column of numbers to sum in %s", dt)
}

// shared copies the table into a segment; the workers, started meanwhile, get
// its name.
func (d *demo) shared(ctx context.Context, image []byte) (*outcome, error) {
	d.progress.start("shared memory", len(image))
	defer d.progress.stop()
	scope := shm.NewScope(ctx) // killed before its end, it leaves what shm prune finds
	defer scope.Close()
	var seg shm.Segment
	var err error
	created := make(chan struct{})
	go func() {
		defer close(created)
		seg, err = scope.Create("", len(image), &shm.Options{Init: func(mem []byte) error {
			return copyAll(ctx, mem, image, d.progress)
		}})
	}()
	send := func(to io.Writer) error {
		if <-created; err != nil {
			return err
		}
		_, err := io.WriteString(to, seg.Name())
		return err
	}
	out, workErr := d.work(ctx, send, "worker", wayShared, d.column)
	if <-created; err != nil {
		return nil, err // rather than what the workers said, who got no name
	}
	return out, errors.Join(workErr, seg.Close(), scope.Close())
}

// byValueRaw sends the image to each worker.
func (d *demo) byValueRaw(ctx context.Context, image []byte) (*outcome, error) {
	d.progress.start("by value, raw bytes", d.workers*len(image))
	defer d.progress.stop()
	send := func(to io.Writer) error {
		for at := 0; at < len(image); at += copyStep {
			if _, err := to.Write(image[at:min(len(image), at+copyStep)]); err != nil {
				return err
			}
			d.progress.Write(image[at:min(len(image), at+copyStep)])
		}
		return nil
	}
	return d.work(ctx, send, "worker", wayRaw, d.column, "--size", strconv.Itoa(len(image)))
}

// byValueGob sends the table as a slice of structs to each worker.
func (d *demo) byValueGob(ctx context.Context, a *recarray.Array) (*outcome, error) {
	d.progress.start("making structs", len(a.Bytes()))
	defer d.progress.stop()
	rows, err := toStructs(ctx, a, d.progress)
	if err != nil {
		return nil, err
	}
	_, message := structBytes(a.DType(), rows.Type().Elem())
	d.progress.start("by value, encoding/gob", d.workers*a.Len()*int(message))
	send := func(to io.Writer) error {
		return gob.NewEncoder(io.MultiWriter(to, d.progress)).EncodeValue(rows)
	}
	return d.work(ctx, send, "worker", wayGob, d.column, "--dtype", a.DType().String())
}

// work starts the workers, sends each its table and collects their sums. The
// first that fails ends the others.
func (d *demo) work(ctx context.Context, send func(io.Writer) error, args ...string) (*outcome, error) {
	begin := time.Now()
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	workers := make([]worker, d.workers)
	var group sync.WaitGroup
	for i := range workers {
		group.Go(func() {
			if err := workers[i].run(exec.CommandContext(ctx, exe, args...), send); err != nil {
				cancel(fmt.Errorf("worker %d of %d %w", i+1, d.workers, err))
			}
		})
	}
	group.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	out := &outcome{sum: workers[0].Sum}
	for i, w := range workers {
		if w.Sum != out.sum {
			return nil, fmt.Errorf("the sums differ: worker 1 has %s, worker %d %s", out.sum, i+1, w.Sum)
		}
		out.Seconds = max(out.Seconds, w.done.Sub(begin).Seconds())
		out.PrivateMax = max(out.PrivateMax, w.Private)
	}
	return out, nil
}

// worker is a worker process as its parent sees it.
type worker struct {
	sumReport
	done time.Time // when its sum was here
}

// run runs the process to its end and says how it failed.
func (w *worker) run(cmd *exec.Cmd, send func(io.Writer) error) error {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	apart(cmd)
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("could not be started: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("could not be started: %w", err)
	}
	sent := make(chan error, 1)
	go func() {
		sent <- send(stdin)
		stdin.Close()
	}()
	readErr := w.read(stdout)
	waitErr := cmd.Wait()
	var sendErr error
	if waitErr == nil { // nobody waits for what a dead worker would have been sent
		sendErr = <-sent
	}

	who := fmt.Sprintf("(process %d)", cmd.Process.Pid)
	switch said := strings.TrimSpace(stderr.String()); {
	case waitErr != nil && said != "":
		return fmt.Errorf("%s failed: %s (%w)", who, strings.TrimPrefix(said, "shm: "), waitErr)
	case waitErr != nil:
		return fmt.Errorf("%s ended early: %w", who, waitErr)
	case sendErr != nil:
		return fmt.Errorf("%s did not take its table: %w", who, sendErr)
	case readErr != nil:
		return fmt.Errorf("%s gave no sum: %w", who, readErr)
	}
	return nil
}

// read takes the two answers, and the time between them.
func (w *worker) read(stdout io.Reader) error {
	answers := json.NewDecoder(stdout)
	if err := answers.Decode(&w.sumReport); err != nil {
		return err
	}
	w.done = time.Now()
	return answers.Decode(&w.sumReport)
}

func (r *demoResult) printJSON(out io.Writer) error {
	if f, err := strconv.ParseFloat(fmt.Sprint(r.Sum), 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
		r.Sum = json.Number(fmt.Sprint(r.Sum))
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

func (r *demoResult) print(out io.Writer) error {
	ways := []struct {
		name string
		*outcome
	}{{"shared memory", r.Shared}, {"by value, raw bytes", r.ByValueRaw}, {"by value, encoding/gob", r.ByValueGob}}
	var seconds, bytes float64
	for _, w := range ways {
		if w.outcome != nil {
			seconds, bytes = max(seconds, w.Seconds), max(bytes, float64(w.PrivateMax))
		}
	}
	fmt.Fprintf(out, "%s records of %s, %d bytes each, %s in all\n%d workers, each sums the whole column %q: %v\n\n",
		thousands(r.Rows), r.dtype, r.RecordBytes, human.Bytes(int64(r.TableBytes)), r.Workers, r.column, r.Sum)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\tseconds\t\tmemory of a worker")
	for _, way := range ways {
		if way.outcome != nil {
			fmt.Fprintf(w, "%s\t%.3f\t%s\t%s\t%s\n", way.name, way.Seconds, bar(way.Seconds/seconds),
				human.Bytes(way.PrivateMax), bar(float64(way.PrivateMax)/bytes))
		}
	}
	return w.Flush()
}

const barWidth = 24

// bar draws a share of the whole in eighths of a character, at least one.
func bar(share float64) string {
	eighths := max(1, int(math.Round(share*barWidth*8)))
	text := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		text += string([]rune("▏▎▍▌▋▊▉")[rest-1])
	}
	return text
}
