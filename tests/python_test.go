//go:build linux || windows

package tests

import (
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm"
	"github.com/seed72196e11/shm/internal/shmtest"
	"github.com/seed72196e11/shm/recarray"
)

// ticks is the table of these tests. Up to 8192 records all numpys sum alike.
const ticks = "[('date', '<M8[ns]'), ('val', '<f8'), ('character_col', 'S6')]"

// TestPandasTable reads and writes what a pandas program has put into shared
// memory with nothing but its name and what Python prints of the dtype.
func TestPandasTable(t *testing.T) {
	const n = 5003
	py := startPython(t, "pandas_table.py", n)
	var frame struct {
		account
		Str string
	}
	py.answer(&frame)
	t.Cleanup(func() { shm.Unlink(frame.Name) })
	require.Len(t, frame.Val, n)

	dt := parse(t, frame.DType)
	require.True(t, dt.Equal(parse(t, frame.Str)), "%s and %s", frame.DType, frame.Str)
	seg := openSegment(t, frame.Name)
	a, err := recarray.New(seg.Bytes(), dt, n)
	require.NoError(t, err)
	require.Equal(t, frame.account, look(t, frame.Name, a).as(frame.DType))

	var before, after account
	py.ask(nil, &before)
	set(t, a, row{4, 1_700_000_000_123_456_000, math.Float64bits(-1.5), text("go")})
	py.ask(nil, &after)
	require.Equal(t, look(t, frame.Name, a).as(frame.DType), after, "Python sees what Go wrote")
	require.NotEqual(t, before, after)

	py.end()
	require.Equal(t, after, look(t, frame.Name, a).as(frame.DType), "the memory stays as long as Go uses it")
	if pythonUnlinks {
		_, err = shm.Stat(frame.Name)
		require.ErrorIs(t, err, fs.ErrNotExist, "Python made it and has removed it")
	}
	require.NoError(t, seg.Close())
	_, err = shm.Stat(frame.Name)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// TestRecordsInPython shares records that Go made: Python is told their name,
// dtype and number. Both write while both are attached. The name is one of
// [shm.NewName].
func TestRecordsInPython(t *testing.T) {
	dt := parse(t, ticks)
	name := shmtest.Name(t)
	const n = 1000
	seg, err := shm.Create(name, n*dt.Itemsize(), &shm.Options{Init: func(mem []byte) error {
		a, err := recarray.New(mem, dt, n)
		if err == nil {
			fill(t, a)
		}
		return err
	}})
	require.NoError(t, err)
	t.Cleanup(func() { seg.Close() })
	a, err := recarray.New(seg.Bytes(), dt, n)
	require.NoError(t, err)

	py := startPython(t, "attach_records.py", name, dt, n)
	shareInBothDirections(t, py, name, a)
	before := look(t, name, a)

	// Python registers what it merely attaches to, and its tracker unlinks
	// the name when the program ends, as long as track=False (3.13) is not
	// the default.
	py.end()
	_, err = seg.Stat()
	if pythonUnlinks {
		require.ErrorIs(t, err, shm.ErrNameLost)
	} else {
		require.NoError(t, err)
	}
	require.Equal(t, before, look(t, name, a), "the memory is as it was")
}

// shareInBothDirections has Python write rows, then Go, and compares all
// values that both see.
func shareInBothDirections(t *testing.T, py *python, name string, a *recarray.Array) {
	t.Helper()
	var seen account
	compare := func(rows []row) {
		t.Helper()
		py.ask(rows, &seen)
		require.True(t, a.DType().Equal(parse(t, seen.DType)), seen.DType)
		require.Equal(t, look(t, name, a).as(seen.DType), seen)
	}
	compare([]row{})

	theirs := []row{
		{0, 1, math.Float64bits(math.Inf(1)), text("python")},
		{7, recarray.NaT, math.Float64bits(math.NaN()), text("")},
		{a.Len() - 1, -1, math.Float64bits(math.Copysign(0, -1)), "ff00e9"},
	}
	compare(theirs)
	for _, r := range theirs {
		require.Equal(t, r, seen.row(r.at), "Go sees what Python wrote")
	}

	ours := []row{
		{0, math.MaxInt64, math.Float64bits(math.MaxFloat64), text("go")},
		{8, recarray.NaT, math.Float64bits(math.SmallestNonzeroFloat64), text("a\x00b")},
		{a.Len() - 1, math.MinInt64 + 1, math.Float64bits(-0.1), text("abcdef")},
	}
	set(t, a, ours...)
	compare([]row{})
	for _, r := range ours {
		require.Equal(t, r, seen.row(r.at), "Python sees what Go wrote")
	}
}

// TestPool has two Python workers and a Go process write the same records at
// the same time, each its own values.
func TestPool(t *testing.T) {
	dt := parse(t, "[('flag', 'u1'), ('val', '<f8')]")
	const n, flags = 20_000, 200
	name := shmtest.Name(t)
	seg, err := shm.Create(name, n*dt.Itemsize(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { seg.Close() })
	a, err := recarray.New(seg.Bytes(), dt, n)
	require.NoError(t, err)

	goes := shmtest.Start(t)
	goes.Ask("open", name)
	py := startPython(t, "pool.py", name, dt, n)
	py.tell([][2]int{{0, n / 2}, {n / 2, n}})
	for i := range flags {
		goes.Ask("write", i*dt.Itemsize(), i%255+1)
	}
	var workers int
	py.answer(&workers)
	require.Equal(t, 2, workers, "processes that wrote")

	flag, err := recarray.Col[uint8](a, "flag")
	require.NoError(t, err)
	val, err := recarray.Col[float64](a, "val")
	require.NoError(t, err)
	for i := range n {
		want := uint8(0)
		if i < flags {
			want = uint8(i%255 + 1)
		}
		require.Equal(t, want, flag.At(i), "flag %d", i)
		require.Equal(t, float64(i), val.At(i), "val %d", i)
	}
}

// account is what one side sees of a table, see testdata/account.py.
type account struct {
	Name, DType string
	Raw, Date   []int64  // counts of the field's unit, and of nanoseconds
	Val         []uint64 // bits, as no two NaNs are equal
	Text        []string // hexadecimal, as S holds any bytes
	NanSum      uint64
}

// look is Go's account.
func look(t *testing.T, name string, a *recarray.Array) account {
	t.Helper()
	date, err := recarray.Times(a, "date")
	require.NoError(t, err)
	val, err := recarray.Col[float64](a, "val")
	require.NoError(t, err)
	character, err := recarray.Strings(a, "character_col")
	require.NoError(t, err)
	acc := account{Name: name, DType: a.DType().String(), NanSum: math.Float64bits(recarray.NanSum(val))}
	for i := range a.Len() {
		nanoseconds := int64(recarray.NaT)
		if at, ok := date.At(i); ok {
			nanoseconds = at.UnixNano()
		}
		acc.Raw = append(acc.Raw, date.Raw(i))
		acc.Date = append(acc.Date, nanoseconds)
		acc.Val = append(acc.Val, math.Float64bits(val.At(i)))
		acc.Text = append(acc.Text, text(character.At(i)))
	}
	return acc
}

// as is the account under Python's spelling of the dtype, which is compared
// elsewhere.
func (acc account) as(dtype string) account {
	acc.DType = dtype
	return acc
}

func (acc account) row(i int) row { return row{i, acc.Date[i], acc.Val[i], acc.Text[i]} }

// row is one record to be written.
type row struct {
	at   int
	date int64 // nanoseconds
	val  uint64
	text string
}

func (r row) MarshalJSON() ([]byte, error) { return json.Marshal([]any{r.at, r.date, r.val, r.text}) }

func text(s string) string { return hex.EncodeToString([]byte(s)) }

// set writes rows from Go.
func set(t *testing.T, a *recarray.Array, rows ...row) {
	t.Helper()
	date, err := recarray.Times(a, "date")
	require.NoError(t, err)
	val, err := recarray.Col[float64](a, "val")
	require.NoError(t, err)
	character, err := recarray.Strings(a, "character_col")
	require.NoError(t, err)
	for _, r := range rows {
		if r.date == recarray.NaT {
			date.SetNaT(r.at)
		} else {
			require.NoError(t, date.Set(r.at, time.Unix(0, r.date)))
		}
		val.Set(r.at, math.Float64frombits(r.val))
		s, err := hex.DecodeString(r.text)
		require.NoError(t, err)
		require.NoError(t, character.Set(r.at, string(s)))
	}
}

// fill writes values of every kind into a new table.
func fill(t *testing.T, a *recarray.Array) {
	t.Helper()
	words := []string{"", "a", "abcdef", "\xff\xfe", "a\x00b", "é"}
	for i := range a.Len() {
		r := row{i, int64(i-500) * 86_399_999_999_983, math.Float64bits(math.Sin(float64(i)) * 1e6), text(words[i%len(words)])}
		if i%3 == 0 {
			r.val = math.Float64bits(math.NaN())
		}
		if i%7 == 0 {
			r.date = recarray.NaT
		}
		set(t, a, r)
	}
}

func parse(t *testing.T, dtype string) *recarray.DType {
	t.Helper()
	dt, err := recarray.ParseDType(dtype)
	require.NoError(t, err)
	return dt
}
