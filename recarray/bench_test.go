package recarray_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm/recarray"
)

// benchRecords is a table that stays in the second-level cache of most
// machines: what is measured is the code, not the memory.
const benchRecords = 10_000

// ticks is the record of the package's documentation, 22 packed bytes.
const ticks = `[('date', '<M8[ns]'), ('val', '<f8'), ('sym', 'S6')]`

func newBench(b *testing.B, dtype string, n int) *recarray.Array {
	dt, err := recarray.ParseDType(dtype)
	require.NoError(b, err)
	a, err := recarray.New(make([]byte, n*dt.Itemsize()), dt, n)
	require.NoError(b, err)
	return a
}

// perRecord reports the time of one record besides that of the whole table.
func perRecord(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/record")
}

func BenchmarkNanSum(b *testing.B) {
	for _, n := range []int{benchRecords, 10_000_000} {
		for _, dtype := range []string{
			ticks,
			`[('val', '<f8')]`,
			`[('date', '<M8[ns]'), ('val', '>f8'), ('sym', 'S6')]`,
			`[('date', '<M8[ns]'), ('val', '<f4'), ('sym', 'S6')]`,
			`[('date', '<M8[ns]'), ('val', '<f2'), ('sym', 'S6')]`,
		} {
			for _, nan := range []int{0, 10} {
				if dtype != ticks && (nan > 0 || n > benchRecords) {
					continue
				}
				b.Run(fmt.Sprintf("records=%d/nan=%d%%/%s", n, nan, dtype), func(b *testing.B) {
					a := newBench(b, dtype, n)
					val, err := recarray.Text(a, "val")
					require.NoError(b, err)
					random := rand.New(rand.NewPCG(1, 2))
					for i := range n {
						text := "1.25"
						if random.IntN(100) < nan {
							text = "nan"
						}
						if err := val.Set(i, text); err != nil {
							b.Fatal(err)
						}
					}
					b.SetBytes(int64(len(a.Bytes())))
					b.ReportAllocs()
					for b.Loop() {
						if _, err := a.Reduce("nansum", "val"); err != nil {
							b.Fatal(err)
						}
					}
					perRecord(b, n)
				})
			}
		}
	}
}

// The loops that are measured, as a user writes them.

//go:noinline
func sumAt(c recarray.Column[float64]) (sum float64) {
	for i := range c.Len() {
		sum += c.At(i)
	}
	return sum
}

//go:noinline
func sumAll(c recarray.Column[float64]) (sum float64) {
	for _, v := range c.All() {
		sum += v
	}
	return sum
}

//go:noinline
func setAll(c recarray.Column[float64], v float64) {
	for i := range c.Len() {
		c.Set(i, v)
	}
}

//go:noinline
func sumSlice(vals []float64) (sum float64) {
	for _, v := range vals {
		sum += v
	}
	return sum
}

func BenchmarkColumn(b *testing.B) {
	run := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
			perRecord(b, benchRecords)
		})
	}
	for _, typ := range []string{"<f8", ">f8"} {
		a := newBench(b, `[('date', '<M8[ns]'), ('val', '`+typ+`'), ('sym', 'S6')]`, benchRecords)
		val, err := recarray.Col[float64](a, "val")
		require.NoError(b, err)
		run("At/"+typ, func() { sumAt(val) })
		run("All/"+typ, func() { sumAll(val) })
		run("Set/"+typ, func() { setAll(val, 1.5) })
	}
	vals := make([]float64, benchRecords)
	run("slice", func() { sumSlice(vals) })
}

func BenchmarkText(b *testing.B) {
	for _, c := range []struct{ typ, text string }{
		{"<i4", "-123456"}, {"<u8", "12345678901"}, {"?", "True"}, {"<f8", "1234.5678"}, {"<f4", "0.25"}, {"<f2", "0.25"},
		{"S6", "abcdef"}, {"<U6", "abcdef"}, {"<M8[ns]", "2024-01-02T03:04:05.678901234"}, {"<M8[D]", "2024-01-02"}, {"<m8[s]", "50 seconds"},
	} {
		a := newBench(b, "[('x', 'u1'), ('v', '"+c.typ+"')]", benchRecords)
		v, err := recarray.Text(a, "v")
		require.NoError(b, err)
		b.Run("Set/"+c.typ, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for i := range v.Len() {
					if err := v.Set(i, c.text); err != nil {
						b.Fatal(err)
					}
				}
			}
			perRecord(b, benchRecords)
		})
		b.Run("Append/"+c.typ, func(b *testing.B) {
			b.ReportAllocs()
			var buf []byte
			for b.Loop() {
				for i := range v.Len() {
					buf = v.Append(buf[:0], i)
				}
			}
			perRecord(b, benchRecords)
		})
	}
}

func BenchmarkStrings(b *testing.B) {
	a := newBench(b, `[('x', 'u1'), ('s', 'S6'), ('u', '<U6')]`, benchRecords)
	for _, name := range []string{"s", "u"} {
		s, err := recarray.Strings(a, name)
		require.NoError(b, err)
		b.Run("Set/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for i := range s.Len() {
					if err := s.Set(i, "abcd"); err != nil {
						b.Fatal(err)
					}
				}
			}
			perRecord(b, benchRecords)
		})
		b.Run("At/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for i := range s.Len() {
					if s.At(i) == "" {
						b.Fatal("empty")
					}
				}
			}
			perRecord(b, benchRecords)
		})
	}
}

func BenchmarkParseDType(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := recarray.ParseDType(ticks); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenNPY(b *testing.B) {
	dt, err := recarray.ParseDType(ticks)
	require.NoError(b, err)
	size, err := recarray.NPYSize(dt, benchRecords)
	require.NoError(b, err)
	buf := make([]byte, size)
	_, err = recarray.CreateNPY(buf, dt, benchRecords)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := recarray.OpenNPY(buf); err != nil {
			b.Fatal(err)
		}
	}
}
