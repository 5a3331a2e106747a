package recarray_test

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm/recarray"
)

func textColumn(t testing.TB, typ string, n int) (*recarray.Array, recarray.TextColumn) {
	t.Helper()
	a := newArray(t, "[('x', 'u1'), ('v', '"+typ+"')]", n)
	c, err := recarray.Text(a, "v")
	require.NoError(t, err)
	return a, c
}

func TestText(t *testing.T) {
	for _, c := range []struct{ typ, set, at string }{ // at "": what was set
		{"?", "True", ""}, {"?", "False", ""}, {"?", "true", "True"}, {"?", "false", "False"}, {"?", "1", "True"}, {"?", "0", "False"},
		{"i1", "-128", ""}, {"i1", "+5", "5"}, {"<i2", "32767", ""}, {">i4", "-2147483648", ""}, {"<i8", "-9223372036854775808", ""},
		{"u1", "255", ""}, {"u1", "+5", "5"}, {"u1", "-0", "0"}, {"i1", "+5", "5"}, {"<u2", "65535", ""}, {">u4", "4294967295", ""}, {"<u8", "18446744073709551615", ""}, {"<i4", "007", "7"},
		{"<f8", "0.1", ""}, {"<f8", "1", "1.0"}, {"<f8", "-0", "-0.0"}, {"<f8", "1e15", "1000000000000000.0"}, {"<f8", "1e16", "1e+16"},
		{"<f8", "0.0001", ""}, {"<f8", "0.00001", "1e-05"}, {"<f8", "1e-320", ""}, {"<f8", ".5", "0.5"}, {"<f8", "5.", "5.0"},
		{"<f8", "nan", ""}, {"<f8", "NaN", "nan"}, {"<f8", "", "nan"}, {"<f8", "inf", ""}, {"<f8", "-Infinity", "-inf"}, {"<f8", "+inf", "inf"},
		{">f8", "2.5", ""}, {"<f4", "0.1", ""}, {"<f4", "16777216", "16777216.0"}, {">f4", "3.4028235e+38", ""}, {"<f4", "", "nan"},
		{"<f2", "0.1", ""}, {"<f2", "65504", "65500.0"}, {"<f2", "65519", "65500.0"}, {"<f2", "6e-08", ""}, {"<f2", "", "nan"}, {"<f2", "-inf", ""},
		{"S6", "abc", ""}, {"S6", "", ""}, {"S6", "日本", ""}, {"<U6", "日本語", ""}, {">U6", "a b", ""},
		{"<M8[ns]", "2024-01-02T03:04:05.678901234", ""}, {"<M8[ns]", "2024-01-02 03:04:05.678901234Z", "2024-01-02T03:04:05.678901234"},
		{"<M8[ns]", "2024-01-02", "2024-01-02T00:00:00.000000000"}, {"<M8[ns]", "2024", "2024-01-01T00:00:00.000000000"}, {"<M8[ns]", "2024-02", "2024-02-01T00:00:00.000000000"},
		{"<M8[ns]", "2024-01-02T03", "2024-01-02T03:00:00.000000000"}, {"<M8[ns]", "2024-01-02T03:04Z", "2024-01-02T03:04:00.000000000"},
		{"<M8[ns]", "1969-12-31T23:59:59.999999999000", "1969-12-31T23:59:59.999999999"},
		{"<M8[ns]", "1677-09-21T00:12:43.145224193", ""}, {"<M8[ns]", "2262-04-11T23:47:16.854775807", ""},
		{"<M8[ns]", "NaT", ""}, {"<M8[ns]", "", "NaT"}, {">M8[us]", "2024-02-29T23:59:59.123456", ""}, {"<M8[ms]", "2024-02-29T23:59:59.120", ""},
		{"<M8[s]", "2024-02-29T23:59:59.000", "2024-02-29T23:59:59"}, {"<M8[25s]", "2024-02-29T13:14:10", ""}, {"<M8[m]", "2024-02-29T23:59", ""}, {"<M8[h]", "2024-02-29T23", ""},
		{"<M8[D]", "2024-02-29", ""}, {"<M8[D]", "12345-01-01", ""}, {"<M8[D]", "-044-03-15", ""}, {"<M8[D]", "-0044-03-15", "-044-03-15"}, {"<M8[D]", "0000-01-01", ""}, {"<M8[D]", "-12345-01-01", ""},
		{"<M8[D]", "25252734927768524-07-27", ""}, {"<M8[W]", "2024-02-29", ""}, {"<M8[M]", "2024-02", ""}, {"<M8[Y]", "2024", ""}, {"<M8[Y]", "10970", ""},
		{"<M8[as]", "1970-01-01T00:00:09.223372036854775807", ""}, {"<M8[fs]", "1969-12-31T23:59:59.000000000000001", "1969-12-31T23:59:59.000000000000001"},
		{"<M8[D]", "NaT", ""}, {"<M8", "NaT", ""}, {"<M8", "12*generic", ""}, {"<M8[2Y]", "4611686018427387904*2Y", ""},
		{"<m8[s]", "50 seconds", ""}, {"<m8[25s]", "50 seconds", ""}, {"<m8[25s]", "2", "50 seconds"}, {"<m8[D]", "-3", "-3 days"}, {"<m8[ns]", "1 nanoseconds", ""},
		{"<m8", "5", "5 generic time units"}, {"<m8[Y]", "3 years", ""}, {"<m8[s]", "", "NaT"}, {"<m8[s]", "NaT", ""}, {"<m8[25s]", "9223372036854775807", "9223372036854775807*25s"},
	} {
		a, v := textColumn(t, c.typ, 2)
		require.NoError(t, v.Set(1, c.set))
		want := c.at
		if want == "" {
			want = c.set
		}
		require.Equal(t, want, v.At(1), "%q in %s", c.set, c.typ)
		require.Equal(t, "> "+want, string(v.Append([]byte("> "), 1)))
		// What is printed reads back to the same bytes.
		before := string(a.Bytes())
		require.NoError(t, v.Set(1, v.At(1)))
		require.Equal(t, before, string(a.Bytes()), "%q in %s", c.set, c.typ)
	}
}

