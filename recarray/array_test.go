package recarray_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm/recarray"
)

// newArray makes a table of n zeroed records, at an odd address.
func newArray(t testing.TB, dtype string, n int) *recarray.Array {
	t.Helper()
	dt := parse(t, dtype)
	buf := make([]byte, n*dt.Itemsize()+2)[1:]
	a, err := recarray.New(buf, dt.AllowEmpty(), n)
	require.NoError(t, err)
	return a
}

func column[T recarray.Element](t testing.TB, a *recarray.Array, name string) recarray.Column[T] {
	t.Helper()
	c, err := recarray.Col[T](a, name)
	require.NoError(t, err)
	return c
}

// requirePanics wants f to panic as an index out of range does, with a sentence.
func requirePanics(t testing.TB, sentence string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		err, ok := recover().(runtime.Error)
		require.True(t, ok, "no runtime.Error")
		require.EqualError(t, err, "recarray: "+sentence)
	}()
	f()
}

func TestNew(t *testing.T) {
	dt := parse(t, ticks)
	buf := make([]byte, 3*22+5)
	a, err := recarray.New(buf, dt, 3)
	require.NoError(t, err)
	require.Equal(t, 3, a.Len())
	require.Same(t, dt, a.DType())
	require.Len(t, a.Bytes(), 66)
	require.Equal(t, 66, cap(a.Bytes()), "an append must not reach what lies behind")
	require.Same(t, &buf[0], &a.Bytes()[0])
	require.False(t, a.IsReadOnly())

	for _, n := range []int{4, math.MaxInt, math.MaxInt/22 + 1, 1 << 30} {
		_, err = recarray.New(buf, dt, n)
		require.EqualError(t, err, fmt.Sprintf("recarray: %d records of 22 bytes do not fit into 71 bytes, which hold 3", n))
	}
	_, err = recarray.New(buf, dt, -1)
	require.EqualError(t, err, "recarray: -1 records")
	_, err = recarray.New(buf, nil, 1)
	require.Error(t, err)
	_, err = recarray.New(buf, parse(t, "u1"), 1)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorContains(t, err, "use [('x', 'u1')]")

	a, err = recarray.New(nil, dt, 0)
	require.NoError(t, err)
	require.Zero(t, a.Len())
	requirePanics(t, "index 0 out of range of 0 records", func() { column[float64](t, a, "val").At(0) })

	a, err = recarray.New(nil, parse(t, "[]"), math.MaxInt)
	require.NoError(t, err, "records of no bytes fit anywhere")
	require.Equal(t, math.MaxInt, a.Len())
}

func TestNewRefusesEmptyStrings(t *testing.T) {
	for _, typ := range []string{"S", "<U0"} {
		dt := parse(t, "[('n', '<i4'), ('sym', '"+typ+"')]")
		_, err := recarray.New(make([]byte, 40), dt, 1)
		require.ErrorContains(t, err, "field 'sym'")
		require.ErrorContains(t, err, "give it a length")
		_, err = recarray.CreateNPY(make([]byte, 4000), dt, 1)
		require.ErrorContains(t, err, "field 'sym'")

		a, err := recarray.New(make([]byte, 40), dt.AllowEmpty(), 10)
		require.NoError(t, err)
		s, err := recarray.Strings(a, "sym")
		require.NoError(t, err)
		require.Empty(t, s.At(9))
		require.Empty(t, s.Raw(9))
		require.NoError(t, s.Set(9, ""))
		require.ErrorIs(t, s.Set(9, "a"), recarray.ErrTooLong)
		require.True(t, s.SetCut(9, "a"))
		requirePanics(t, "index 10 out of range of 10 records", func() { s.At(10) })
	}
}

// testColumn writes and reads values through a column and compares with the
// bytes that encoding/binary makes of them, in both byte orders.
func testColumn[T recarray.Element](t *testing.T, code string, vals ...T) {
	for order, enc := range map[string]binary.ByteOrder{"<": binary.LittleEndian, ">": binary.BigEndian} {
		if len(code) == 1 || code[1] == '1' {
			order = "|"
		}
		t.Run(order+code, func(t *testing.T) {
			a := newArray(t, "[('p', 'S3'), ('v', '"+order+code+"'), ('q', 'u1')]", len(vals))
			c := column[T](t, a, "v")
			require.Equal(t, len(vals), c.Len())
			for i, v := range vals {
				c.Set(i, v)
			}
			size := a.DType().Itemsize() - 4
			for i, v := range vals {
				want, err := binary.Append([]byte{0, 0, 0}, enc, v)
				require.NoError(t, err)
				want = append(want, 0)
				require.Equal(t, want, a.Bytes()[i*(size+4):][:size+4], "record %d", i)
				require.Equal(t, v, c.At(i))
			}
			n := 0
			for i, v := range c.All() {
				require.Equal(t, n, i)
				require.Equal(t, vals[i], v)
				n++
			}
			require.Equal(t, len(vals), n)
			for range c.All() {
				break
			}
			for _, i := range []int{-1, len(vals), math.MinInt, math.MaxInt} {
				sentence := fmt.Sprintf("index %d out of range of %d records", i, len(vals))
				requirePanics(t, sentence, func() { c.At(i) })
				requirePanics(t, sentence, func() { c.Set(i, vals[0]) })
			}
			before := string(a.Bytes())
			ro := column[T](t, a.ReadOnly(), "v")
			requirePanics(t, "record 0 set through a read-only view", func() { ro.Set(0, vals[1]) })
			require.Equal(t, before, string(a.Bytes()))
			require.Equal(t, vals[0], ro.At(0))
		})
	}
}

