package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed72196e11/shm/internal/human"
	"github.com/seed72196e11/shm/internal/memroom"
	"github.com/seed72196e11/shm/internal/parallel"
	"github.com/seed72196e11/shm/recarray"
)

// source is a table in a file.
type source struct {
	dt *recarray.DType
	n  int

	// fill reads the first records into all of a, and tells progress how many
	// bytes. It ends early, with an error, when ctx does.
	fill func(ctx context.Context, a *recarray.Array, progress io.Writer) error

	close func() error
}

// openSource opens a .npy or .csv file. A .csv says nothing of its types, so
// dtype does; it is read as a whole before anybody knows how long it is.
func openSource(ctx context.Context, path, dtype string, progress *progress) (source, error) {
	src, err := openTable(ctx, path, dtype, progress)
	if err != nil && !errors.As(err, new(*os.PathError)) {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return src, err
}

func openTable(ctx context.Context, path, dtype string, progress *progress) (source, error) {
	open := openNPY
	switch ext := strings.ToLower(filepath.Ext(path)); {
	case ext == ".npy" && dtype != "":
		return source{}, errors.New("a .npy file brings its own dtype: leave out --dtype")
	case ext == ".npy":
	case ext == ".csv" && dtype == "":
		return source{}, errors.New(`a .csv says nothing of its types: give --dtype, such as "[('date', '<M8[ns]'), ('val', '<f8'), ('sym', 'S6')]"`)
	case ext == ".csv":
		dt, err := recarray.ParseDType(dtype)
		if err != nil {
			return source{}, fmt.Errorf("--dtype: %w", err)
		}
		open = func(f *os.File, size int64) (source, error) { return openCSV(ctx, f, size, dt, progress) }
	default:
		return source{}, errors.New("only .npy and .csv files can be read")
	}
	// To open a pipe may take for ever, so it is looked at first.
	if info, err := os.Stat(path); err != nil {
		return source{}, err
	} else if !info.Mode().IsRegular() {
		return source{}, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return source{}, err
	}
	info, err := f.Stat()
	if err == nil {
		var src source
		if src, err = open(f, info.Size()); err == nil {
			src.close = f.Close
			return src, nil
		}
	}
	f.Close()
	return source{}, err
}

// openNPY reads the header and looks whether the records are there.
func openNPY(f *os.File, size int64) (source, error) {
	dt, n, err := recarray.ReadNPYHeader(f)
	if err != nil {
		return source{}, err
	}
	begin, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return source{}, err
	}
	if records := int64(dt.Itemsize()); records > 0 && int64(n) > (size-begin)/records {
		return source{}, fmt.Errorf("its header promises %d records of %d bytes, and it has %d bytes of them", n, records, size-begin)
	}
	fill := func(ctx context.Context, a *recarray.Array, progress io.Writer) error {
		for at, records := 0, a.Bytes(); at < len(records); at += copyStep {
			piece := records[at:min(len(records), at+copyStep)]
			if err := ctx.Err(); err != nil {
				return err
			}
			if _, err := io.ReadFull(f, piece); err != nil {
				return fmt.Errorf("reading %s: %w", f.Name(), err)
			}
			progress.Write(piece)
		}
		return nil
	}
	return source{dt: dt, n: n, fill: fill}, nil
}

// openCSV reads all rows into ordinary memory.
func openCSV(ctx context.Context, f *os.File, size int64, dt *recarray.DType, progress *progress) (source, error) {
	progress.start("reading "+f.Name(), int(min(size, math.MaxInt)))
	chunks, n, err := readCSV(ctx, io.TeeReader(f, progress), dt)
	if err != nil {
		return source{}, err
	}
	fill := func(ctx context.Context, a *recarray.Array, progress io.Writer) error {
		records := a.Bytes()
		for _, chunk := range chunks {
			if err := ctx.Err(); err != nil {
				return err
			}
			n := copy(records, chunk)
			progress.Write(records[:n])
			records = records[n:]
		}
		return nil
	}
	return source{dt: dt, n: n, fill: fill}, nil
}

