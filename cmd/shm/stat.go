package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/seed72196e11/shm"
	"github.com/seed72196e11/shm/internal/human"
	"github.com/seed72196e11/shm/recarray"
)

func newStat() *cobra.Command {
	return &cobra.Command{
		Use:   "stat NAME...",
		Short: "Say all there is to know about segments",
		Long: `stat prints a block of lines for each segment. Users are those that have it open
with this library, in whatever process; other processes are those that map it
without, as Python does. Only Linux shows these, and to ordinary users only their
own.`,
		Example: `  shm stat psm_06h0c7e19hr2hb63fr8sbp2ue8`,
		Args:    wants(1, math.MaxInt, "the names of segments"),
		RunE: func(cmd *cobra.Command, names []string) error {
			var errs []error
			separator, owner := "", owners()
			for _, name := range names {
				info, err := shm.Stat(name)
				if err == nil {
					fmt.Fprint(cmd.OutOrStdout(), separator)
					err = printStat(cmd.OutOrStdout(), info, owner(info.Owner))
					separator = "\n"
				}
				errs = append(errs, err)
			}
			return errors.Join(errs...)
		},
	}
}

func printStat(out io.Writer, i shm.Info, owner string) error {
	const unknown = "unknown"
	size := fmt.Sprintf("%d bytes", i.Size)
	if text := human.Bytes(i.Size); text != size {
		size += " (" + text + ")"
	}
	if owner != i.Owner {
		owner += " (" + i.Owner + ")"
	}
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	for _, line := range [][2]string{
		{"name", plain(i.Name)},
		{"size", size},
		{"mode", i.Mode.String()},
		{"owner", owner},
		{"created", moment(i.Created, "2006-01-02 15:04:05 MST", unknown)},
		{"lifetime", i.Lifetime.String()},
		{"users", count(i.Users, unknown)},
		{"other processes", count(i.Foreign, unknown)},
		{"table", tableText(i)},
	} {
		fmt.Fprintf(w, "%s:\t%s\n", line[0], line[1])
	}
	return w.Flush()
}

// tableText says what table a segment holds, or why nobody knows.
func tableText(i shm.Info) string {
	n, dt, err := tableOf(i)
	var about *shm.Error
	switch {
	case err == nil:
		return sizeOfTable(n, dt)
	case errors.Is(err, recarray.ErrFormat), errors.Is(err, recarray.ErrUnfinished):
		return "none"
	case errors.As(err, &about):
		err = about.Err // the segment is named already
	}
	return "unknown: " + printable(err.Error())
}
