package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seed72196e11/shm"
)

func newLoad() *cobra.Command {
	var dtype string
	cmd := &cobra.Command{
		Use:   "load FILE",
		Short: "Put a .npy or .csv file into a segment and print its name",
		Long: `load puts a table into a new shared-memory segment and prints the segment's
name. The segment describes itself: it is a .npy image, so that a reader needs
nothing but the name.

A .csv has a header row with the names of the fields, in any order; --dtype says
their types as numpy prints them. Empty cells are NaN or NaT; for integers and
bools they are an error.

Until load has finished, the segment does not exist for anybody; if load fails
or is killed, nothing is left behind.`,
		Example: `  name=$(shm load prices.csv --dtype "[('date', '<M8[ns]'), ('val', '<f8'), ('sym', 'S6')]")`,
		Args:    wants(1, 1, "one file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := load(cmd.Context(), args[0], dtype, newProgress(cmd.ErrOrStderr()))
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), name)
			return err
		},
	}
	cmd.Flags().StringVar(&dtype, "dtype", "", "types of a .csv's columns, as numpy prints them")
	return cmd
}

// load returns the name of a new segment with the file's table. The segment is
// left mapped: unmapping it would only delay the end of the process.
func load(ctx context.Context, path, dtype string, p *progress) (string, error) {
	p.start("reading "+path, -1)
	defer p.stop()
	src, err := openSource(ctx, path, dtype)
	if err != nil {
		return "", err
	}
	defer src.close()
	p.start("loading "+path, src.size)
	seg, err := shm.Create("", src.size, &shm.Options{Init: func(mem []byte) error {
		return src.fill(ctx, mem, p)
	}})
	if err != nil {
		return "", err
	}
	return seg.Name(), nil
}
