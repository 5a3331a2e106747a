package recarray_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm/recarray"
)

// modelSum is the rule in its plainest form: a copy of the values, and slices.
func modelSum[A float32 | float64](v []A) A {
	if len(v) == 0 {
		return 0
	}
	var pairwise func([]A) A
	pairwise = func(v []A) A {
		switch n := len(v); {
		case n < 8:
			s := A(math.Copysign(0, -1))
			for _, x := range v {
				s += x
			}
			return s
		case n <= 128:
			var r [8]A
			copy(r[:], v)
			i := 8
			for ; i < n-n%8; i++ {
				r[i%8] += v[i]
			}
			s := ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]))
			for ; i < n; i++ {
				s += v[i]
			}
			return s
		default:
			h := n / 2
			h -= h % 8
			return pairwise(v[:h]) + pairwise(v[h:])
		}
	}
	return 0 + pairwise(v)
}

// withoutNaN returns a copy with 0 for NaN.
func withoutNaN[A float32 | float64](v []A) []A {
	c := append([]A(nil), v...)
	for i, x := range c {
		if x != x {
			c[i] = 0
		}
	}
	return c
}

// sameBits compares floats as bits, but takes all NaNs for one.
func sameBits[A float32 | float64](t testing.TB, want, got A, msg string) {
	t.Helper()
	if want != want && got != got {
		return
	}
	require.Equal(t, math.Float64bits(float64(want)), math.Float64bits(float64(got)), "%s: want %v, got %v", msg, want, got)
}

var sumLengths = []int{0, 1, 2, 7, 8, 9, 15, 16, 17, 100, 127, 128, 129, 135, 136, 255, 256, 257, 264, 1000, 1023, 8191, 8192, 8193, 10000, 20001}

func TestSumFloats(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range sumLengths {
		for _, special := range []string{"", "nan", "inf", "-0"} {
			for _, typ := range []string{"<f8", ">f8", "<f4", ">f4", "<f2", ">f2"} {
				msg := fmt.Sprintf("n=%d %s %s", n, typ, special)
				a := newArray(t, "[('x', 'S3'), ('v', '"+typ+"'), ('y', 'S11')]", n)
				v64, v32 := make([]float64, n), make([]float32, n)
				var c64 recarray.Column[float64]
				var c32 recarray.Column[float32]
				var c16 recarray.Column[recarray.Float16]
				switch typ[1:] {
				case "f8":
					c64 = column[float64](t, a, "v")
				case "f4":
					c32 = column[float32](t, a, "v")
				default:
					c16 = column[recarray.Float16](t, a, "v")
				}
				for i := range n {
					x := math.Ldexp(random.Float64()-0.5, random.IntN(20))
					switch {
					case special == "nan" && random.IntN(10) == 0:
						x = math.NaN()
					case special == "inf" && i%50 == 3:
						x = math.Inf(1 - 2*(i/50%2))
					case special == "-0":
						x = math.Copysign(0, -1)
					}
					switch typ[1:] {
					case "f8":
						v64[i] = x
						c64.Set(i, x)
					case "f4":
						v32[i] = float32(x)
						c32.Set(i, float32(x))
					default:
						h := recarray.NewFloat16(x)
						v32[i] = h.Float32()
						c16.Set(i, h)
					}
				}
				sum, err := a.Reduce("sum", "v")
				require.NoError(t, err)
				nansum, err := a.Reduce("nansum", "v")
				require.NoError(t, err)
				switch typ[1:] {
				case "f8":
					sameBits(t, modelSum(v64), sum.(float64), msg)
					sameBits(t, modelSum(withoutNaN(v64)), nansum.(float64), msg)
					sameBits(t, sum.(float64), recarray.Sum(c64), msg)
					sameBits(t, nansum.(float64), recarray.NanSum(c64), msg)
				case "f4":
					sameBits(t, modelSum(v32), sum.(float32), msg)
					sameBits(t, modelSum(withoutNaN(v32)), nansum.(float32), msg)
					sameBits(t, nansum.(float32), recarray.NanSum(c32), msg)
				default:
					half := func(s float32) float32 { return recarray.NewFloat16(float64(s)).Float32() }
					sameBits(t, half(modelSum(v32)), sum.(recarray.Float16).Float32(), msg)
					sameBits(t, half(modelSum(withoutNaN(v32))), nansum.(recarray.Float16).Float32(), msg)
				}
			}
		}
	}
}

