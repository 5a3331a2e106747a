package main

import (
	"context"
	"fmt"
	"reflect"

	"github.com/seed72196e11/shm/internal/parallel"
	"github.com/seed72196e11/shm/recarray"
)

// This file turns a table of records into an ordinary Go slice of structs and
// back, for the way of handing it over that a Go program would take without
// shared memory.

// structField is how one field of a table is held in a struct.
type structField struct {
	typ   reflect.Type
	load  func(i int, v reflect.Value) // from record i to the struct's field
	store func(i int, v reflect.Value) // and back; nil for texts, which nobody sums
}

// structFields returns the fields of a table, in order.
func structFields(a *recarray.Array) ([]structField, error) {
	var fields []structField
	for _, f := range a.DType().Fields() {
		s, err := structFieldOf(a, f)
		if err != nil {
			return nil, err
		}
		fields = append(fields, s)
	}
	return fields, nil
}

// structType returns the struct with one exported field for each of the
// records' fields.
func structType(dt *recarray.DType) (reflect.Type, error) {
	none, err := recarray.New(nil, dt, 0)
	if err != nil {
		return nil, err
	}
	fields, err := structFields(none)
	if err != nil {
		return nil, err
	}
	var members []reflect.StructField
	for i, f := range fields {
		members = append(members, reflect.StructField{Name: fmt.Sprint("F", i), Type: f.typ})
	}
	return reflect.StructOf(members), nil
}

// toStructs copies the records into a slice of structs, on every core.
func toStructs(ctx context.Context, a *recarray.Array, progress *progress) (reflect.Value, error) {
	typ, err := structType(a.DType())
	if err != nil {
		return reflect.Value{}, err
	}
	fields, err := structFields(a)
	if err != nil {
		return reflect.Value{}, err
	}
	rows := reflect.MakeSlice(reflect.SliceOf(typ), a.Len(), a.Len())
	err = parallel.Pieces(a.Len(), pieceRecords, func(from, to int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		for i := from; i < to; i++ {
			row := rows.Index(i)
			for n, f := range fields {
				f.load(i, row.Field(n))
			}
		}
		progress.Write(a.Bytes()[from*a.DType().Itemsize() : to*a.DType().Itemsize()])
		return nil
	})
	return rows, err
}

// columnOf copies one field of a slice of structs into records of that field
// alone, so that it can be summed as any column is.
func columnOf(rows reflect.Value, dt *recarray.DType, index int) (*recarray.Array, error) {
	f := dt.Fields()[index]
	alone, err := recarray.ParseDType(fmt.Sprintf("[('column', %q)]", f.DType))
	if err != nil {
		return nil, err
	}
	a, err := recarray.New(make([]byte, rows.Len()*alone.Itemsize()), alone, rows.Len())
	if err != nil {
		return nil, err
	}
	fields, err := structFields(a)
	if err != nil {
		return nil, err
	}
	for i := range rows.Len() {
		fields[0].store(i, rows.Index(i).Field(index))
	}
	return a, nil
}

func structFieldOf(a *recarray.Array, f recarray.Field) (structField, error) {
	size := f.DType.Itemsize()
	switch kind := f.DType.Kind(); {
	case kind == recarray.Bool:
		return number[bool](a, f.Name)
	case kind == recarray.Int && size == 1:
		return number[int8](a, f.Name)
	case kind == recarray.Int && size == 2:
		return number[int16](a, f.Name)
	case kind == recarray.Int && size == 4:
		return number[int32](a, f.Name)
	case kind == recarray.Int, kind == recarray.Datetime, kind == recarray.Timedelta:
		return number[int64](a, f.Name)
	case kind == recarray.Uint && size == 1:
		return number[uint8](a, f.Name)
	case kind == recarray.Uint && size == 2:
		return number[uint16](a, f.Name)
	case kind == recarray.Uint && size == 4:
		return number[uint32](a, f.Name)
	case kind == recarray.Uint:
		return number[uint64](a, f.Name)
	case kind == recarray.Float && size == 2:
		return number[recarray.Float16](a, f.Name)
	case kind == recarray.Float && size == 4:
		return number[float32](a, f.Name)
	case kind == recarray.Float:
		return number[float64](a, f.Name)
	case kind == recarray.Bytes, kind == recarray.Str:
		return text(a, f.Name)
	}
	return structField{}, fmt.Errorf("field %q: a %s has no Go type to be handed over in", f.Name, f.DType)
}

func number[T recarray.Element](a *recarray.Array, name string) (structField, error) {
	c, err := recarray.Col[T](a, name)
	at := func(v reflect.Value) *T { return v.Addr().Interface().(*T) }
	return structField{
		typ:   reflect.TypeFor[T](),
		load:  func(i int, v reflect.Value) { *at(v) = c.At(i) },
		store: func(i int, v reflect.Value) { c.Set(i, *at(v)) },
	}, err
}

func text(a *recarray.Array, name string) (structField, error) {
	c, err := recarray.Strings(a, name)
	return structField{
		typ:  reflect.TypeFor[string](),
		load: func(i int, v reflect.Value) { v.SetString(c.At(i)) },
	}, err
}
