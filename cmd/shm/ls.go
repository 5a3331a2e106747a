package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/user"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/rivo/uniseg"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/seed72196e11/shm"
	"github.com/seed72196e11/shm/internal/human"
)

func newLs() *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "List the segments there are",
		Long: `ls lists every segment, of every user and every program: what ends it, how many
users of this library have it open, and if it holds a .npy image how many records
of which dtype. What nobody may know is "-". A terminal gets long dtypes cut; shm
stat prints them whole.`,
		Example: `  shm ls`,
		Args:    wants(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			infos, err := shm.List()
			if err != nil {
				return err
			}
			return printList(cmd.OutOrStdout(), infos)
		},
	}
}

func printList(out io.Writer, infos []shm.Info) error {
	var text bytes.Buffer
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tSIZE\tMODE\tOWNER\tCREATED\tLIFETIME\tUSERS\tRECORDS\tDTYPE")
	owner := owners()
	for _, i := range infos {
		records, dtype := "-", "-"
		if n, dt, err := tableOf(i); err == nil {
			records, dtype = strconv.Itoa(n), dt.String()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", plain(i.Name), human.Bytes(i.Size), i.Mode, owner(i.Owner),
			moment(i.Created, "2006-01-02 15:04", "-"), strings.TrimPrefix(i.Lifetime.String(), "until "), count(i.Users, "-"), records, dtype)
	}
	w.Flush()
	width := lineWidth(out)
	for line := range strings.Lines(text.String()) {
		if _, err := fmt.Fprintln(out, cut(strings.TrimSuffix(line, "\n"), width)); err != nil {
			return err
		}
	}
	return nil
}

// leastWidth is what all columns but a long dtype take.
const leastWidth = 120

// lineWidth is how many places a line has where a terminal shows it, 0 if that
// does not matter.
func lineWidth(out io.Writer) int {
	if f, ok := out.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			return max(width, leastWidth)
		}
	}
	return 0
}

// cut shortens a line to so many places.
func cut(line string, width int) string {
	if width == 0 || uniseg.StringWidth(line) <= width {
		return line
	}
	var b strings.Builder
	places := 0
	for g := uniseg.NewGraphemes(line); g.Next(); b.WriteString(g.Str()) {
		if places += g.Width(); places >= width {
			break
		}
	}
	return b.String() + "…"
}

// moment writes a time, if it is known.
func moment(t time.Time, layout, unknown string) string {
	if t.IsZero() {
		return unknown
	}
	return t.Format(layout)
}

// count writes a number that is -1 if nobody knows it.
func count(n int, unknown string) string {
	if n < 0 {
		return unknown
	}
	return strconv.Itoa(n)
}

// owners returns a function that gives a user's name for the number, and looks
// each up once.
func owners() func(id string) string {
	names := make(map[string]string)
	return func(id string) string {
		name, ok := names[id]
		if !ok {
			name = id
			if u, err := user.LookupId(id); err == nil {
				name = u.Username
			}
			names[id] = name
		}
		return name
	}
}