func TestCol(t *testing.T) {
	testColumn(t, "?", true, false, true)
	testColumn[int8](t, "i1", math.MinInt8, -1, math.MaxInt8)
	testColumn[int16](t, "i2", math.MinInt16, -2, math.MaxInt16)
	testColumn[int32](t, "i4", math.MinInt32, -2, math.MaxInt32)
	testColumn[int64](t, "i8", math.MinInt64, -2, math.MaxInt64)
	testColumn[int64](t, "M8[ns]", math.MinInt64, -2, math.MaxInt64)
	testColumn[int64](t, "m8[25s]", math.MinInt64, -2, math.MaxInt64)
	testColumn[uint8](t, "u1", 0, 1, math.MaxUint8)
	testColumn[uint16](t, "u2", 0, 1, math.MaxUint16)
	testColumn[uint32](t, "u4", 0, 1, math.MaxUint32)
	testColumn[uint64](t, "u8", 0, 1, math.MaxUint64)
	testColumn[recarray.Float16](t, "f2", 0x3c00, 0x8000, 0x7bff)
	testColumn[float32](t, "f4", 1.5, -0.25, math.MaxFloat32)
	testColumn[float64](t, "f8", 1.5, -0.25, math.MaxFloat64)
}

func TestColIsStrict(t *testing.T) {
	a := newArray(t, "[('f4', '<f4'), ('i8', '>i8'), ('b', '?'), ('s', 'S4'), ('t', '<M8[ns]'), ('d', '<m8[ns]'), ('f2', '<f2'), ('u2', '<u2')]", 1)
	_, err := recarray.Col[float64](a, "f4")
	require.EqualError(t, err, "recarray: field 'f4' is <f4, which Col[float32] reads; Col[float64] does not")
	_, err = recarray.Col[uint64](a, "i8")
	require.EqualError(t, err, "recarray: field 'i8' is >i8, which Col[int64] reads; Col[uint64] does not")
	_, err = recarray.Col[int8](a, "b")
	require.EqualError(t, err, "recarray: field 'b' is ?, which Col[bool] reads; Col[int8] does not")
	_, err = recarray.Col[uint8](a, "s")
	require.EqualError(t, err, "recarray: field 's' is S4, which Strings reads; Col[uint8] does not")
	_, err = recarray.Col[uint16](a, "f2")
	require.EqualError(t, err, "recarray: field 'f2' is <f2, which Col[recarray.Float16] reads; Col[uint16] does not")
	_, err = recarray.Col[recarray.Float16](a, "u2")
	require.EqualError(t, err, "recarray: field 'u2' is <u2, which Col[uint16] reads; Col[recarray.Float16] does not")
	_, err = recarray.Col[float64](a, "t")
	require.EqualError(t, err, "recarray: field 't' is <M8[ns], which Times reads; Col[float64] does not")
	_, err = recarray.Times(a, "d")
	require.EqualError(t, err, "recarray: field 'd' is <m8[ns], which Durations reads; Times does not")
	_, err = recarray.Durations(a, "f4")
	require.EqualError(t, err, "recarray: field 'f4' is <f4, which Col[float32] reads; Durations does not")
	_, err = recarray.Strings(a, "f4")
	require.EqualError(t, err, "recarray: field 'f4' is <f4, which Col[float32] reads; Strings does not")
	for _, col := range []func() error{
		func() error { _, err := recarray.Col[bool](a, "x"); return err },
		func() error { _, err := recarray.Strings(a, "x"); return err },
		func() error { _, err := recarray.Times(a, "x"); return err },
		func() error { _, err := recarray.Durations(a, "x"); return err },
		func() error { _, err := recarray.Text(a, "x"); return err },
		func() error { _, err := a.Reduce("sum", "x"); return err },
	} {
		require.EqualError(t, col(), "recarray: no field 'x'; there are 'f4', 'i8', 'b', 's', 't', 'd', 'f2', 'u2'")
	}
}

