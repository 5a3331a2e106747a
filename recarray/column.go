package recarray

import (
	"fmt"
	"iter"
)

// Element is a Go type that one value of a numeric field can have.
type Element interface {
	bool | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | Float16 | float32 | float64
}

// Column is one field of all records as values of type T. It is a small value
// to be passed by value; its zero value has no elements.
type Column[T Element] struct{ c column }

// Col returns the column of a field whose type is exactly T, in either byte
// order and at any alignment: float64 for f8, int16 for i2, [Float16] for f2,
// bool for ?. Besides, uint8 reads the raw bytes of ?, and int64 the raw counts
// of M8 and m8, where [NaT] is the missing value.
//
// It is an error if there is no such field or its type is another.
func Col[T Element](a *Array, name string) (Column[T], error) {
	c, dt, err := a.column(name)
	if err != nil {
		return Column[T]{}, err
	}
	var v T
	want := elementOf(v)
	switch {
	case want == element{dt.kind, dt.size}:
	case want == element{Uint, 1} && dt.kind == Bool:
	case want == element{Int, 8} && (dt.kind == Datetime || dt.kind == Timedelta):
	default:
		return Column[T]{}, fmt.Errorf("recarray: field %s is %s, which %s reads; Col[%s] does not", quoted(name), dt.short(), reader(dt), typeName(v))
	}
	if want.kind == Bool {
		c.coded = true
	}
	return Column[T]{c}, nil
}

// element is the kind and size of a Go type.
type element struct {
	kind Kind
	size int
}

// elementOf returns what numpy calls the type of v.
func elementOf(v any) element {
	switch v.(type) {
	case bool:
		return element{Bool, 1}
	case int8:
		return element{Int, 1}
	case int16:
		return element{Int, 2}
	case int32:
		return element{Int, 4}
	case int64:
		return element{Int, 8}
	case uint8:
		return element{Uint, 1}
	case uint16:
		return element{Uint, 2}
	case uint32:
		return element{Uint, 4}
	case uint64:
		return element{Uint, 8}
	case Float16:
		return element{Float, 2}
	case float32:
		return element{Float, 4}
	}
	return element{Float, 8}
}

// typeName is the Go type of v as its user writes it.
func typeName(v any) string {
	if _, ok := v.(Float16); ok {
		return "recarray.Float16"
	}
	return fmt.Sprintf("%T", v)
}

// reader names what reads a field of type dt.
func reader(dt *DType) string {
	switch dt.kind {
	case Bool:
		return "Col[bool]"
	case Int:
		return fmt.Sprintf("Col[int%d]", 8*dt.size)
	case Uint:
		return fmt.Sprintf("Col[uint%d]", 8*dt.size)
	case Float:
		if dt.size == 2 {
			return "Col[recarray.Float16]"
		}
		return fmt.Sprintf("Col[float%d]", 8*dt.size)
	case Datetime:
		return "Times"
	case Timedelta:
		return "Durations"
	}
	return "Strings"
}

// Len returns the number of values.
func (c Column[T]) Len() int { return c.c.n }

// All returns an iterator over the record numbers and values.
func (c Column[T]) All() iter.Seq2[int, T] {
	return func(yield func(int, T) bool) {
		for i := range c.c.n {
			if !yield(i, c.At(i)) {
				return
			}
		}
	}
}