func TestTextRefuses(t *testing.T) {
	for _, c := range []struct {
		typ  string
		set  []string
		want error
	}{
		{"?", []string{"", "2", "TRUE", "yes", " True", "t"}, strconv.ErrSyntax},
		{"<i4", []string{"", " 1", "1 ", "1.0", "1e3", "0x10", "1_000", "nan", "--1", "True"}, strconv.ErrSyntax},
		{"<i4", []string{"2147483648", "-2147483649", "99999999999999999999"}, strconv.ErrRange},
		{"i1", []string{"128"}, strconv.ErrRange},
		{"u1", []string{"256", "-1"}, strconv.ErrRange},
		{"u1", []string{"", "x", "-", "+", "--1", "-+1", "+-1"}, strconv.ErrSyntax},
		{"<u8", []string{"18446744073709551616"}, strconv.ErrRange},
		{"<f8", []string{" ", " 1", "1,5", "0x1p4", "1_0", "na", "nan ", "1e", "-"}, strconv.ErrSyntax},
		{"<f8", []string{"1e309", "-1e309"}, strconv.ErrRange},
		{"<f4", []string{"1e39", "3.5e38"}, strconv.ErrRange},
		{"<f2", []string{"65520", "1e300"}, strconv.ErrRange},
		{"S3", []string{"abcd", "日本"}, recarray.ErrTooLong},
		{"<U2", []string{"日本語"}, recarray.ErrTooLong},
		{"<M8[ns]", []string{"x", "24-01-02", "2024-1-2", "20240102", "2024-01-02T", "2024-01-02T0304", "2024-13-01", "2024-00-01", "2023-02-29", "2024-02-30", "2024-01-00",
			"2024-01-02T24:00", "2024-01-02T03:60", "2024-01-02T03:04:60", "2024-01-02T03:04:05.", "2024-01-02T03:04:05,5", "2024-01-02T03:04:05+01:00", "2024-01-02T03:04:05z",
			" 2024-01-02", "2024-01-02 ", "nat", "now", "today", "2024-01-02Z", "-", "+", "--2024-01-01", "2024-01-02T03:04:05Z ", "2024-01-02T03:04:05ZZ", "1*us", "x*ns"}, strconv.ErrSyntax},
		{"<M8[ns]", []string{"2300-01-01", "1600-01-01", "1677-09-21T00:12:43.145224192", "99999999999999999999-01-01", "2024-01-02T03:04:05.0000000001", "2024-01-02T03:04:05.0000000000000000001"}, strconv.ErrRange},
		{"<M8[s]", []string{"2024-01-02T03:04:05.5"}, strconv.ErrRange},
		{"<M8[25s]", []string{"2024-01-02T03:04:06"}, strconv.ErrRange},
		{"<M8[D]", []string{"2024-01-02T03"}, strconv.ErrRange},
		{"<M8[W]", []string{"2024-01-02"}, strconv.ErrRange},
		{"<M8[M]", []string{"2024-01-02"}, strconv.ErrRange},
		{"<M8[Y]", []string{"2024-02"}, strconv.ErrRange},
		{"<M8", []string{"2024-01-02"}, strconv.ErrRange},
		{"<m8[s]", []string{"x", "5 minutes", "5  seconds", "5s", "1.5", "2024-01-01", "nat", " 5"}, strconv.ErrSyntax},
		{"<m8[25s]", []string{"51 seconds", "9223372036854775808", "-9223372036854775808"}, strconv.ErrRange},
	} {
		a, v := textColumn(t, c.typ, 2)
		for i := range a.Bytes() {
			a.Bytes()[i] = 1
		}
		for _, s := range c.set {
			err := v.Set(1, s)
			require.ErrorIs(t, err, c.want, "%q in %s", s, c.typ)
			require.ErrorContains(t, err, "recarray: field 'v', record 1: ")
			require.Equal(t, strings.Repeat("\x01", len(a.Bytes())), string(a.Bytes()), "%q in %s: an error leaves the memory as it was", s, c.typ)
		}
	}
	_, v := textColumn(t, "<i4", 1)
	require.EqualError(t, v.Set(0, "12x"), "recarray: field 'v', record 0: '12x' as <i4: invalid syntax")
	require.EqualError(t, v.Set(0, "3000000000"), "recarray: field 'v', record 0: '3000000000' as <i4: value out of range")
}

