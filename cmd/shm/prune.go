package main

import (
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/seed72196e11/shm"
	"github.com/seed72196e11/shm/internal/human"
)

func newPrune() *cobra.Command {
	return &cobra.Command{
		Use:   "prune",
		Short: "Remove what killed programs left behind",
		Long: `prune removes the segments that nobody will ever remove otherwise, and prints
their names and sizes: those that live until their last close and that nobody has
open any more, and what was left half made. It touches nothing that is in use,
nothing of other users, and no segment that lives until it is unlinked: for those
there is shm rm.`,
		Example: `  shm prune`,
		Args:    wants(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			removed, err := shm.Prune()
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, i := range removed {
				fmt.Fprintf(w, "%s\t%s\n", plain(i.Name), human.Bytes(i.Size))
			}
			return errors.Join(err, w.Flush())
		},
	}
}
