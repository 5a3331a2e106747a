// Command shm puts tables into shared memory and looks after what is there.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	// An interrupted command leaves nothing half made, so it has to see the
	// signal rather than die of it, up to its very end.
	ctx, _ := signal.NotifyContext(context.Background(), endings()...)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// The exit statuses.
const (
	done          = 0
	failed        = 1
	notUnderstood = 2
	interrupted   = 128 + int(syscall.SIGINT)
)

// run is main without the process around it.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var usage usageError
	switch {
	case err == nil:
		return done
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "shm: interrupted; nothing is left in shared memory")
		return interrupted
	}
	fmt.Fprintln(stderr, "shm: "+strings.TrimPrefix(err.Error(), "shm: "))
	if errors.As(err, &usage) {
		return notUnderstood
	}
	return failed
}

// endings are the signals that ask a program to end, but those that it was
// started to ignore, as nohup does.
func endings() []os.Signal {
	asked := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}
	return slices.DeleteFunc(asked, signal.Ignored)
}

// usageError is a command line that makes no sense.
type usageError struct{ error }

func misuse(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "shm",
		Short: "Tables in shared memory, found by name from Go and Python",
		Long: `shm puts tables into named shared memory, where other processes, written in
Go or in Python, find them by name and work on them without a copy.`,
		Example: `  shm demo                      the point of it all, measured
  name=$(shm load prices.npy)   put a table into shared memory
  shm head "$name"              look at it
  shm rm "$name"                and remove it`,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return misuse("there is no command %q; shm --help lists them", args[0])
			}
			return cmd.Help()
		},
		Args: cobra.ArbitraryArgs,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return misuse("%s: %w; see %s --help", cmd.Name(), err, cmd.CommandPath())
	})
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(&cobra.Command{Hidden: true})
	root.AddCommand(newDemo(), newLoad(), newHead(), newLs(), newRm(), newWorker())
	return root
}

// wants checks the number of arguments.
func wants(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return misuse("%s takes %s; see %s --help", cmd.Name(), what, cmd.CommandPath())
		}
		return nil
	}
}
