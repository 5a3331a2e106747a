package recarray_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm/recarray"
)

func parse(t testing.TB, text string) *recarray.DType {
	t.Helper()
	dt, err := recarray.ParseDType(text)
	require.NoError(t, err, text)
	return dt
}

type dtypeCase struct {
	text, str string
	size      int
}

var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// dtypeCases are the cases for this machine.
func dtypeCases() []dtypeCase {
	if littleEndian {
		return slices.Concat(goodDTypes, littleDTypes)
	}
	return goodDTypes
}

// goodDTypes are texts and what numpy says of them: str(dtype) and itemsize.
// TestNumpyDTypes asks numpy itself.
var goodDTypes = []dtypeCase{
	{"[('a', '<i4'), ('b', '<f8')]", "[('a', '<i4'), ('b', '<f8')]", 12},
	{"[('i1','i1'),('u1','u1'),('i2','<i2'),('u2','<u2'),('i4','<i4'),('u4','<u4'),('i8','<i8'),('u8','<u8')]",
		"[('i1', 'i1'), ('u1', 'u1'), ('i2', '<i2'), ('u2', '<u2'), ('i4', '<i4'), ('u4', '<u4'), ('i8', '<i8'), ('u8', '<u8')]", 30},
	{"[('a','?'),('b','bool'),('c','b1'),('d','|b1')]", "[('a', '?'), ('b', '?'), ('c', '?'), ('d', '?')]", 4},
	{"[('h','>f2'),('f','>f4'),('d','>f8'),('i','>i2')]", "[('h', '>f2'), ('f', '>f4'), ('d', '>f8'), ('i', '>i2')]", 16},
	{"[('s','S6'),('t','|S1'),('c','c'),('a','a3'),('b','>S2')]", "[('s', 'S6'), ('t', 'S1'), ('c', 'S1'), ('a', 'S3'), ('b', 'S2')]", 13},
	{"[('u','>U4'),('v','<U1')]", "[('u', '>U4'), ('v', '<U1')]", 20},
	{"[('a','<M8[25s]'),('b','<m8[3D]'),('c','>M8[100ms]'),('d','<M8[2W]'),('e','<m8[10us]') ]",
		"[('a', '<M8[25s]'), ('b', '<m8[3D]'), ('c', '>M8[100ms]'), ('d', '<M8[2W]'), ('e', '<m8[10us]')]", 40},
	{"[('a','<m8'),('b','<M8'),('c','<m8[generic]'),('d','<M8[1D]'),('e','<M8[\u03bcs]')]",
		"[('a', '<m8'), ('b', '<M8'), ('c', '<m8'), ('d', '<M8[D]'), ('e', '<M8[us]')]", 40},
	{"[('a','<M8[s/10]'),('b','<M8[D/24]'),('c','<M8[Y/12]'),('d','<M8[W/7]'),('e','<m8[3Y/12]'),('f','<M8[fs/10]'),('g','<M8[as/1]')]",
		"[('a', '<M8[100ms]'), ('b', '<M8[h]'), ('c', '<M8[M]'), ('d', '<M8[D]'), ('e', '<m8[3M]'), ('f', '<M8[100as]'), ('g', '<M8[as]')]", 56},
	{"[('a','S0'),('b','<U0'),('c','S'),('d','>U'),('e','<i4')]", "[('a', 'S'), ('b', '<U'), ('c', 'S'), ('d', '>U'), ('e', '<i4')]", 4},
	{"[]", "[]", 0},
	{"[('','<i4'),('x','<f8'),('','S1')]", "[('f0', '<i4'), ('x', '<f8'), ('f2', 'S1')]", 13},
	{`[('it\'s','u1'),('a"b','u1'),('x\'"y','u1'),('back\\slash\n','u1'),('日本','u1'),('é','u1'),('😀','u1'),(' sp ','u1')]`,
		`[("it's", 'u1'), ('a"b', 'u1'), ('x\'"y', 'u1'), ('back\\slash\n', 'u1'), ('日本', 'u1'), ('é', 'u1'), ('😀', 'u1'), (' sp ', 'u1')]`, 8},
	{`[('\x00\x1f\x7f\xad\u200b\U000e0001\t\r','u1'),("\u65e5",'u1')]`, `[('\x00\x1f\x7f\xad\u200b\U000e0001\t\r', 'u1'), ('日', 'u1')]`, 2},
	{"\n[ (u'a' ,\t\"<i4\" , ) ,\r\n(\"b\",U'<f8'), ] ", "[('a', '<i4'), ('b', '<f8')]", 12},
	{"dtype([('a', '<i4')])", "[('a', '<i4')]", 4},
	{"np.dtype( [('a', '<i4')] , )", "[('a', '<i4')]", 4},
	{"(numpy.record, [('a', '<i4'), ('b', 'S3')])", "[('a', '<i4'), ('b', 'S3')]", 7},
	{"dtype((numpy.record, [('a', '<i4')]))", "[('a', '<i4')]", 4},
	{" int8 ", "int8", 1},
	{"i1", "int8", 1},
	{"?", "bool", 1},
	{"S6", "|S6", 6},
	{"S", "|S0", 0},
	{"<U3", "<U3", 12},
	{"timedelta64", "timedelta64", 8},
	{"S2147483647", "|S2147483647", 2147483647},
	{"<U536870911", "<U536870911", 2147483644},
}

