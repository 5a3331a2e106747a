package recarray_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm/internal/testenv"
	"github.com/seed72196e11/shm/recarray"
)

// numpy runs a program that reads in, its input, and leaves out, its output;
// both travel as JSON. It returns numpy's version besides: 2.3 is 203.
func numpy(t testing.TB, program string, in, out any) (version int) {
	t.Helper()
	python := testenv.Python(t, "numpy")
	input, err := json.Marshal(in)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "in.json")
	require.NoError(t, os.WriteFile(file, input, 0o600))
	got := testenv.RunPython(t, python, `
import base64, io, json, sys
import numpy as np
def blob(b): return base64.b64encode(b).decode()
with open(sys.argv[1], encoding='utf-8') as f: IN = json.load(f)
`+program+`
major, minor = np.__version__.split('.')[:2]
print(json.dumps([100*int(major)+int(minor), OUT]))
`, file)
	answer := []any{&version, out}
	require.NoError(t, json.Unmarshal([]byte(got), &answer), got)
	return version
}

// readDType tells Python how to read the texts that are no literals.
const readDType = `
import ast
def read(s):
    s = s.strip()
    try: s = ast.literal_eval(s)
    except (SyntaxError, ValueError):
        if '(' in s and not s.startswith('['):
            return eval(s, {'np': np, 'numpy': np, 'dtype': np.dtype})
    return np.dtype(s)
def plain(d):
    d = np.dtype(d)
    return np.dtype((np.void, d)) if d.names is not None else d
`

func TestNumpyDTypes(t *testing.T) {
	var texts []string
	for _, c := range dtypeCases() {
		texts = append(texts, c.text)
	}
	var got []struct {
		Str  string
		Size int
	}
	numpy(t, readDType+`
OUT = [{'Str': str(plain(read(s))), 'Size': plain(read(s)).itemsize} for s in IN]
`, texts, &got)
	for i, c := range dtypeCases() {
		require.Equal(t, got[i].Str, c.str, c.text)
		require.Equal(t, got[i].Size, c.size, c.text)
	}
}