// readCSV reads a header row and the records behind it, into chunks of some MiB
// while it is not known how many there will be. Columns are found by name, in
// any order; the header has to have exactly the fields of dt.
func readCSV(ctx context.Context, r io.Reader, dt *recarray.DType) (chunks [][]byte, n int, err error) {
	text := bufio.NewReaderSize(r, 1<<16)
	if mark, _ := text.Peek(3); string(mark) == "\ufeff" { // as spreadsheets write
		text.Discard(3)
	}
	in := csv.NewReader(text)
	in.ReuseRecord = true
	header, err := in.Read()
	if err == io.EOF {
		return nil, 0, errors.New("it is empty; a header row with the fields' names is wanted")
	}
	if err != nil {
		return nil, 0, csvError(err, 0)
	}
	names, err := fieldOrder(header, dt)
	if err != nil {
		return nil, 0, fmt.Errorf("line 1: %w", err)
	}
	var columns []recarray.TextColumn
	perChunk := max(1, copyStep/max(1, dt.Itemsize()))
	for ; ; n++ {
		row, err := in.Read()
		if err == io.EOF {
			if last := len(chunks) - 1; last >= 0 {
				chunks[last] = chunks[last][:(n-last*perChunk)*dt.Itemsize()]
			}
			return chunks, n, nil
		}
		if err != nil {
			return nil, 0, csvError(err, len(names))
		}
		i := n % perChunk
		if i == 0 {
			if err := ctx.Err(); err != nil {
				return nil, 0, err
			}
			chunk, err := newChunk(perChunk * dt.Itemsize())
			if err != nil {
				return nil, 0, err
			}
			if columns, err = textColumns(chunk, dt, perChunk, names); err != nil {
				return nil, 0, err
			}
			chunks = append(chunks, chunk)
		}
		for c, cell := range row {
			if err := columns[c].Set(i, cell); err != nil {
				line, _ := in.FieldPos(c)
				return nil, 0, fmt.Errorf("line %d: %w", line, err)
			}
		}
	}
}

// newChunk is memory for records, unless there is none left for them.
func newChunk(size int) ([]byte, error) {
	if room, ok := memroom.Now(); ok && room.Free < int64(size) {
		return nil, fmt.Errorf("its records do not fit in %s (%s free)", room.Where, human.Bytes(room.Free))
	}
	return make([]byte, size), nil
}

// fieldOrder is the field of each column, or what is wrong with the header.
func fieldOrder(header []string, dt *recarray.DType) ([]string, error) {
	names := make([]string, len(header))
	seen := make(map[string]bool)
	for i, name := range header {
		if _, ok := dt.Field(name); !ok {
			return nil, fmt.Errorf("column %q is none of the dtype's fields", name)
		}
		if seen[name] {
			return nil, fmt.Errorf("column %q is there twice", name)
		}
		names[i], seen[name] = name, true
	}
	for _, f := range dt.Fields() {
		if !seen[f.Name] {
			return nil, fmt.Errorf("the dtype's field %q has no column", f.Name)
		}
	}
	return names, nil
}

func textColumns(chunk []byte, dt *recarray.DType, n int, names []string) ([]recarray.TextColumn, error) {
	a, err := recarray.New(chunk, dt, n)
	if err != nil {
		return nil, err
	}
	columns := make([]recarray.TextColumn, len(names))
	for i, name := range names {
		if columns[i], err = recarray.Text(a, name); err != nil {
			return nil, err
		}
	}
	return columns, nil
}

// csvError says which line is wrong in the words of the other messages.
func csvError(err error, want int) error {
	var p *csv.ParseError
	if !errors.As(err, &p) {
		return err
	}
	if p.Err == csv.ErrFieldCount {
		return fmt.Errorf("line %d: the header has %d columns, this row has more or fewer", p.StartLine, want)
	}
	return fmt.Errorf("line %d: %w", p.Line, p.Err)
}

// copyStep is how much is copied between two looks at whether to go on.
const copyStep = 4 << 20

// copyAll copies src to dst with one goroutine per core.
func copyAll(ctx context.Context, dst, src []byte, progress io.Writer) error {
	return parallel.Pieces(len(src), copyStep, func(from, to int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		copy(dst[from:to], src[from:to])
		progress.Write(src[from:to])
		return nil
	})
}
