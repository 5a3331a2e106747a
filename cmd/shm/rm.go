package main

import (
	"errors"
	"math"

	"github.com/spf13/cobra"

	"github.com/seed72196e11/shm"
)

func newRm() *cobra.Command {
	return &cobra.Command{
		Use:   "rm NAME...",
		Short: "Remove segments by name",
		Long: `rm removes the names of segments. Whoever has a segment open keeps its memory;
the system takes it back when the last user leaves.`,
		Example: `  shm rm psm_06h0c7e19hr2hb63fr8sbp2ue8`,
		Args:    wants(1, math.MaxInt, "the names of segments"),
		RunE: func(cmd *cobra.Command, names []string) error {
			var errs []error
			for _, name := range names {
				errs = append(errs, shm.Unlink(name))
			}
			return errors.Join(errs...)
		},
	}
}
