// Writer puts a small table into shared memory, prints the segment's name and
// ends. The table stays, for the program reader beside it:
//
//	name=$(go run ./examples/writer)
//	go run ./examples/reader "$name"
package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/seed72196e11/shm"
	"github.com/seed72196e11/shm/recarray"
)

func main() {
	if len(os.Args) != 1 {
		fmt.Fprintln(os.Stderr, "usage: writer    (no arguments; it prints the name of a new segment)")
		os.Exit(2)
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "writer:", err)
		os.Exit(1)
	}
}

func run() error {
	dt, err := recarray.ParseDType(`[('date', '<M8[s]'), ('val', '<f8'), ('sym', 'S6')]`)
	if err != nil {
		return err
	}
	size, err := recarray.NPYSize(dt, len(ticks))
	if err != nil {
		return err
	}
	// Nobody can open the segment before fill has returned, and it says itself
	// what it holds: dtype and length are in it.
	seg, err := shm.Create("", size, &shm.Options{Init: func(mem []byte) error {
		a, err := recarray.CreateNPY(mem, dt, len(ticks))
		if err != nil {
			return err
		}
		return fill(a)
	}})
	if err != nil {
		return err
	}
	if _, err := fmt.Println(seg.Name()); err != nil {
		return errors.Join(err, seg.Unlink(), seg.Close()) // a table that nobody could find
	}
	return seg.Close() // leaves; only Unlink removes
}

var ticks = []struct {
	date time.Time
	val  float64
	sym  string
}{
	{time.Date(2024, 1, 2, 9, 30, 0, 0, time.UTC), 187.15, "AAPL"},
	{time.Date(2024, 1, 2, 9, 30, 1, 0, time.UTC), 373.86, "MSFT"},
	{time.Date(2024, 1, 2, 9, 30, 2, 0, time.UTC), 139.6, "GOOG"},
}

func fill(a *recarray.Array) error {
	date, err1 := recarray.Times(a, "date")
	val, err2 := recarray.Col[float64](a, "val")
	sym, err3 := recarray.Strings(a, "sym")
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	for i, tick := range ticks {
		val.Set(i, tick.val)
		if err := errors.Join(date.Set(i, tick.date), sym.Set(i, tick.sym)); err != nil {
			return err
		}
	}
	return nil
}
