package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seed72196e11/shm"
	"github.com/seed72196e11/shm/recarray"
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
		RunE: untilInterrupted(func(ctx context.Context, cmd *cobra.Command, args []string) error {
			p := newProgress(cmd.ErrOrStderr())
			defer p.stop()
			seg, err := load(ctx, args[0], dtype, p)
			if err != nil {
				return err
			}
			// The segment is left mapped: to unmap it would only take time.
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), seg.Name()); err != nil {
				return errors.Join(fmt.Errorf("the segment was removed again, as its name could not be printed: %v", err), seg.Unlink())
			}
			return nil
		}),
	}
	cmd.Flags().StringVar(&dtype, "dtype", "", "types of a .csv's columns, as numpy prints them")
	return cmd
}

// load puts the file's table into a new segment.
func load(ctx context.Context, path, dtype string, p *progress) (shm.Segment, error) {
	src, err := openSource(ctx, path, dtype, p)
	if err != nil {
		return nil, err
	}
	defer src.close()
	size, err := recarray.NPYSize(src.dt, src.n)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p.start("loading "+path, size)
	return shm.Create("", size, &shm.Options{Init: func(mem []byte) error {
		a, err := recarray.CreateNPY(mem, src.dt, src.n)
		if err != nil {
			return err
		}
		return src.fill(ctx, a, p)
	}})
}
