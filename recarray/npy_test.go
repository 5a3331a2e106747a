package recarray_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm/recarray"
)

func createNPY(t testing.TB, dtype string, n int) []byte {
	t.Helper()
	dt := parse(t, dtype).AllowEmpty()
	size, err := recarray.NPYSize(dt, n)
	require.NoError(t, err)
	buf := make([]byte, size)
	_, err = recarray.CreateNPY(buf, dt, n)
	require.NoError(t, err)
	return buf
}

// npyImage makes an image with any header.
func npyImage(version byte, header string, records int) []byte {
	buf := append([]byte("\x93NUMPY"), version, 0)
	if version == 1 {
		buf = binary.LittleEndian.AppendUint16(buf, uint16(len(header)))
	} else {
		buf = binary.LittleEndian.AppendUint32(buf, uint32(len(header)))
	}
	return append(append(buf, header...), make([]byte, records)...)
}

// The example that numpy 1.24 wrote with numpy.save.
func TestCreateNPYIsNumpys(t *testing.T) {
	want, err := hex.DecodeString("934e554d5059010076007b276465736372273a205b282761272c20273c693427292c20282762272c20273c663827295d2c2027666f727472616e5f6f72646572273a2046616c73652c20277368617065273a2028322c292c207d" +
		strings.Repeat("20", 37) + "0a" + "0100000000000000000004" + "40ffffffff000000000000e0bf")
	require.NoError(t, err)
	dt := parse(t, "[('a', '<i4'), ('b', '<f8')]")
	size, err := recarray.NPYSize(dt, 2)
	require.NoError(t, err)
	require.Equal(t, len(want), size)
	buf := make([]byte, size)
	a, err := recarray.CreateNPY(buf, dt, 2)
	require.NoError(t, err)
	column[int32](t, a, "a").Set(0, 1)
	column[int32](t, a, "a").Set(1, -1)
	column[float64](t, a, "b").Set(0, 2.5)
	column[float64](t, a, "b").Set(1, -0.5)
	require.Equal(t, hex.Dump(want), hex.Dump(buf))
}

func TestNPYVersions(t *testing.T) {
	var many []string
	for i := range 3000 {
		many = append(many, fmt.Sprintf("('field_%04d', '<f8')", i))
	}
	list := "[" + strings.Join(many, ", ") + "]"
	for _, c := range []struct {
		dtype   string
		version byte
	}{
		{ticks, 1}, {"[]", 1}, {"[('é', '<f8')]", 1}, {"[('日本', '<f8')]", 3}, {list, 2}, {strings.Replace(list, "field_0000", "日本", 1), 3},
		{"[('s', 'S'), ('u', '>U0'), ('b', '?')]", 1},
	} {
		for _, n := range []int{0, 1, 123} {
			buf := createNPY(t, c.dtype, n)
			require.Equal(t, c.version, buf[6])
			a, err := recarray.OpenNPY(buf)
			require.NoError(t, err)
			require.Equal(t, n, a.Len())
			require.True(t, a.DType().Equal(parse(t, c.dtype)), a.DType())
			require.Zero(t, (len(buf)-len(a.Bytes()))%64)
			require.Equal(t, byte('\n'), buf[len(buf)-len(a.Bytes())-1])
			a, err = recarray.OpenNPY(append(buf, make([]byte, 100)...))
			require.NoError(t, err)
			require.Equal(t, n, a.Len())
		}
	}
}

func TestCreateNPYErrors(t *testing.T) {
	dt := parse(t, ticks)
	size, err := recarray.NPYSize(dt, 3)
	require.NoError(t, err)
	buf := []byte(strings.Repeat("x", size-1))
	_, err = recarray.CreateNPY(buf, dt, 3)
	require.EqualError(t, err, fmt.Sprintf("recarray: a .npy image of 3 records takes %d bytes, there are %d", size, size-1))
	require.Equal(t, strings.Repeat("x", size-1), string(buf), "an error leaves the memory as it was")
	_, err = recarray.NPYSize(dt, -1)
	require.EqualError(t, err, "recarray: -1 records")
	_, err = recarray.NPYSize(dt, math.MaxInt/22)
	require.ErrorContains(t, err, "more than memory holds")
	_, err = recarray.NPYSize(parse(t, "f8"), 1)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	_, err = recarray.NPYSize(nil, 1)
	require.Error(t, err)

	// A buffer that is longer and used before, at an odd address.
	buf = []byte(strings.Repeat("x", size+12))
	a, err := recarray.CreateNPY(buf[1:], dt, 3)
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("x", 66), string(a.Bytes()), "the records stay as they are")
	require.Equal(t, strings.Repeat("x", 11), string(buf[1+size:]))
	b, err := recarray.OpenNPY(buf[1:])
	require.NoError(t, err)
	require.Same(t, &a.Bytes()[0], &b.Bytes()[0])
}