// littleDTypes are those that numpy prints so on little-endian machines only.
var littleDTypes = []dtypeCase{
	{"dtype('<f8')", "float64", 8},
	{"'>f8'", ">f8", 8},
	{">M8[D]", ">M8[D]", 8},
	{"<f4", "float32", 4},
	{"uint16", "uint16", 2},
	{"datetime64[ns]", "datetime64[ns]", 8},
	{"<datetime64[25s]", "datetime64[25s]", 8},
	{"[('i','i4'),('e','=f8'),('p','|u2'),('n','int64'),('c','H'),('U','U2'),('M','M8[s]')]",
		"[('i', '<i4'), ('e', '<f8'), ('p', '<u2'), ('n', '<i8'), ('c', '<u2'), ('U', '<U2'), ('M', '<M8[s]')]", 40},
}

func TestParseDType(t *testing.T) {
	for _, c := range dtypeCases() {
		dt := parse(t, c.text)
		require.Equal(t, c.str, dt.String(), c.text)
		require.Equal(t, c.size, dt.Itemsize(), c.text)
		require.True(t, dt.Equal(parse(t, dt.String())), "%s does not read back equal", dt)
		offset := 0
		for _, f := range dt.Fields() {
			require.Equal(t, offset, f.Offset, "%s: field %s", c.text, f.Name)
			offset += f.DType.Itemsize()
			got, ok := dt.Field(f.Name)
			require.True(t, ok)
			require.Equal(t, f, got)
		}
		if dt.Kind() == recarray.Struct {
			require.Equal(t, dt.Itemsize(), offset)
		}
	}
}