// A bool of numpy may be any byte, of which Go's compiler must never hear.
func TestColBool(t *testing.T) {
	a := newArray(t, "[('b', '?')]", 256)
	for i := range 256 {
		a.Bytes()[i] = byte(i)
	}
	b, raw := column[bool](t, a, "b"), column[uint8](t, a, "b")
	for i := range 256 {
		v := b.At(i)
		require.Equal(t, i != 0, v)
		require.True(t, v == (i != 0) && v != (i == 0))
		require.Equal(t, uint8(i), raw.At(i))
	}
	require.Equal(t, int64(255), recarray.SumInt(b))
	b.Set(200, true)
	require.Equal(t, byte(1), a.Bytes()[200])
}

// NaN payloads, signalling ones too, pass through a Column unchanged.
func TestColKeepsBits(t *testing.T) {
	a := newArray(t, "[('x', 'u1'), ('d', '<f8'), ('f', '>f4')]", 2)
	d, f := column[float64](t, a, "d"), column[float32](t, a, "f")
	d.Set(0, math.Float64frombits(0x7ff0000000000001))
	f.Set(0, math.Float32frombits(0xff800001))
	d.Set(1, d.At(0))
	f.Set(1, f.At(0))
	require.Equal(t, a.Bytes()[:13], a.Bytes()[13:])
	require.Equal(t, uint64(0x7ff0000000000001), math.Float64bits(d.At(1)))
	require.Equal(t, uint32(0xff800001), math.Float32bits(f.At(1)))
}

func TestZeroValues(t *testing.T) {
	const index = "index 0 out of range of 0 records"
	var c recarray.Column[float64]
	require.Zero(t, c.Len())
	require.Zero(t, recarray.NanSum(c))
	for range c.All() {
		t.Fatal("a value of the zero column")
	}
	requirePanics(t, index, func() { c.At(0) })
	requirePanics(t, index, func() { c.Set(0, 1) })
	requirePanics(t, index, func() { recarray.StringColumn{}.At(0) })
	requirePanics(t, index, func() { _ = recarray.StringColumn{}.Set(0, "") })
	requirePanics(t, index, func() { recarray.TimeColumn{}.At(0) })
	requirePanics(t, index, func() { recarray.DurationColumn{}.SetNaT(0) })
	requirePanics(t, index, func() { recarray.TextColumn{}.At(0) })
	requirePanics(t, index, func() { _ = recarray.TextColumn{}.Set(0, "1") })
	for _, a := range []*recarray.Array{nil, {}} {
		_, err := recarray.Col[float64](a, "val")
		require.EqualError(t, err, "recarray: field 'val' of an array that New or OpenNPY did not make")
	}
}

func TestReadOnly(t *testing.T) {
	a := newArray(t, "[('f', '<f8'), ('s', 'S4'), ('u', '<U2'), ('t', '<M8[s]'), ('d', '<m8[s]')]", 2)
	ro := a.ReadOnly()
	require.True(t, ro.IsReadOnly())
	require.False(t, a.IsReadOnly())
	require.True(t, ro.ReadOnly().IsReadOnly())
	const sentence = "record 1 set through a read-only view"
	for _, name := range []string{"f", "s", "u", "t", "d"} {
		c, err := recarray.Text(ro, name)
		require.NoError(t, err)
		requirePanics(t, sentence, func() { _ = c.Set(1, "1") })
		_ = c.At(1)
	}
	s, err := recarray.Strings(ro, "s")
	require.NoError(t, err)
	requirePanics(t, sentence, func() { _ = s.Set(1, "much too long") })
	requirePanics(t, sentence, func() { s.SetCut(1, "") })
	tc, err := recarray.Times(ro, "t")
	require.NoError(t, err)
	requirePanics(t, sentence, func() { _ = tc.Set(1, epoch) })
	requirePanics(t, sentence, func() { tc.SetRaw(1, 1) })
	requirePanics(t, sentence, func() { tc.SetNaT(1) })
	d, err := recarray.Durations(ro, "d")
	require.NoError(t, err)
	requirePanics(t, sentence, func() { _ = d.Set(1, 1) })
	requirePanics(t, sentence, func() { d.SetRaw(1, 1) })
	requirePanics(t, sentence, func() { d.SetNaT(1) })
	require.Equal(t, strings.Repeat("\x00", len(a.Bytes())), string(a.Bytes()))
}

func TestFieldNamesInErrorsAreFew(t *testing.T) {
	var list []string
	for i := range 1000 {
		list = append(list, fmt.Sprintf("('%s%d', 'u1')", strings.Repeat("x", 100), i))
	}
	a := newArray(t, "["+strings.Join(list, ",")+"]", 1)
	_, err := recarray.Col[uint8](a, "y")
	require.ErrorContains(t, err, "and 988 more")
	require.Less(t, len(err.Error()), 1000)
}