func TestTextNaNIsNumpys(t *testing.T) {
	for typ, want := range map[string]string{">f8": "\x7f\xf8\x00\x00\x00\x00\x00\x00", ">f4": "\x7f\xc0\x00\x00", ">f2": "\x7e\x00"} {
		for _, s := range []string{"", "nan", "NAN"} {
			a, v := textColumn(t, typ, 1)
			require.NoError(t, v.Set(0, s))
			require.Equal(t, want, string(a.Bytes()[1:]), typ)
		}
	}
}

func TestTextAllocatesNothing(t *testing.T) {
	for typ, s := range map[string]string{"<i4": "-17", "u1": "7", "?": "True", ">f8": "1.5", "<f4": "1e-7", "<f2": "2.5", "S6": "abc", "<U6": "日本",
		"<M8[ns]": "2024-01-02T03:04:05.5", "<m8[s]": "50 seconds"} {
		_, v := textColumn(t, typ, 1)
		buf := make([]byte, 0, 64)
		require.Zero(t, testing.AllocsPerRun(100, func() {
			if err := v.Set(0, s); err != nil {
				t.Fatal(err)
			}
			buf = v.Append(buf[:0], 0)
		}), typ)
	}
}

// Every number of 16 bits is the shortest of its kind that reads back.
func TestFloat16(t *testing.T) {
	_, v := textColumn(t, "<f2", 1)
	for bits := range 1 << 16 {
		f := recarray.Float16(bits)
		x := float64(f.Float32())
		if f.IsNaN() {
			require.True(t, math.IsNaN(x))
			require.True(t, recarray.NewFloat16(x).IsNaN())
			continue
		}
		if got := recarray.NewFloat16(x); got != f {
			t.Fatalf("NewFloat16(%v): got %#04x, want %#04x", x, got, f)
		}
		// The value by the book: fraction times power, with no bits moved.
		exp, frac := bits>>10&0x1f, float64(bits&0x3ff)
		want := math.Ldexp(1024+frac, exp-25)
		if exp == 0 {
			want = math.Ldexp(frac, -24)
		} else if exp == 31 {
			want = math.Inf(1)
		}
		if bits>>15 == 1 {
			want = -want
		}
		if x != want {
			t.Fatalf("%#04x is %v, want %v", bits, x, want)
		}
	}
	for x, want := range map[float64]recarray.Float16{
		1.000488281250001: 0x3c01, 1.00048828125: 0x3c00, 1.00146484375: 0x3c02, 65519: 0x7bff, 65520: 0x7c00, 0x1p-25: 0, 0x1.000001p-25: 1, 0x1.8p-24: 2, -0x1p-26: 0x8000,
		math.MaxFloat64: 0x7c00, math.SmallestNonzeroFloat64: 0, -1e6: 0xfc00, 0x1.ffbp-15: 0x3ff, 0x1.ffcp-15: 0x400, 0x1.ffep-15: 0x400,
	} {
		require.Equal(t, want, recarray.NewFloat16(x), "%v", x)
	}
	require.NoError(t, v.Set(0, "0.333"))
	require.Equal(t, "0.333", v.At(0))
}