func TestSumKnown(t *testing.T) {
	sum := func(op, typ string, vals ...string) any {
		a := newArray(t, "[('x', 'u1'), ('v', '"+typ+"')]", len(vals))
		v, err := recarray.Text(a, "v")
		require.NoError(t, err)
		for i, s := range vals {
			require.NoError(t, v.Set(i, s))
		}
		got, err := a.Reduce(op, "v")
		require.NoError(t, err)
		return got
	}
	nan := math.NaN()
	require.True(t, math.IsNaN(sum("sum", "<f8", "nan", "nan").(float64)))
	require.Equal(t, 0.0, sum("nansum", "<f8", "nan", "nan"))
	require.Equal(t, 0.0, sum("sum", "<f8"))
	require.False(t, math.Signbit(sum("sum", "<f8", "-0").(float64)))
	require.True(t, math.IsNaN(sum("nansum", "<f8", "inf", "-inf").(float64)), nan)
	require.Equal(t, math.Inf(1), sum("nansum", "<f8", "inf", "nan"))
	require.Equal(t, float32(16777216), sum("sum", "<f4", "16777216", "1", "1"), "no widening")
	require.Equal(t, recarray.Float16(0x7c00), sum("sum", "<f2", "60000", "60000"))
	for typ, want := range map[string]any{"i1": int64(254), ">i2": int64(254), "<i4": int64(254), ">i8": int64(254), "u1": uint64(254), ">u2": uint64(254), "<u4": uint64(254), "<u8": uint64(254)} {
		require.Equal(t, want, sum("sum", typ, "127", "127"), typ)
		require.Equal(t, want, sum("nansum", typ, "127", "127"), typ)
	}
	require.Equal(t, int64(math.MinInt64), sum("sum", "<i8", "9223372036854775807", "1"), "it wraps")
	require.Equal(t, uint64(1), sum("sum", "<u8", "18446744073709551615", "2"), "it wraps")
	require.Equal(t, int64(2), sum("sum", "?", "1", "0", "1"))
	require.Equal(t, int64(-2), sum("nansum", ">m8[s]", "5", "-7"))
	require.Equal(t, int64(recarray.NaT), sum("nansum", "<m8[s]", "5", "NaT"))
	require.Equal(t, int64(recarray.NaT), sum("sum", "<m8[s]", "NaT", "NaT"))
	require.Equal(t, int64(0), sum("sum", "<m8[s]"))
}

func TestSumTyped(t *testing.T) {
	a := newArray(t, "[('b', '?'), ('i', '>i2'), ('u', '<u4'), ('q', '<i8'), ('h', 'u1'), ('g', 'i1'), ('w', '<u2'), ('l', '<i4'), ('z', '<u8')]", 3)
	for i := range 3 {
		column[bool](t, a, "b").Set(i, i > 0)
		column[int16](t, a, "i").Set(i, -3)
		column[uint32](t, a, "u").Set(i, math.MaxUint32)
		column[int64](t, a, "q").Set(i, 7)
		column[uint8](t, a, "h").Set(i, 255)
		column[int8](t, a, "g").Set(i, -128)
	}
	require.Equal(t, int64(2), recarray.SumInt(column[bool](t, a, "b")))
	require.Equal(t, int64(-9), recarray.SumInt(column[int16](t, a, "i")))
	require.Equal(t, int64(21), recarray.SumInt(column[int64](t, a, "q")))
	require.Equal(t, int64(-384), recarray.SumInt(column[int8](t, a, "g")))
	require.Equal(t, int64(0), recarray.SumInt(column[int32](t, a, "l")))
	require.Equal(t, uint64(3*math.MaxUint32), recarray.SumUint(column[uint32](t, a, "u")))
	require.Equal(t, uint64(765), recarray.SumUint(column[uint8](t, a, "h")))
}

func TestReduceRefuses(t *testing.T) {
	a := newArray(t, "[('v', '<f8'), ('t', '<M8[s]'), ('s', 'S2'), ('u', '<U2')]", 1)
	_, err := a.Reduce("median", "v")
	require.EqualError(t, err, "recarray: no reduction 'median'; there are sum and nansum")
	for name, typ := range map[string]string{"t": "<M8[s]", "s": "S2", "u": "<U2"} {
		_, err := a.Reduce("sum", name)
		require.EqualError(t, err, "recarray: sum of field '"+name+"': numpy does not add values of "+typ)
	}
}

func TestSumAllocatesNothing(t *testing.T) {
	a := newArray(t, "[('x', 'u1'), ('v', '>f8'), ('h', '<f2')]", 1000)
	v, h := column[float64](t, a, "v"), column[recarray.Float16](t, a, "h")
	require.Zero(t, testing.AllocsPerRun(10, func() { recarray.NanSum(v); recarray.Sum(h) }))
}
