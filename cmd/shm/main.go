// Command shm puts tables into shared memory and looks after what is there.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
)

func main() {
	ignoreBrokenPipes()
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// The exit statuses.
const (
	done          = 0
	failed        = 1
	notUnderstood = 2
	interrupted   = 130 // as a shell has it of a program that SIGINT ended
)

// run is main without the process around it.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	switch {
	case err == nil:
		return done
	case errors.Is(err, errBrokenPipe):
		return failed // who reads no further wants no message
	}
	fmt.Fprintln(stderr, "shm: "+printable(strings.TrimPrefix(err.Error(), "shm: ")))
	switch {
	case errors.As(err, new(usageError)):
		return notUnderstood
	case errors.Is(err, errInterrupted):
		return interrupted
	}
	return failed
}

// printable escapes what a terminal would obey: names of files may hold it.
func printable(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r == '\n' || unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}

var errInterrupted = errors.New("interrupted; nothing is left in shared memory")

// untilInterrupted runs a command that would leave something behind if a signal
// just ended it. The first signal ends its context; a second one kills. The
// signals are caught up to the end of the process, so that the command ends
// either done or with nothing left.
func untilInterrupted(f func(ctx context.Context, cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		ctx, stop := signal.NotifyContext(context.Background(), endings()...)
		context.AfterFunc(ctx, stop)
		err := f(ctx, cmd, args)
		if err != nil && ctx.Err() != nil {
			return errInterrupted
		}
		return err
	}
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
	root.AddCommand(newDemo(), newLoad(), newHead(), newLs(), newStat(), newRm(), newPrune(), newWorker())
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
