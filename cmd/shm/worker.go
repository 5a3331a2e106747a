package main

import (
	"bufio"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/seed72196e11/shm"
	"github.com/seed72196e11/shm/recarray"
)

// A worker answers with two of these, one after the other: the sum as soon as it
// has it, then the rest.
type sumReport struct {
	Sum     string `json:",omitempty"` // exact, so that equal texts are equal bits
	Private int64  `json:",omitempty"` // bytes of memory that the worker has for itself
}

// The ways in which a worker gets its table.
const (
	wayShared = "shared" // a segment's name on standard input
	wayRaw    = "raw"    // the .npy image on standard input
	wayGob    = "gob"    // a slice of structs on standard input
)

// newWorker is a process of the demo. Nobody else calls it.
func newWorker() *cobra.Command {
	var dtype string
	var size int
	cmd := &cobra.Command{
		Use:    "worker WAY COLUMN",
		Hidden: true,
		Args:   wants(2, 2, "a way and a column"),
		RunE: func(cmd *cobra.Command, args []string) error {
			way, column := args[0], args[1]
			var a *recarray.Array
			var err error
			switch way {
			case wayShared:
				a, err = receiveName(cmd.InOrStdin())
			case wayRaw:
				image := make([]byte, size)
				if _, err = io.ReadFull(cmd.InOrStdin(), image); err != nil {
					return err
				}
				a, err = recarray.OpenNPY(image)
			case wayGob:
				a, err = receiveGob(cmd.InOrStdin(), dtype, column)
				column = "column"
			default:
				return misuse("worker: no way %q", way)
			}
			if err != nil {
				return err
			}
			var sum any
			err = shm.Guard(func() (err error) {
				sum, err = a.Reduce("nansum", column)
				return err
			})
			if err != nil {
				return err
			}
			answer := json.NewEncoder(cmd.OutOrStdout())
			if err := answer.Encode(sumReport{Sum: exactly(sum)}); err != nil {
				return err
			}
			private, err := privateBytes()
			if err != nil {
				return err
			}
			return answer.Encode(sumReport{Private: private})
		},
	}
	cmd.Flags().StringVar(&dtype, "dtype", "", "")
	cmd.Flags().IntVar(&size, "size", 0, "")
	return cmd
}

// receiveName reads a segment's name and opens its table, which stays mapped
// until the process ends.
func receiveName(in io.Reader) (*recarray.Array, error) {
	name, err := io.ReadAll(in)
	if err != nil {
		return nil, err
	}
	seg, err := shm.Open(string(name), &shm.Options{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	return recarray.OpenNPY(seg.Bytes())
}

func receiveGob(in io.Reader, dtype, column string) (*recarray.Array, error) {
	dt, err := recarray.ParseDType(dtype)
	if err != nil {
		return nil, err
	}
	typ, err := structType(dt)
	if err != nil {
		return nil, err
	}
	rows := reflect.New(reflect.SliceOf(typ))
	if err := gob.NewDecoder(bufio.NewReaderSize(in, 1<<20)).DecodeValue(rows); err != nil {
		return nil, err
	}
	for i, f := range dt.Fields() {
		if f.Name == column {
			return columnOf(rows.Elem(), dt, i)
		}
	}
	return nil, errors.New("no such column")
}

// exactly writes a sum so that no bit is lost, as Python's repr does.
func exactly(sum any) string {
	switch s := sum.(type) {
	case float64:
		return float(s, 64)
	case float32:
		return float(float64(s), 32)
	case recarray.Float16:
		return float(float64(s.Float32()), 32)
	}
	return fmt.Sprint(sum)
}

func float(f float64, bits int) string {
	if size := math.Abs(f); size < 1e16 && size >= 1e-4 {
		return strconv.FormatFloat(f, 'f', -1, bits)
	}
	return strconv.FormatFloat(f, 'g', -1, bits)
}
