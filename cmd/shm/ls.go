package main

import (
	"fmt"
	"os/user"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed72196e11/shm"
	"github.com/seed72196e11/shm/internal/human"
	"github.com/seed72196e11/shm/recarray"
)

func newLs() *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "List the segments there are",
		Long: `ls lists every segment, of every user and every program, and for those that
hold a .npy image how many records of which dtype.`,
		Example: `  shm ls`,
		Args:    wants(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			infos, err := shm.List()
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "NAME\tSIZE\tMODE\tOWNER\tCREATED\tRECORDS\tDTYPE")
			owner := owners()
			for _, i := range infos {
				records, dtype := describe(i)
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", plain(i.Name), human.Bytes(i.Size), i.Mode, owner(i.Owner),
					i.Created.Format(time.DateTime), records, dtype)
			}
			return w.Flush()
		},
	}
}

// describe says what table a segment holds, as far as this user may know.
func describe(i shm.Info) (records, dtype string) {
	if i.Size == 0 {
		return "-", "-" // nobody has finished it
	}
	records, dtype = "-", "-"
	lookInto(i.Name, func(a *recarray.Array) error {
		records, dtype = strconv.Itoa(a.Len()), a.DType().String()
		return nil
	})
	return records, dtype
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