func TestParseDTypeRefuses(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "at byte 0: the text is empty"},
		{"[", "at byte 1, field 0: the text ends where '(' should be"},
		{"[('a', '<i4')", "at byte 13: the text ends where ']' should be"},
		{"[('a', '<i4'", "at byte 12, field 'a': the text ends where ')' should be"},
		{"[('a', ", "at byte 7, field 'a': the text ends where a type should be"},
		{"[('a', '<i4)]", "at byte 7, field 'a': a string that does not end"},
		{"[('a', '<i4')] x", "at byte 15: text after the dtype"},
		{"[('a', '<i4') ('b', '<i4')]", "at byte 14: '(' where ']' should be"},
		{"[('a' '<i4')]", "at byte 6, field 'a': '\\'' where ',' should be"},
		{"[(a, '<i4')]", "at byte 2, field 0: the name of a field is no string"},
		{"[['a', '<i4']]", "at byte 1, field 0: '[' where '(' should be"},
		{"[('a', '<i4'), ('b', '<f8'), ('a', 'S1')]", "at byte 30, field 'a': the name 'a' is there twice"},
		{"[('', '<i4'), ('f0', '<f8')]", "the name 'f0' is there twice"},
		{"[('a', 'x4')]", "at byte 7, field 'a': 'x4' is no type that numpy knows"},
		{"[('a', i4)]", "at byte 7, field 'a': 'i' where a type in quotes should be"},
		{"b4294967297", "'b4294967297' is no type that numpy knows"},
		{"[('a', '<float64')]", "'<float64' is no type that numpy knows"},
		{"[('a', ' <i4')]", "is no type that numpy knows"},
		{"[('a', 'i04')]", "is no type that numpy knows"},
		{"[('a', 'i+4')]", "is no type that numpy knows"},
		{"[('a', 'S-1')]", "is no type that numpy knows"},
		{"[('a', '')]", "is no type that numpy knows"},
		{"[('a', '<')]", "is no type that numpy knows"},
		{"[('a', 'i3')]", "is no type that numpy knows"},
		{"[('a', 'S2147483648')]", "larger than numpy's limit"},
		{"[('a', 'S99999999999999999999')]", "larger than numpy's limit"},
		{"[('a', 'U536870912')]", "larger than numpy's limit"},
		{"[('a', 'S2147483647'), ('b', '?')]", "at byte 24, field 'b': with 'b' a record is larger than numpy's limit"},
		{"[('a', 'M8[]')]", "time units"},
		{"[('a', 'M8[ s]')]", "time units"},
		{"[('a', 'M8[x]')]", "'x' is not one of numpy's time units"},
		{"[('a', 'M8[\u00b5s]')]", "time units"},
		{"[('a', 'M8[s')]", "is not a time unit"},
		{"[('a', 'M8[s]x')]", "is not a time unit"},
		{"[('a', 'M8[0s]')]", "the multiple of the time unit"},
		{"[('a', 'M8[2147483648s]')]", "the multiple of the time unit"},
		{"[('a', 'M8[s/7]')]", "does not divide"},
		{"[('a', 'M8[Y/0]')]", "the divisor of the time unit"},
		{"[('a', 'M8[as/10]')]", "does not divide"},
		{"[('a', 'l')]", "depends on the platform"},
		{"[('a', 'int')]", "depends on the platform"},
		{`[('a\q', '<i4')]`, "an escape that Python does not print"},
		{`[('\ud800', '<i4')]`, "half of a surrogate pair"},
		{`[('\U00110000', '<i4')]`, "no character"},
		{`[('\x4`, "cut off"},
		{`[('\`, "a string that does not end"},
		{"[('\xff', '<i4')]", "not UTF-8"},
		{"[('a\n', '<i4')]", "a string that does not end"},
		{"dtype(float)", "no literal"},
		{"dtype([('a', '<i4')]", "the text ends where ')' should be"},
		{"dtype([('a', '<i4')], copy=True)", "not known"},
		{"(numpy.record, '<i4')", "a record without a list of fields"},
		{"(, '<i4')", "a tuple that is no dtype"},
	} {
		dt, err := recarray.ParseDType(c.text)
		require.Nil(t, dt, c.text)
		require.ErrorContains(t, err, c.want, c.text)
		require.NotErrorIs(t, err, errors.ErrUnsupported, c.text)
	}
}

func TestParseDTypeNotYet(t *testing.T) {
	for _, text := range []string{
		"{'names': ['a'], 'formats': ['<i4']}",
		"[('a', {'names': ['a'], 'formats': ['<i4']})]",
		"[('a', [('b', '<i4')])]",
		"[('a', '<i4', (2,))]",
		"[('a', ('<i4', (2,)))]",
		"('<f8', (2, 3))",
		"[(('title', 'a'), '<i4')]",
		"[('a', '<c8')]", "[('a', '<c16')]", "[('a', 'V4')]", "[('a', '<f16')]", "[('a', 'g')]", "[('a', '2i4,f8')]",
		"i4,f8",
		"dtype([('a', '<i4')], align=True)",
		"(numpy.int32, [('lo', '<u2'), ('hi', '<u2')])",
		"[('a', dtype('<i4'))]",
	} {
		_, err := recarray.ParseDType(text)
		require.ErrorIs(t, err, errors.ErrUnsupported, text)
		require.ErrorContains(t, err, "not supported yet: ", text)
	}
}

func TestParseDTypeObject(t *testing.T) {
	for _, text := range []string{"[('n', '<i4'), ('name', 'O')]", "[('n', '<i4'), ('name', '|O')]", "[('n', '<i4'), ('name', 'object')]", "[('n', '<i4'), ('name', 'O8')]"} {
		_, err := recarray.ParseDType(text)
		require.ErrorContains(t, err, "field 'name': ", text)
		require.ErrorContains(t, err, "to_records(column_dtypes={'name': 'S6'})", text)
		require.ErrorContains(t, err, "astype('S6')", text)
	}
	_, err := recarray.ParseDType("[('t', 'T')]")
	require.ErrorContains(t, err, "field 't': ")
	require.ErrorContains(t, err, "astype('U6')")
}

func TestDTypeEqual(t *testing.T) {
	a := parse(t, "[('a', '<i4'), ('b', '<M8[ns]')]")
	for _, same := range []string{"[('a', '<i4'), ('b', '<M8[ns]')]", "(numpy.record, [('a', '<i'), ('b', '<M8[1ns]')])"} {
		require.True(t, a.Equal(parse(t, same)), same)
	}
	require.True(t, a.Equal(a.AllowEmpty()))
	for _, other := range []string{
		"[('a', '>i4'), ('b', '<M8[ns]')]", "[('a', '<u4'), ('b', '<M8[ns]')]", "[('b', '<i4'), ('a', '<M8[ns]')]",
		"[('a', '<i4'), ('b', '<M8[us]')]", "[('a', '<i4'), ('b', '<M8[2ns]')]", "[('a', '<i4'), ('b', '<m8[ns]')]", "[('a', '<i4')]", "[]", "i4",
	} {
		require.False(t, a.Equal(parse(t, other)), other)
	}
	require.False(t, a.Equal(nil))
}

func TestDTypeIsImmutable(t *testing.T) {
	dt := parse(t, "[('a', '<i4'), ('b', '<f8')]")
	dt.Fields()[0].Name = "z"
	require.Equal(t, "[('a', '<i4'), ('b', '<f8')]", dt.String())
	text := []byte("[('a', '<i4')]")
	dt = parse(t, string(text))
	clear(text)
	require.Equal(t, "[('a', '<i4')]", dt.String())
}

// TestParseDTypeIsLinear gives the parser what costs a bad one too much.
func TestParseDTypeIsLinear(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("[", 1<<20), strings.Repeat("(", 1<<20), strings.Repeat("dtype(", 1<<18), strings.Repeat("dtype((record,", 1<<16),
		"[('" + strings.Repeat(`\x41`, 1<<18), "[(" + strings.Repeat(" ", 1<<20),
	} {
		_, err := recarray.ParseDType(text)
		require.Error(t, err)
		require.Less(t, len(err.Error()), 1000)
	}
	var b strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&b, "('f%d', '<f8'), ", i)
	}
	require.Len(t, parse(t, "["+b.String()+"]").Fields(), 20000)
}

func FuzzParseDType(f *testing.F) {
	for _, c := range dtypeCases() {
		f.Add(c.text)
		f.Add(c.text[:len(c.text)-1])
	}
	f.Fuzz(func(t *testing.T, text string) {
		dt, err := recarray.ParseDType(text)
		if err != nil {
			require.Nil(t, dt)
			return
		}
		again, err := recarray.ParseDType(dt.String())
		require.NoError(t, err, "%q printed as %q", text, dt)
		require.True(t, dt.Equal(again), "%q printed as %q", text, dt)
		require.Equal(t, dt.String(), again.String())
		size := 0
		for _, f := range dt.Fields() {
			size += f.DType.Itemsize()
		}
		if dt.Kind() == recarray.Struct {
			require.Equal(t, size, dt.Itemsize())
		}
	})
}
