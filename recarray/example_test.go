package recarray_test

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/seed72196e11/shm/recarray"
)

// must keeps the examples short.
func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

// A table in any memory: write a record, read it back.
func Example() {
	dt := must(recarray.ParseDType(`[('date', '<M8[ns]'), ('val', '<f8'), ('sym', 'S6')]`))
	buf := make([]byte, 3*dt.Itemsize()) // or a shared segment, or a mapped file
	a := must(recarray.New(buf, dt, 3))

	date := must(recarray.Times(a, "date"))
	val := must(recarray.Col[float64](a, "val"))
	sym := must(recarray.Strings(a, "sym"))
	for i := range a.Len() {
		must(0, date.Set(i, time.Date(2024, 1, 2+i, 0, 0, 0, 0, time.UTC)))
		val.Set(i, 0.5*float64(i))
		must(0, sym.Set(i, "ABC"))
	}

	t, ok := date.At(2)
	fmt.Println(t, ok, val.At(2), sym.At(2))
	fmt.Println(recarray.NanSum(val))
	// Output:
	// 2024-01-04 00:00:00 +0000 UTC true 1 ABC
	// 1.5
}

// What can the fields be, and where do they lie?
func ExampleParseDType() {
	dt := must(recarray.ParseDType(`(numpy.record, [('id', 'u1'), ('ok', 'bool'), ('name', 'S4')])`))
	fmt.Println(dt, dt.Itemsize())
	for _, f := range dt.Fields() {
		fmt.Println(f.Offset, f.Name, f.DType, f.DType.Kind())
	}
	// Output:
	// [('id', 'u1'), ('ok', '?'), ('name', 'S4')] 6
	// 0 id uint8 u
	// 1 ok bool b
	// 2 name |S4 S
}

// What happens to a column of Python objects?
func ExampleParseDType_object() {
	_, err := recarray.ParseDType(`[('val', '<f8'), ('sym', 'O')]`)
	fmt.Println(err)
	// Output:
	// recarray: dtype: at byte 25, field 'sym': a Python object is a pointer, which crashes every other process that follows it: give the column a fixed size, astype('S6') or astype('U6'); in pandas: to_records(column_dtypes={'sym': 'S6'})
}

// How does one loop over a column?
func ExampleColumn_All() {
	dt := must(recarray.ParseDType(`[('flag', '?'), ('n', '<i4')]`))
	a := must(recarray.New(make([]byte, 3*dt.Itemsize()), dt, 3))
	n := must(recarray.Col[int32](a, "n"))
	n.Set(1, 7)
	for i, v := range n.All() {
		fmt.Println(i, v)
	}
	// Output:
	// 0 0
	// 1 7
	// 2 0
}

// What if the text is too long for its field?
func ExampleStringColumn_SetCut() {
	dt := must(recarray.ParseDType(`[('sym', 'S6')]`))
	a := must(recarray.New(make([]byte, 6), dt, 1))
	sym := must(recarray.Strings(a, "sym"))
	fmt.Println(sym.Set(0, "abcdefg"))
	fmt.Println(sym.SetCut(0, "abcdefg"), sym.At(0))
	// Output:
	// recarray: field 'sym', record 0: text too long: 'abcdefg' has 7 bytes, the field holds 6
	// true abcdef
}

// How is a missing time written and seen?
func ExampleTimeColumn_SetNaT() {
	dt := must(recarray.ParseDType(`[('date', '<M8[D]')]`))
	a := must(recarray.New(make([]byte, 8), dt, 1))
	date := must(recarray.Times(a, "date"))
	fmt.Println(date.Set(0, time.Time{}))
	date.SetNaT(0)
	_, ok := date.At(0)
	fmt.Println(ok)
	// Output:
	// recarray: field 'date', record 0: the zero time: call SetNaT for a missing value
	// false
}

// How is a CSV file loaded, or a table printed, without knowing its types?
func ExampleText() {
	dt := must(recarray.ParseDType(`[('date', '<M8[s]'), ('val', '<f4'), ('sym', 'U3')]`))
	a := must(recarray.New(make([]byte, dt.Itemsize()), dt, 1))
	for i, cell := range []string{"2024-01-02 03:04:05Z", "", "日本"} {
		f := dt.Fields()[i]
		c := must(recarray.Text(a, f.Name))
		must(0, c.Set(0, cell))
		fmt.Println(f.Name, c.At(0))
	}
	fmt.Println(must(recarray.Text(a, "date")).Set(0, "02.01.2024"))
	// Output:
	// date 2024-01-02T03:04:05
	// val nan
	// sym 日本
	// recarray: field 'date', record 0: '02.01.2024' as <M8[s]: invalid syntax: no time in ISO 8601, in UTC: 2024-01-02T03:04:05.678
}

// How does a reader come by dtype and length?
func ExampleOpenNPY() {
	dt := must(recarray.ParseDType(`[('val', '<f8')]`))
	mem := make([]byte, must(recarray.NPYSize(dt, 2))) // say, the bytes of a shared segment
	a := must(recarray.CreateNPY(mem, dt, 2))
	must(recarray.Col[float64](a, "val")).Set(1, 2.5)

	b := must(recarray.OpenNPY(mem)) // another process
	fmt.Println(b.DType(), b.Len())
	fmt.Println(must(b.Reduce("nansum", "val")))

	f := must(os.CreateTemp("", "*.npy")) // what numpy.load reads
	defer os.Remove(f.Name())
	must(f.Write(mem))
	must(0, f.Close())
	fmt.Println(bytes.Equal(must(os.ReadFile(f.Name())), mem))
	// Output:
	// [('val', '<f8')] 2
	// 2.5
	// true
}

// How does one hand out a table that must not be changed?
func ExampleArray_ReadOnly() {
	dt := must(recarray.ParseDType(`[('val', '<f8')]`))
	a := must(recarray.New(make([]byte, 8), dt, 1))
	val := must(recarray.Col[float64](a.ReadOnly(), "val"))
	defer func() { fmt.Println(recover()) }()
	val.Set(0, 1)
	// Output: recarray: record 0 set through a read-only view
}
