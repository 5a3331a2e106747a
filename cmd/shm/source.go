package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed72196e11/shm/internal/parallel"
	"github.com/seed72196e11/shm/recarray"
)

// source is a table that is still to be put into memory, as a .npy image.
type source struct {
	size int // of the image, in bytes

	// fill writes the image into size zeroed bytes, adding to progress as it
	// goes. It ends early, with an error, when ctx does.
	fill func(ctx context.Context, mem []byte, progress io.Writer) error

	close func() error
}

// openSource opens a .npy or .csv file. A .csv says nothing of its types, so
// dtype does.
func openSource(ctx context.Context, path, dtype string) (source, error) {
	switch ext := strings.ToLower(filepath.Ext(path)); {
	case ext == ".csv" && dtype == "":
		return source{}, fmt.Errorf(`%s: a .csv says nothing of its types: give --dtype, such as "[('date', '<M8[ns]'), ('val', '<f8'), ('sym', 'S6')]"`, path)
	case ext == ".csv":
		return openCSV(ctx, path, dtype)
	case ext == ".npy" && dtype != "":
		return source{}, fmt.Errorf("%s: a .npy file brings its own dtype: leave out --dtype", path)
	case ext == ".npy":
		return openNPY(path)
	}
	return source{}, fmt.Errorf("%s: only .npy and .csv files can be read", path)
}

const npyMagic = "\x93NUMPY"

func openNPY(path string) (source, error) {
	f, err := os.Open(path)
	if err != nil {
		return source{}, err
	}
	size, err := npyFileSize(f)
	if err != nil {
		f.Close()
		return source{}, fmt.Errorf("%s: %w", path, err)
	}
	fill := func(ctx context.Context, mem []byte, progress io.Writer) error {
		var err error
		for at := 0; at < len(mem) && err == nil; {
			next := min(len(mem), at+copyStep)
			if err = ctx.Err(); err != nil {
				return err
			}
			_, err = io.ReadFull(f, mem[at:next])
			progress.Write(mem[at:next])
			at = next
		}
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			err = errors.New("it became shorter while it was read")
		}
		if err == nil {
			_, err = recarray.OpenNPY(mem)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	}
	return source{size, fill, f.Close}, nil
}

// npyFileSize refuses what is no .npy file before a byte of memory is taken.
func npyFileSize(f *os.File) (int, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, errors.New("not a regular file, so its size is not known")
	}
	magic := make([]byte, len(npyMagic))
	if _, err := f.ReadAt(magic, 0); err != nil && err != io.EOF {
		return 0, err
	}
	if string(magic) != npyMagic {
		return 0, errors.New("not a .npy file: it does not begin with \\x93NUMPY")
	}
	return int(info.Size()), nil
}

// chunkRecords is how many records of a .csv are kept together while it is not
// known how many there will be.
const chunkRecords = 1 << 16

func openCSV(ctx context.Context, path, dtype string) (source, error) {
	dt, err := recarray.ParseDType(dtype)
	if err != nil {
		return source{}, fmt.Errorf("--dtype: %w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return source{}, err
	}
	defer f.Close()
	chunks, n, err := readCSV(ctx, f, dt)
	if err != nil {
		return source{}, fmt.Errorf("%s: %w", path, err)
	}
	size, err := recarray.NPYSize(dt, n)
	if err != nil {
		return source{}, fmt.Errorf("%s: %w", path, err)
	}
	fill := func(ctx context.Context, mem []byte, progress io.Writer) error {
		a, err := recarray.CreateNPY(mem, dt, n)
		if err != nil {
			return err
		}
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
	return source{size, fill, func() error { return nil }}, nil
}

// readCSV reads a header row and the records behind it. Columns are found by
// name, in any order; the header has to have exactly the fields of dt.
func readCSV(ctx context.Context, r io.Reader, dt *recarray.DType) (chunks [][]byte, n int, err error) {
	in := csv.NewReader(r)
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
	for ; ; n++ {
		i := n % chunkRecords
		if i == 0 {
			if err := ctx.Err(); err != nil {
				return nil, 0, err
			}
			chunk := make([]byte, chunkRecords*dt.Itemsize())
			if columns, err = textColumns(chunk, dt, names); err != nil {
				return nil, 0, err
			}
			chunks = append(chunks, chunk)
		}
		row, err := in.Read()
		if err == io.EOF {
			chunks[len(chunks)-1] = chunks[len(chunks)-1][:i*dt.Itemsize()]
			return chunks, n, nil
		}
		if err != nil {
			return nil, 0, csvError(err, len(names))
		}
		for c, cell := range row {
			if err := columns[c].Set(i, cell); err != nil {
				line, _ := in.FieldPos(c)
				return nil, 0, fmt.Errorf("line %d: %w", line, err)
			}
		}
	}
}

// fieldOrder is the field of each column, or what is wrong with the header.
func fieldOrder(header []string, dt *recarray.DType) ([]string, error) {
	names := make([]string, len(header))
	seen := make(map[string]bool)
	for i, name := range header {
		if i == 0 {
			name = strings.TrimPrefix(name, "\ufeff") // as spreadsheets write
		}
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

func textColumns(chunk []byte, dt *recarray.DType, names []string) ([]recarray.TextColumn, error) {
	a, err := recarray.New(chunk, dt, chunkRecords)
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

// copyAll copies src to dst with one goroutine per core: the time goes into the
// kernel, which makes the pages, one core at a time for each of them.
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
