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

// structField is how one field of the records is held in a struct.
type structField struct {
	typ  reflect.Type
	bind func(a *recarray.Array) (fieldMover, error)
}

// fieldMover copies a field of record i to a struct's field and back.
type fieldMover struct {
	load, store func(i int, v reflect.Value) error
}

// structType returns the struct with one exported field for each of the
// records' fields.
func structType(dt *recarray.DType) (reflect.Type, error) {
	var fields []reflect.StructField
	for i, f := range dt.Fields() {
		s, err := structFieldOf(f)
		if err != nil {
			return nil, err
		}
		fields = append(fields, reflect.StructField{Name: fmt.Sprint("F", i), Type: s.typ})
	}
	return reflect.StructOf(fields), nil
}

// toStructs copies the records into a slice of structs, on every core.
func toStructs(ctx context.Context, a *recarray.Array, progress *progress) (reflect.Value, error) {
	typ, err := structType(a.DType())
	if err != nil {
		return reflect.Value{}, err
	}
	var movers []fieldMover
	for _, f := range a.DType().Fields() {
		s, err := structFieldOf(f)
		if err != nil {
			return reflect.Value{}, err
		}
		m, err := s.bind(a)
		if err != nil {
			return reflect.Value{}, err
		}
		movers = append(movers, m)
	}
	rows := reflect.MakeSlice(reflect.SliceOf(typ), a.Len(), a.Len())
	err = parallel.Pieces(a.Len(), pieceRecords, func(from, to int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		for i := from; i < to; i++ {
			row := rows.Index(i)
			for f, m := range movers {
				if err := m.load(i, row.Field(f)); err != nil {
					return err
				}
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
	s, err := structFieldOf(alone.Fields()[0])
	if err != nil {
		return nil, err
	}
	m, err := s.bind(a)
	if err != nil {
		return nil, err
	}
	for i := range rows.Len() {
		if err := m.store(i, rows.Index(i).Field(index)); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func structFieldOf(f recarray.Field) (structField, error) {
	size := f.DType.Itemsize()
	switch kind := f.DType.Kind(); {
	case kind == recarray.Bool:
		return plainField[bool](f.Name), nil
	case kind == recarray.Int && size == 1:
		return plainField[int8](f.Name), nil
	case kind == recarray.Int && size == 2:
		return plainField[int16](f.Name), nil
	case kind == recarray.Int && size == 4:
		return plainField[int32](f.Name), nil
	case kind == recarray.Int, kind == recarray.Datetime, kind == recarray.Timedelta:
		return plainField[int64](f.Name), nil
	case kind == recarray.Uint && size == 1:
		return plainField[uint8](f.Name), nil
	case kind == recarray.Uint && size == 2:
		return plainField[uint16](f.Name), nil
	case kind == recarray.Uint && size == 4:
		return plainField[uint32](f.Name), nil
	case kind == recarray.Uint:
		return plainField[uint64](f.Name), nil
	case kind == recarray.Float && size == 2:
		return plainField[recarray.Float16](f.Name), nil
	case kind == recarray.Float && size == 4:
		return plainField[float32](f.Name), nil
	case kind == recarray.Float:
		return plainField[float64](f.Name), nil
	case kind == recarray.Bytes, kind == recarray.Str:
		return stringField(f.Name), nil
	}
	return structField{}, fmt.Errorf("field %q: a %s has no Go type to be handed over in", f.Name, f.DType)
}

func plainField[T recarray.Element](name string) structField {
	at := func(v reflect.Value) *T { return v.Addr().Interface().(*T) }
	return structField{reflect.TypeFor[T](), func(a *recarray.Array) (fieldMover, error) {
		c, err := recarray.Col[T](a, name)
		return fieldMover{
			load:  func(i int, v reflect.Value) error { *at(v) = c.At(i); return nil },
			store: func(i int, v reflect.Value) error { c.Set(i, *at(v)); return nil },
		}, err
	}}
}

func stringField(name string) structField {
	return structField{reflect.TypeFor[string](), func(a *recarray.Array) (fieldMover, error) {
		c, err := recarray.Strings(a, name)
		return fieldMover{
			load:  func(i int, v reflect.Value) error { v.SetString(c.At(i)); return nil },
			store: func(i int, v reflect.Value) error { return c.Set(i, v.String()) },
		}, err
	}}
}
