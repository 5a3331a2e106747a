// Reader finds a table in shared memory by the segment's name alone, shows it
// and removes the segment. The program writer beside it makes one:
//
//	name=$(go run ./examples/writer)
//	go run ./examples/reader "$name"
package main

import (
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/seed72196e11/shm"
	"github.com/seed72196e11/shm/recarray"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: reader NAME    (the name that writer printed)")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "reader:", err)
		os.Exit(1)
	}
}

func run(name string) error {
	seg, err := shm.Open(name, &shm.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	defer seg.Close()
	a, err := recarray.OpenNPY(seg.Bytes()) // dtype and length are in the segment
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := show(a); err != nil {
		return err
	}
	return seg.Unlink() // nobody finds the name any more; the memory goes with its last user
}

// show prints the table, whatever its fields are.
func show(a *recarray.Array) error {
	fields := a.DType().Fields()
	columns := make([]recarray.TextColumn, len(fields))
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	for i, f := range fields {
		var err error
		if columns[i], err = recarray.Text(a, f.Name); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s\t", f.Name)
	}
	fmt.Fprintln(out)
	for r := range a.Len() {
		for _, column := range columns {
			fmt.Fprintf(out, "%s\t", column.At(r))
		}
		fmt.Fprintln(out)
	}
	return out.Flush()
}