// TestNumpyTypes asks of a great many type strings whether they are one: what
// numpy refuses is refused, what is accepted is accepted by numpy as the same.
func TestNumpyTypes(t *testing.T) {
	// Without an explicit order numpy means its own machine, which is not that
	// of a test that runs under an emulator.
	orders := []string{"<", ">", "!"}
	if littleEndian {
		orders = append(orders, "", "=", "|")
	}
	var types []string
	for c := byte('!'); c <= '~'; c++ {
		for _, size := range []string{"", "0", "1", "2", "3", "4", "6", "8", "16", "01", "-1", "+1", " 1", "x"} {
			for _, order := range orders {
				types = append(types, order+string(c)+size)
			}
		}
	}
	for _, name := range []string{"int", "uint", "float", "bool", "bool_", "str", "str_", "bytes", "bytes_", "unicode", "string", "byte", "ubyte", "short", "ushort", "intc", "uintc",
		"longlong", "ulonglong", "half", "single", "double", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64", "float8",
		"Int8", "Bool", "void", "object", "datetime64", "timedelta64", "complex64"} {
		types = append(types, "<"+name, " "+name, name+" ")
		if littleEndian {
			types = append(types, name)
		}
	}
	for _, unit := range []string{"generic", "Y", "M", "W", "D", "h", "m", "s", "ms", "us", "\u03bcs", "\u00b5s", "ns", "ps", "fs", "as", "B", "", "x", "S"} {
		for _, mult := range []string{"", "1", "25", "2147483647", "2147483648", "-1", "+1", " "} {
			for _, div := range []string{"", "/1", "/2", "/3", "/4", "/5", "/7", "/10", "/12", "/24", "/25", "/52", "/60", "/365", "/1000", "/1440", "/86400", "/60000", "/1000000", "/", "/x", "/-2"} {
				if unit == "" && div != "" || strings.HasPrefix(mult, "2147483647") && div != "" {
					continue // numpy overflows
				}
				for _, code := range []string{"<M8", ">m8", "<datetime64"} {
					types = append(types, code+"["+mult+unit+div+"]")
				}
			}
		}
	}
	var got []string
	version := numpy(t, `
OUT = []
for s in IN:
    try: OUT.append(str(np.dtype([('f', np.dtype(s))])))
    except Exception: OUT.append('')
`, types, &got)
	for i, typ := range types {
		dt, err := recarray.ParseDType("[('f', '" + strings.ReplaceAll(strings.ReplaceAll(typ, `\`, `\\`), "'", `\'`) + "')]")
		if err == nil && strings.HasPrefix(strings.TrimLeft(typ, "<>=|"), "a") && version >= 200 && got[i] == "" {
			continue // an alias of S that a later numpy may drop
		}
		if err == nil {
			require.Equal(t, got[i], dt.String(), "%q", typ)
			continue
		}
		// What only numpy accepts is refused on purpose.
		for _, reason := range []string{"not supported yet", "depends on the platform", "Python object", "keeps such text outside"} {
			if strings.Contains(err.Error(), reason) {
				err = nil
				break
			}
		}
		if err != nil && got[i] != "" {
			code := strings.TrimLeft(typ, "<>=|")
			odd := strings.ContainsAny(code, "+- ") || strings.Contains(code, "01") || // strtol's oddities
				strings.Contains(got[i], "8[0") || // a divisor that numpy rounds to nothing
				strings.HasPrefix(got[i], "[('f', '<f16") || strings.Contains(got[i], "V") || code == "unicode"
			require.True(t, odd, "%q: numpy reads %s, but %v", typ, got[i], err)
		}
	}
}

func TestNumpySave(t *testing.T) {
	var many []string
	for i := range 3000 {
		many = append(many, fmt.Sprintf("('field_%04d', '<f8')", i))
	}
	dtypes := []string{ticks, "[]", "[('a', '?')]", "[('é', '>f2'), ('u', '<U3'), ('s', 'S')]", "[('日本', '<i4')]", `[('it\'s', 'i1'), ('b"c', 'u1'), ('\n\\', '<m8[25s]')]`,
		"[" + strings.Join(many, ", ") + "]", "[" + strings.Join(many[:2], ", ") + "]"}
	for i := range 130 { // headers of every length, so of every padding
		dtypes = append(dtypes, "[('"+strings.Repeat("x", i+1)+"', '<f8')]")
	}
	lengths := []int{0, 1, 9, 10, 12345}
	var got [][]string
	numpy(t, readDType+`
OUT = []
for s in IN['dtypes']:
    OUT.append([])
    for n in IN['lengths']:
        f = io.BytesIO()
        d = read(s)
        n = n if d.itemsize < 1000 else min(n, 10)
        a = np.arange(n * d.itemsize, dtype='i8').astype('u1')
        a = np.ndarray(n, d, a) if d.itemsize else np.zeros(n, d)
        if 'U' in s: a = np.zeros(n, d)
        np.save(f, a)
        OUT[-1].append(blob(f.getvalue()))
`, map[string]any{"dtypes": dtypes, "lengths": lengths}, &got)
	for i, text := range dtypes {
		dt := parse(t, text).AllowEmpty()
		for j, n := range lengths {
			if dt.Itemsize() >= 1000 {
				n = min(n, 10)
			}
			want, err := base64.StdEncoding.DecodeString(got[i][j])
			require.NoError(t, err)
			a, err := recarray.OpenNPY(want)
			require.NoError(t, err)
			require.Equal(t, n, a.Len())
			require.True(t, dt.Equal(a.DType()), "%s", text)

			size, err := recarray.NPYSize(dt, n)
			require.NoError(t, err)
			require.Equal(t, len(want), size, text)
			buf := make([]byte, size)
			b, err := recarray.CreateNPY(buf, dt, n)
			require.NoError(t, err)
			copy(b.Bytes(), a.Bytes())
			require.Equal(t, string(want), string(buf), text)
		}
	}
}

// TestNumpySums compares bits. Where numpy adds in chunks of 8192 values, the
// chunks are added here.
func TestNumpySums(t *testing.T) {
	type table struct {
		DType, Bytes string
		arr          *recarray.Array
		n            int
		aligned      bool
		swapped      bool
	}
	var tables []*table
	random := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{0, 1, 2, 7, 8, 9, 15, 16, 17, 127, 128, 129, 136, 255, 257, 1000, 4099, 8191, 8192, 8193, 16384, 20000} {
		for _, typ := range []string{"<f8", ">f8", "<f4", ">f4", "<f2", ">f2", "<i2", ">i4", "<i8", "u1", ">u2", "<u8", "?", "<m8[s]", ">m8[25s]"} {
			for _, dtype := range []string{"[('v', '%s')]", "[('x', 'u1'), ('v', '%s'), ('s', 'S6')]", "[('x', '<i8'), ('v', '%s'), ('y', '%[1]s')]"} {
				dtype = fmt.Sprintf(dtype, typ)
				dt := parse(t, dtype)
				a, err := recarray.New(make([]byte, n*dt.Itemsize()), dt, n)
				require.NoError(t, err)
				v, err := recarray.Text(a, "v")
				require.NoError(t, err)
				for i := range n {
					f, _ := dt.Field("v")
					if f.DType.Kind() != recarray.Float {
						cell := a.Bytes()[i*dt.Itemsize()+f.Offset:][:f.DType.Itemsize()]
						for k := range cell {
							cell[k] = byte(random.Uint32())
						}
						if f.DType.Kind() == recarray.Timedelta { // from 2.5 on overflow is an error
							require.NoError(t, v.Set(i, strconv.Itoa(random.IntN(1000)-500)))
							if n == 257 && i == 99 {
								require.NoError(t, v.Set(i, "NaT"))
							}
						}
						continue
					}
					x := strconv.FormatFloat(math.Ldexp(random.Float64()-0.5, random.IntN(12)), 'g', -1, 64)
					switch {
					case n%2 == 1 && random.IntN(20) == 0, // here and there
						n%4 == 2 && i/300%5 == 1, // many together, and then none
						n%8 == 4 && i%997 == 0:   // hardly any
						x = "nan"
					case random.IntN(50) == 0:
						x = "-0"
					}
					require.NoError(t, v.Set(i, x))
				}
				f, _ := dt.Field("v")
				size := f.DType.Itemsize()
				tables = append(tables, &table{
					DType: dt.String(), Bytes: base64.StdEncoding.EncodeToString(a.Bytes()), arr: a, n: n,
					aligned: f.Offset%size == 0 && dt.Itemsize()%size == 0, swapped: typ[0] == '>',
				})
			}
		}
	}
	var got [][2]string
	version := numpy(t, readDType+`
OUT = []
def bits(x): return blob(np.asarray(x).astype(np.asarray(x).dtype.newbyteorder('>')).tobytes())
with np.errstate(all='ignore'):
    for t in IN:
        d = read(t['DType'])
        a = np.frombuffer(base64.b64decode(t['Bytes']), d) if t['Bytes'] else np.zeros(0, d)
        OUT.append([bits(np.sum(a['v'])), bits(np.nansum(a['v']))])
`, tables, &got)
	for i, c := range tables {
		for k, op := range []string{"sum", "nansum"} {
			whole := version >= 203 && !c.swapped && (c.aligned || op == "nansum")
			res, err := c.arr.Reduce(op, "v")
			require.NoError(t, err)
			if !whole && c.n > 8192 {
				res = chunked(t, c.arr, op)
			}
			want, err := base64.StdEncoding.DecodeString(got[i][k])
			require.NoError(t, err)
			require.Equal(t, fmt.Sprintf("%x", want), bigEndianHex(res), "%s of %d %s by numpy %d: %v", op, c.n, c.DType, version, res)
		}
	}
}

// bigEndianHex prints a result's bits; of any NaN those of numpy's own.
func bigEndianHex(v any) string {
	switch v := v.(type) {
	case float64:
		if v != v {
			return "7ff8000000000000"
		}
		return fmt.Sprintf("%016x", math.Float64bits(v))
	case float32:
		if v != v {
			return "7fc00000"
		}
		return fmt.Sprintf("%08x", math.Float32bits(v))
	case recarray.Float16:
		if v.IsNaN() {
			return "7e00"
		}
		return fmt.Sprintf("%04x", uint16(v))
	case int64:
		return fmt.Sprintf("%016x", uint64(v))
	}
	return fmt.Sprintf("%016x", v)
}

// chunked reduces 8192 records at a time and adds the results in order.
func chunked(t testing.TB, a *recarray.Array, op string) (acc any) {
	size := a.DType().Itemsize()
	for i := 0; i < a.Len(); i += 8192 {
		n := min(8192, a.Len()-i)
		part, err := recarray.New(a.Bytes()[i*size:], a.DType(), n)
		require.NoError(t, err)
		s, err := part.Reduce(op, "v")
		require.NoError(t, err)
		switch s := s.(type) {
		case float64:
			f, _ := acc.(float64)
			acc = f + s
		case float32:
			f, _ := acc.(float32)
			acc = f + s
		case recarray.Float16:
			// The rounding of the chunk's own sum to 16 bits is not numpy's:
			// it is rounded once it is added.
			acc = nil
			return halfChunked(t, a, op)
		default:
			res, err := a.Reduce(op, "v")
			require.NoError(t, err)
			return res
		}
	}
	return acc
}

func halfChunked(t testing.TB, a *recarray.Array, op string) recarray.Float16 {
	c := column[recarray.Float16](t, a, "v")
	var acc recarray.Float16
	for i := 0; i < c.Len(); i += 8192 {
		var v []float32
		for j := i; j < min(i+8192, c.Len()); j++ {
			v = append(v, c.At(j).Float32())
		}
		if op == "nansum" {
			v = withoutNaN(v)
		}
		acc = recarray.NewFloat16(float64(acc.Float32() + modelSum(v)))
	}
	return acc
}

// TestNumpyText compares what is printed, and what numpy reads of it.
func TestNumpyText(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	types := []string{"?", "i1", ">i2", "<i8", "<u8", "<f8", ">f8", "<f4", "<f2", "S5", "<U3"}
	for _, code := range []string{"M8", "m8"} {
		for _, unit := range []string{"Y", "M", "2W", "D", "h", "m", "25s", "ms", "us", "ns", "ps", "fs", "as"} {
			types = append(types, ">"+code+"["+unit+"]")
		}
	}
	const n = 400
	type table struct {
		Type, Bytes string
		Text        []string
	}
	var tables []*table
	for _, typ := range types {
		a := newArray(t, "[('v', '"+typ+"')]", n)
		v, err := recarray.Text(a, "v")
		require.NoError(t, err)
		tab := &table{Type: typ}
		size := a.DType().Itemsize()
		for i := range n {
			cell := a.Bytes()[i*size:][:size]
			switch {
			case strings.HasPrefix(typ, "S"), strings.Contains(typ, "U"):
				require.NoError(t, v.Set(i, []string{"", "a", "日", "\x01z"}[i%4]))
			case typ == "?":
				cell[0] = byte(i % 3)
			case strings.Contains(typ, "8[") && i%2 == 0: // counts near 1970
				require.NoError(t, v.Set(i, fmt.Sprintf("%d*%s", random.IntN(1<<20)-1<<19, typ[4:len(typ)-1])))
			case strings.HasPrefix(typ, ">m8[25"), strings.HasPrefix(typ, ">m8[2W"), strings.HasPrefix(typ, ">M8[25"), strings.HasPrefix(typ, ">M8[2W"):
				random := int64(random.Uint64()) / 64 // no overflow, which numpy prints as nonsense
				require.NoError(t, v.Set(i, fmt.Sprintf("%d*%s", random, typ[4:len(typ)-1])))
			case typ == "<f8" && i%2 == 0:
				require.NoError(t, v.Set(i, strconv.FormatFloat(math.Ldexp(float64(random.IntN(1<<20)), random.IntN(80)-40), 'g', -1, 64)))
			default:
				for k := range cell {
					cell[k] = byte(random.Uint32())
				}
			}
			tab.Text = append(tab.Text, v.At(i))
		}
		tab.Bytes = base64.StdEncoding.EncodeToString(a.Bytes())
		tables = append(tables, tab)
	}
	var got [][]string
	version := numpy(t, `
OUT = []
for t in IN:
    a = np.frombuffer(base64.b64decode(t['Bytes']), t['Type'])
    OUT.append([x.decode('latin1') if isinstance(x, bytes) else str(x) for x in a])
`, tables, &got)
	for i, c := range tables {
		for k, want := range got[i] {
			text := c.Text[k]
			switch {
			case c.Type[0] == 'S':
				raw := []rune{}
				for _, b := range []byte(text) {
					raw = append(raw, rune(b))
				}
				text = string(raw)
			case strings.Contains(c.Type, "f4") || strings.Contains(c.Type, "f2"):
				// Where the exponent begins is another matter since 2.3: compare the digits.
				if version >= 203 {
					x, err := strconv.ParseFloat(text, 64)
					require.NoError(t, err)
					y, err := strconv.ParseFloat(want, 64)
					require.NoError(t, err)
					if x == y || x != x && y != y {
						continue
					}
				}
			case c.Type == ">M8[Y]" && strings.Contains(text, "*"):
				continue // beyond an int64, which numpy prints as nonsense
			}
			require.Equal(t, want, text, "%s as numpy %d prints it", c.Type, version)
		}
	}
}

// TestNumpyHalves compares all floats of 16 bits, printed and read.
func TestNumpyHalves(t *testing.T) {
	a := newArray(t, "[('v', '<f2')]", 1<<16)
	v, err := recarray.Text(a, "v")
	require.NoError(t, err)
	h := column[recarray.Float16](t, a, "v")
	for i := range 1 << 16 {
		h.Set(i, recarray.Float16(i))
	}
	var got []string
	version := numpy(t, "OUT = [str(x) for x in np.arange(1<<16).astype('<u2').view('<f2')]", nil, &got)
	for i, want := range got {
		text := v.At(i)
		if version >= 203 {
			x, err := strconv.ParseFloat(text, 64)
			require.NoError(t, err)
			y, err := strconv.ParseFloat(want, 64)
			require.NoError(t, err)
			if x == y || x != x && y != y {
				continue
			}
		}
		require.Equal(t, want, text, "%#04x", i)
	}
}

// TestNumpyReads checks the other way: what is written through every kind of
// column is what numpy sees.
func TestNumpyReads(t *testing.T) {
	const dtype = "[('date', '>M8[s]'), ('val', '<f4'), ('sym', '<U4'), ('tag', 'S3'), ('ok', '?'), ('span', '<m8[D]'), ('h', '>f2')]"
	buf := createNPY(t, dtype, 2)
	a, err := recarray.OpenNPY(buf)
	require.NoError(t, err)
	for name, cells := range map[string][2]string{
		"date": {"2024-02-29T12:00:00", "NaT"}, "val": {"0.5", "nan"}, "sym": {"日本", "abcd"}, "tag": {"x", ""},
		"ok": {"True", "False"}, "span": {"-3 days", "NaT"}, "h": {"0.333", "-inf"},
	} {
		c, err := recarray.Text(a, name)
		require.NoError(t, err)
		for i, cell := range cells {
			require.NoError(t, c.Set(i, cell))
		}
	}
	var got []string
	numpy(t, `
a = np.load(io.BytesIO(base64.b64decode(IN)))
OUT = [str(a.tolist()), str(a['date']), str(a['h'])]
`, base64.StdEncoding.EncodeToString(buf), &got)
	require.Equal(t, []string{
		"[(datetime.datetime(2024, 2, 29, 12, 0), 0.5, '日本', b'x', True, datetime.timedelta(days=-3), 0.3330078125), (None, nan, 'abcd', b'', False, None, -inf)]",
		"['2024-02-29T12:00:00'                 'NaT']", "[0.333  -inf]",
	}, got)
}