func TestOpenNPYUnfinished(t *testing.T) {
	buf := createNPY(t, ticks, 3)
	clear(buf[:8])
	_, err := recarray.OpenNPY(buf)
	require.ErrorIs(t, err, recarray.ErrUnfinished)
	require.NotErrorIs(t, err, recarray.ErrFormat)
	_, err = recarray.OpenNPY(make([]byte, 4096))
	require.ErrorIs(t, err, recarray.ErrUnfinished)
}

func TestOpenNPYAccepts(t *testing.T) {
	for _, c := range []struct {
		version byte
		header  string
	}{
		{1, "{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (3,), }\n"},
		{1, "{'shape':(3,),'descr':[('a','<i4')],'fortran_order':True}"},
		{2, "\n{ \"descr\" : [ [ u'a' , '<i4' ] , ] , u'shape' : ( 3L , ) , 'fortran_order' : False } "},
		{3, "{'descr': [('\\x61', '<i4')], 'fortran_order': False, 'shape': (3,)}"},
	} {
		a, err := recarray.OpenNPY(npyImage(c.version, c.header, 12))
		require.NoError(t, err, c.header)
		require.Equal(t, 3, a.Len())
		require.Equal(t, "[('a', '<i4')]", a.DType().String())
	}
}

func TestOpenNPYRefuses(t *testing.T) {
	const good = "{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (3,), }"
	with := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	for _, c := range []struct {
		buf  []byte
		kind error
		want string
	}{
		{nil, recarray.ErrFormat, "0 bytes"},
		{[]byte("\x93NUMPY\x01\x00"), recarray.ErrFormat, "it ends within its header"},
		{[]byte("PK\x03\x04 this is a .npz file"), recarray.ErrFormat, "it begins with 50 4b 03 04"},
		{npyImage(4, good, 12), recarray.ErrFormat, "version 4.0"},
		{npyImage(0, good, 12), recarray.ErrFormat, "version 0.0"},
		{npyImage(1, good, 12)[:40], recarray.ErrFormat, "it ends within its header"},
		{npyImage(2, strings.Repeat(" ", 1<<20+1), 0), recarray.ErrFormat, "the limit is 1048576"},
		{append([]byte("\x93NUMPY\x02\x00\xff\xff\xff\xff"), good...), recarray.ErrFormat, "a header of 4294967295 bytes"},
		{npyImage(1, good, 11), recarray.ErrFormat, "3 records of 4 bytes in 11 bytes"},
		{npyImage(3, with("'a'", "'\xff'"), 12), recarray.ErrFormat, "not UTF-8"},
		{npyImage(1, with("(3,)", fmt.Sprintf("(%d,)", math.MaxInt)), 12), recarray.ErrFormat, "records of 4 bytes"},
		{npyImage(1, with("(3,)", "(9223372036854775808,)"), 12), recarray.ErrFormat, "shape"},
		{npyImage(1, with("(3,)", "(-3,)"), 12), recarray.ErrFormat, "shape"},
		{npyImage(1, with("(3,)", "(True,)"), 12), recarray.ErrFormat, "shape"},
		{npyImage(1, with("(3,)", "(3)"), 12), recarray.ErrFormat, "shape is no tuple"},
		{npyImage(1, with("(3,)", "[3]"), 12), recarray.ErrFormat, "'[' where '(' should be"},
		{npyImage(3, with("(3,)", "(3L,)"), 12), recarray.ErrFormat, "header"},
		{npyImage(1, with("(3,)", "("+strings.Repeat("1,", 100)+")"), 12), recarray.ErrFormat, "more dimensions"},
		{npyImage(1, with("False", "0"), 12), recarray.ErrFormat, "fortran_order is no bool"},
		{npyImage(1, with("'descr'", "'dtype'"), 12), recarray.ErrFormat, "the key 'dtype'"},
		{npyImage(1, with("'shape': (3,), ", ""), 12), recarray.ErrFormat, "missing"},
		{npyImage(1, with("'shape': (3,), ", "'shape': (3,), 'shape': (3,)"), 12), recarray.ErrFormat, "'shape' is there twice"},
		{npyImage(1, good+"x", 12), recarray.ErrFormat, "text after the dict"},
		{npyImage(1, "", 12), recarray.ErrFormat, "'{' should be"},
		{npyImage(1, good[:30], 12), recarray.ErrFormat, "does not end"},
		{npyImage(1, with("<i4", "O"), 1000), recarray.ErrFormat, "field 'a': a Python object"},
		{npyImage(1, with("<i4", "x4"), 1000), recarray.ErrFormat, "'x4' is no type"},
		{npyImage(1, with("[('a', '<i4')]", "{'names': ['a']}"), 12), recarray.ErrFormat, "descr is no dtype"},

		{npyImage(1, with("[('a', '<i4')]", "'<f8'"), 24), errors.ErrUnsupported, "instead of records is not supported yet: save a structured array"},
		{npyImage(1, with("(3,)", "()"), 12), errors.ErrUnsupported, "an array of 0 dimensions"},
		{npyImage(1, with("(3,)", "(1, 3)"), 12), errors.ErrUnsupported, "an array of 2 dimensions"},
		{npyImage(1, with("[('a', '<i4')]", "[('a', 'u1'), ('', '|V3')]"), 12), errors.ErrUnsupported, "padding"},
		{npyImage(1, with("[('a', '<i4')]", "[('a', [('b', '<i4')])]"), 12), errors.ErrUnsupported, "a nested record"},
		{npyImage(1, with("[('a', '<i4')]", "[('a', '<i4', (1,))]"), 12), errors.ErrUnsupported, "a subarray"},
	} {
		a, err := recarray.OpenNPY(c.buf)
		require.Nil(t, a)
		require.ErrorIs(t, err, c.kind, "%.100q", c.buf)
		require.ErrorContains(t, err, c.want, "%.100q", c.buf)
		for _, other := range []error{recarray.ErrFormat, recarray.ErrUnfinished, errors.ErrUnsupported} {
			require.Equal(t, other == c.kind, errors.Is(err, other), "%v", err)
		}
	}
}

