package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"github.com/rivo/uniseg"
	"github.com/spf13/cobra"

	"github.com/seed72196e11/shm"
	"github.com/seed72196e11/shm/recarray"
)

// lookInto opens a segment and shows its table to f. The bytes are another
// program's, so f runs guarded, and whoever owns them may only be read.
func lookInto(name string, f func(a *recarray.Array) error) error {
	seg, err := shm.Open(name, &shm.Options{ReadOnly: true, Observe: true, AnyOwner: true})
	if err != nil {
		return err
	}
	defer seg.Close()
	return shm.Guard(func() error {
		a, err := recarray.OpenNPY(seg.Bytes())
		if err != nil {
			return &shm.Error{Op: "read", Name: name, Err: err}
		}
		return f(a.ReadOnly())
	})
}

// tableOf says what table a segment holds, as far as this user may know.
func tableOf(i shm.Info) (records int, dt *recarray.DType, err error) {
	if i.Size == 0 { // Open would wait for it
		return 0, nil, errors.New("its creator has not finished it")
	}
	err = lookInto(i.Name, func(a *recarray.Array) error {
		records, dt = a.Len(), a.DType()
		return nil
	})
	return records, dt, err
}

// sizeOfTable says how large which table is.
func sizeOfTable(records int, dt *recarray.DType) string {
	return fmt.Sprintf("%s records of %d bytes: %s", thousands(records), dt.Itemsize(), dt)
}

func newHead() *cobra.Command {
	var n int
	cmd := &cobra.Command{
		Use:   "head NAME",
		Short: "Print the first records of a segment's table",
		Long: `head prints the first records of a self-describing segment: one that holds a
.npy image, as shm load, recarray.CreateNPY and numpy.save make it.`,
		Example: `  shm head -n 5 psm_06h0c7e19hr2hb63fr8sbp2ue8`,
		Args:    wants(1, 1, "one segment's name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if n < 0 {
				return misuse("head: -n is %d, it counts records", n)
			}
			var text strings.Builder // nothing is printed of a table that ends in a fault
			err := lookInto(args[0], func(a *recarray.Array) error { return printHead(&text, a, n) })
			if errors.Is(err, recarray.ErrFormat) {
				return fmt.Errorf("%w; head reads segments that hold a .npy image, as shm load makes them", err)
			}
			if err != nil {
				return err
			}
			_, err = io.WriteString(cmd.OutOrStdout(), text.String())
			return err
		},
	}
	cmd.Flags().IntVarP(&n, "records", "n", 10, "how many records to print")
	return cmd
}

// printHead prints the first n records, every column flush right.
func printHead(out io.Writer, a *recarray.Array, n int) error {
	n = min(n, a.Len())
	columns := [][]string{{""}}
	for r := range n {
		columns[0] = append(columns[0], strconv.Itoa(r))
	}
	for _, f := range a.DType().Fields() {
		text, err := recarray.Text(a, f.Name)
		if err != nil {
			return err
		}
		column := []string{plain(f.Name)}
		for r := range n {
			column = append(column, plain(text.At(r)))
		}
		columns = append(columns, column)
	}
	widths := make([]int, len(columns))
	for i, column := range columns {
		widths[i] = widest(column)
	}
	for row := range n + 1 {
		for i, column := range columns {
			if i > 0 {
				fmt.Fprint(out, "  ")
			}
			fmt.Fprint(out, strings.Repeat(" ", widths[i]-uniseg.StringWidth(column[row])), column[row])
		}
		fmt.Fprintln(out)
	}
	_, err := fmt.Fprintln(out, sizeOfTable(a.Len(), a.DType()))
	return err
}

// widest is how many places of a terminal a column takes.
func widest(column []string) (width int) {
	for _, text := range column {
		width = max(width, uniseg.StringWidth(text))
	}
	return width
}

// plain quotes a text that a terminal would obey or a table come apart by.
func plain(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) ||
		text != strings.TrimSpace(text) {
		return strconv.Quote(text)
	}
	return text
}

// thousands writes 10000000 as 10,000,000.
func thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
