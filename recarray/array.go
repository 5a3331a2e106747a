package recarray

import (
	"fmt"
)

// Array is a table of records in memory that belongs to somebody else. It is
// numpy's recarray of one dimension.
type Array struct {
	dt       *DType
	mem      []byte // the records and no more
	n        int
	readOnly bool
}

// New returns a view of n records at the start of buf, as
// numpy.recarray(shape=n, dtype=dt, buf=buf) is one. The bytes stay as they
// are; buf may be longer than the records.
//
// It is an error if n is negative, if buf is too short, or if a field is a
// string of length zero and [DType.AllowEmpty] was not called. A dtype that is
// no record is not supported yet.
func New(buf []byte, dt *DType, n int) (*Array, error) {
	if err := checkRecord(dt); err != nil {
		return nil, err
	}
	if err := dt.checkLengths(); err != nil {
		return nil, err
	}
	return view(buf, dt, n)
}

// checkRecord refuses what is no record.
func checkRecord(dt *DType) error {
	if dt == nil {
		return fmt.Errorf("recarray: no dtype")
	}
	if dt.kind != Struct {
		return fmt.Errorf("recarray: %w", notYet(fmt.Sprintf("a table of %s instead of records", dt), fmt.Sprintf("use [('x', '%s')]", dt.short())))
	}
	return nil
}

// view checks the bounds, once for all.
func view(buf []byte, dt *DType, n int) (*Array, error) {
	if n < 0 {
		return nil, fmt.Errorf("recarray: %d records", n)
	}
	if dt.size > 0 && n > len(buf)/dt.size {
		return nil, fmt.Errorf("recarray: %d records of %d bytes do not fit into %d bytes, which hold %d", n, dt.size, len(buf), len(buf)/dt.size)
	}
	size := n * dt.size
	return &Array{dt: dt, mem: buf[:size:size], n: n}, nil
}

// Len returns the number of records.
func (a *Array) Len() int { return a.n }

// DType returns the dtype of the records.
func (a *Array) DType() *DType { return a.dt }

// Bytes returns the bytes of the records: Len times Itemsize. They are the
// memory itself, of a read-only view too.
func (a *Array) Bytes() []byte { return a.mem }

// ReadOnly returns a view of the same records whose columns cannot be written:
// every setter panics with a sentence.
func (a *Array) ReadOnly() *Array {
	c := *a
	c.readOnly = true
	return &c
}

// IsReadOnly reports whether setters panic.
func (a *Array) IsReadOnly() bool { return a.readOnly }

// column finds a field.
func (a *Array) column(name string) (column, *DType, error) {
	if a == nil || a.dt == nil {
		return column{}, nil, fmt.Errorf("recarray: field %s of an array that New or OpenNPY did not make", quoted(name))
	}
	f, ok := a.dt.Field(name)
	if !ok {
		return column{}, nil, fmt.Errorf("recarray: no field %s; there are %s", quoted(name), a.dt.fieldNames())
	}
	return newColumn(a, f), f.DType, nil
}