// A cut-off image is refused at every length.
func TestOpenNPYCutOff(t *testing.T) {
	buf := createNPY(t, ticks, 3)
	for n := range buf {
		_, err := recarray.OpenNPY(buf[:n])
		require.ErrorIs(t, err, recarray.ErrFormat, "%d of %d bytes", n, len(buf))
	}
}

// An image appears whole: who polls the memory while it is made meets an
// unfinished one, then the table. The race detector sees to the order of the
// writes.
func TestCreateNPYPublishesLast(t *testing.T) {
	dt := parse(t, ticks)
	size, err := recarray.NPYSize(dt, 1)
	require.NoError(t, err)
	begun := make(chan []byte)
	defer close(begun)
	go func() {
		for buf := range begun {
			recarray.CreateNPY(buf, dt, 1)
		}
	}()
	for range 2000 {
		buf := make([]byte, size)
		begun <- buf
		for {
			_, err := recarray.OpenNPY(buf)
			if err == nil {
				break
			}
			require.ErrorIs(t, err, recarray.ErrUnfinished)
			runtime.Gosched() // wasm takes no goroutine off its one processor
		}
	}
}

// A reader stands at the first record when the header has been read, and gives
// its own error where it fails.
func TestReadNPYHeader(t *testing.T) {
	buf := createNPY(t, ticks, 3)
	r := bytes.NewReader(append(buf, "more"...))
	dt, n, err := recarray.ReadNPYHeader(r)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.Equal(t, parse(t, ticks).String(), dt.String())
	require.Equal(t, 3*dt.Itemsize()+4, r.Len())

	_, _, err = recarray.ReadNPYHeader(strings.NewReader("no table"))
	require.ErrorIs(t, err, recarray.ErrFormat)
	_, _, err = recarray.ReadNPYHeader(bytes.NewReader(make([]byte, 100)))
	require.ErrorIs(t, err, recarray.ErrUnfinished)
	broken := errors.New("broken")
	for _, at := range []int{0, 4, 9, 11, 50} {
		_, _, err = recarray.ReadNPYHeader(io.MultiReader(bytes.NewReader(buf[:at]), iotest.ErrReader(broken)))
		require.ErrorIs(t, err, broken)
		require.NotErrorIs(t, err, recarray.ErrFormat)
	}
}

func FuzzOpenNPY(f *testing.F) {
	good := createNPY(f, ticks, 3)
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(good[:100])
	f.Add(createNPY(f, "[('日本', '<U2')]", 1))
	f.Add(npyImage(2, "{'descr': [['a', '<i4']], 'fortran_order': False, 'shape': (3L,), }", 12))
	f.Fuzz(func(t *testing.T, buf []byte) {
		before := string(buf)
		a, err := recarray.OpenNPY(buf)
		require.Equal(t, before, string(buf))
		if err != nil {
			require.Nil(t, a)
			require.True(t, errors.Is(err, recarray.ErrFormat) || errors.Is(err, recarray.ErrUnfinished) || errors.Is(err, errors.ErrUnsupported), "%v", err)
			return
		}
		size := a.Len() * a.DType().Itemsize()
		require.Len(t, a.Bytes(), size)
		require.LessOrEqual(t, size, len(buf)-10)
		for _, f := range a.DType().Fields() {
			c, err := recarray.Text(a, f.Name)
			require.NoError(t, err)
			if a.Len() > 0 {
				c.At(0)
				c.At(a.Len() - 1)
			}
		}
		// What was read is what would be written. Latin-1 and padding may
		// differ, the table may not.
		total, err := recarray.NPYSize(a.DType().AllowEmpty(), a.Len())
		require.NoError(t, err)
		if total > 1<<24 {
			return // records of no bytes, many of them
		}
		again := make([]byte, total)
		_, err = recarray.CreateNPY(again, a.DType().AllowEmpty(), a.Len())
		require.NoError(t, err)
		b, err := recarray.OpenNPY(again)
		require.NoError(t, err)
		require.True(t, a.DType().Equal(b.DType()))
		require.Equal(t, a.Len(), b.Len())
	})
}
