package main

import (
	"errors"
	"fmt"
	"reflect"
	"sort"

	"github.com/seed72196e11/shm"
	"github.com/seed72196e11/shm/internal/human"
	"github.com/seed72196e11/shm/internal/memroom"
	"github.com/seed72196e11/shm/recarray"
)

// fit returns how many of the wanted rows can be handed over in the memory that
// there is, and lowers the number of workers if that is what it takes.
func (d *demo) fit(dt *recarray.DType, wanted int) (rows int, err error) {
	rows, where, err := d.fitSegment(dt, wanted)
	if err != nil {
		return 0, err
	}
	if room, ok := memroom.Now(); ok {
		budget := float64(room.Free) * 7 / 8 // others take some meanwhile
		workers := d.workers
		for workers > leastWorkers && d.peak(dt, rows, workers) > budget {
			workers--
		}
		if workers < d.workers {
			fmt.Fprintf(d.stderr, "shm: %d workers do not fit in %s (%s free): %d instead\n", d.workers, room.Where, human.Bytes(room.Free), workers)
			d.workers = workers
		}
		if d.peak(dt, rows, workers) > budget {
			rows = sort.Search(rows, func(n int) bool { return d.peak(dt, n+1, workers) > budget })
			where = fmt.Sprintf("%s (%s free)", room.Where, human.Bytes(room.Free))
		}
	}
	if rows < 1 {
		return 0, fmt.Errorf("not even one record fits in %s", where)
	}
	if rows < wanted {
		fmt.Fprintf(d.stderr, "shm: %s records do not fit in %s: %s instead\n", thousands(wanted), where, thousands(rows))
	}
	return rows, nil
}

// fitSegment asks for a segment of the size and returns how many rows one can
// have, and where it had to be less.
func (d *demo) fitSegment(dt *recarray.DType, wanted int) (rows int, where string, err error) {
	if d.only != "" && d.only != wayShared {
		return wanted, "", nil
	}
	size, err := recarray.NPYSize(dt, wanted)
	if err != nil {
		return 0, "", err
	}
	seg, err := shm.Create("", size, &shm.Options{Lifetime: shm.UntilLastClose})
	if err == nil {
		return wanted, "", seg.Close()
	}
	var space *shm.NoSpaceError
	if !errors.As(err, &space) {
		return 0, "", err
	}
	rows = sort.Search(wanted, func(n int) bool {
		size, err := recarray.NPYSize(dt, n+1)
		return err != nil || int64(size) > space.Free
	})
	return rows, fmt.Sprintf("%s (%s free)", space.Where, human.Bytes(space.Free)), nil
}

// processBytes is what a process of this program takes before it has a table.
const processBytes = 16 << 20

// peak is an upper bound of the bytes that the costliest way takes, all
// processes together. No number of rows is too large for it.
func (d *demo) peak(dt *recarray.DType, rows, workers int) float64 {
	table := float64(rows) * float64(dt.Itemsize())
	n := float64(workers)
	ways := map[string]float64{
		wayShared: table,
		wayRaw:    n * table,
	}
	if typ, err := structType(dt); err == nil {
		inMemory, inMessage := structBytes(dt, typ)
		structs, message := float64(rows)*float64(inMemory), float64(rows)*float64(inMessage)
		// The sender has the structs, and for each worker a buffer with the
		// whole message, which grew step by step. A worker has such a buffer,
		// the structs, which grew too, and the column; its collector lets
		// garbage lie. Measured peaks were a fifth below this with 700,000
		// records and just at it with four million.
		ways[wayGob] = structs + n*1.5*message + n*(2*message+2.5*structs+table)
	}
	var most float64
	for way, bytes := range ways {
		if d.only == "" || d.only == way {
			most = max(most, bytes)
		}
	}
	return table + most + (n+1)*processBytes
}

// structBytes is what one record takes as a struct with its strings, and at
// most in a message of encoding/gob.
func structBytes(dt *recarray.DType, typ reflect.Type) (inMemory, inMessage int64) {
	inMemory = int64(typ.Size())
	for _, f := range dt.Fields() {
		size := int64(f.DType.Itemsize())
		if k := f.DType.Kind(); k == recarray.Bytes || k == recarray.Str {
			inMemory += (size + 15) &^ 15 // as the allocator rounds
			inMessage += size
		}
		inMessage += 10 // a field's number; a number or a length, at most 9
	}
	return inMemory, inMessage + 1
}