func FuzzText(f *testing.F) {
	types := []string{"?", "i1", ">i4", "<u8", "<f2", ">f4", "<f8", "S5", "<U3", "<M8[ns]", ">M8[25s]", "<M8[D]", "<M8[M]", "<M8[Y]", "<M8[as]", "<M8", "<m8[s]", "<m8[3D]", "<m8", "<M8[7W]"}
	for i, s := range []string{"True", "-128", "99", "123", "0.333", "nan", "1e300", "abc\x00d", "日本", "2024-02-29T01:02:03.5", "NaT", "-044-03-15", "2024-02", "9223372036854775807*Y", "1970-01-01T00:00:09.2", "1*generic", "50 seconds", "3 days", "5 generic time units", ""} {
		f.Add(byte(i), s)
	}
	f.Fuzz(func(t *testing.T, which byte, s string) {
		typ := types[int(which)%len(types)]
		a, v := textColumn(t, typ, 3)
		if err := v.Set(1, s); err != nil {
			require.Equal(t, strings.Repeat("\x00", len(a.Bytes())), string(a.Bytes()), "%q in %s: an error leaves the memory as it was", s, typ)
			// Take the text for the bytes of a value instead.
			copy(a.Bytes()[a.DType().Itemsize()+1:][:a.DType().Itemsize()-1], s)
		}
		size := a.DType().Itemsize()
		require.Equal(t, make([]byte, size+1), a.Bytes()[:size+1])
		require.Equal(t, make([]byte, size), a.Bytes()[2*size:])
		at := v.At(1)
		require.NoError(t, v.Set(2, at), "%q in %s printed as %q", s, typ, at)
		require.Equal(t, at, v.At(2), "%q in %s", s, typ)
		if k := a.DType().Fields()[1].DType.Kind(); k == recarray.Int || k == recarray.Uint || k == recarray.Datetime || k == recarray.Timedelta {
			require.Equal(t, a.Bytes()[size:2*size], a.Bytes()[2*size:], "%q in %s printed as %q", s, typ, at)
		}
	})
}
