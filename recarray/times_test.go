package recarray_test

import (
	"maps"
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm/recarray"
)

var epoch = time.Unix(0, 0).UTC()

func timeColumn(t testing.TB, a *recarray.Array, name string) recarray.TimeColumn {
	t.Helper()
	c, err := recarray.Times(a, name)
	require.NoError(t, err)
	return c
}

func TestTimes(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339Nano, s)
		require.NoError(t, err)
		return v.UTC()
	}
	leap := at("2024-02-29T13:14:15.123456789Z")
	for _, c := range []struct {
		unit string
		set  time.Time
		raw  int64
		at   string // "": what was set
	}{
		{"ns", leap, 1709212455123456789, ""},
		{"us", leap, 1709212455123456, "2024-02-29T13:14:15.123456Z"},
		{"ms", leap, 1709212455123, "2024-02-29T13:14:15.123Z"},
		{"s", leap, 1709212455, "2024-02-29T13:14:15Z"},
		{"25s", leap, 68368498, "2024-02-29T13:14:10Z"},
		{"m", leap, 28486874, "2024-02-29T13:14:00Z"},
		{"h", leap, 474781, "2024-02-29T13:00:00Z"},
		{"D", leap, 19782, "2024-02-29T00:00:00Z"},
		{"W", leap, 2826, "2024-02-29T00:00:00Z"},
		{"M", leap, 649, "2024-02-01T00:00:00Z"},
		{"Y", leap, 54, "2024-01-01T00:00:00Z"},
		{"s", at("1969-12-31T23:59:59.9Z"), -1, "1969-12-31T23:59:59Z"},
		{"25s", at("1969-12-31T23:59:59.9Z"), -1, "1969-12-31T23:59:35Z"},
		{"W", at("1969-12-31T00:00:00Z"), -1, "1969-12-25T00:00:00Z"},
		{"M", at("1969-12-31T00:00:00Z"), -1, "1969-12-01T00:00:00Z"},
		{"2Y", at("1969-12-31T00:00:00Z"), -1, "1968-01-01T00:00:00Z"},
		{"ps", at("1970-01-01T00:00:00.000000001Z"), 1000, ""},
		{"as", at("1969-12-31T23:59:59.999999999Z"), -1e9, ""},
		{"D", at("0000-03-01T00:00:00Z"), -719468, ""},
	} {
		for _, order := range []string{"<", ">"} {
			a := newArray(t, "[('x', 'u1'), ('t', '"+order+"M8["+c.unit+"]')]", 3)
			tc := timeColumn(t, a, "t")
			require.NoError(t, tc.Set(1, c.set.In(time.FixedZone("east", 3600))))
			require.Equal(t, c.raw, tc.Raw(1), "%v in %s", c.set, c.unit)
			got, ok := tc.At(1)
			require.True(t, ok)
			want := c.set
			if c.at != "" {
				want = at(c.at)
			}
			require.Equal(t, want, got, "%d %s", c.raw, c.unit)
			tc.SetNaT(1)
			require.Equal(t, int64(recarray.NaT), tc.Raw(1))
			_, ok = tc.At(1)
			require.False(t, ok)
			tc.SetRaw(2, c.raw)
			require.Equal(t, c.raw, tc.Raw(2))
			require.Equal(t, 3, tc.Len())
			require.Equal(t, map[int]int64{0: 0, 1: recarray.NaT, 2: c.raw}, maps.Collect(tc.All()))
			require.Error(t, tc.Set(2, time.Time{}))
			require.Equal(t, c.raw, tc.Raw(2), "an error leaves the memory as it was")
		}
	}
}

func TestTimesOutOfRange(t *testing.T) {
	for _, c := range []struct {
		unit    string
		raw     int64
		ok      bool
		because string
	}{
		{"ns", math.MaxInt64, true, "2262"},
		{"ns", math.MinInt64 + 1, true, "1677"},
		{"us", math.MaxInt64, true, ""},
		{"ms", math.MinInt64 + 1, true, ""},
		{"s", math.MaxInt64 - 62135596800, true, "the last second that time.Time counts"},
		{"s", math.MaxInt64 - 62135596800 + 1, false, "it wraps"},
		{"s", -9223372028715321600, true, "the year -292277022399"},
		{"s", -9223372028715321601, false, "the calendar wraps"},
		{"m", math.MaxInt64, false, ""},
		{"D", math.MaxInt64, false, ""},
		{"D", math.MinInt64 + 1, false, ""},
		{"W", math.MaxInt64, false, "7 days overflow"},
		{"Y", math.MaxInt64, false, ""},
		{"Y", math.MinInt64 + 1, false, ""},
		{"M", math.MaxInt64, false, ""},
		{"2147483647s", math.MaxInt64, false, "the multiple overflows"},
	} {
		a := newArray(t, "[('t', 'M8["+c.unit+"]')]", 1)
		tc := timeColumn(t, a, "t")
		tc.SetRaw(0, c.raw)
		got, ok := tc.At(0)
		require.Equal(t, c.ok, ok, "%d %s: %v", c.raw, c.unit, got)
		if ok {
			tc.SetNaT(0)
			require.NoError(t, tc.Set(0, got))
			require.Equal(t, c.raw, tc.Raw(0), "%v %s", got, c.unit)
		}
	}
	a := newArray(t, "[('n', 'M8[ns]'), ('a', 'M8[as]'), ('g', 'M8')]", 1)
	for _, name := range []string{"n", "a", "g"} {
		tc := timeColumn(t, a, name)
		for _, v := range []time.Time{time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1600, 1, 1, 0, 0, 0, 0, time.UTC)} {
			require.ErrorIs(t, tc.Set(0, v), strconv.ErrRange)
			require.Zero(t, tc.Raw(0))
		}
	}
	g := timeColumn(t, a, "g")
	_, ok := g.At(0)
	require.False(t, ok, "a count of nothing in particular is no time")
	require.Error(t, timeColumn(t, a, "n").Set(0, time.Unix(-9223372037, 145224192)), "NaT's count is no time")
	require.NoError(t, timeColumn(t, a, "n").Set(0, time.Unix(-9223372037, 145224193)))
}

func TestDurations(t *testing.T) {
	for _, c := range []struct {
		unit string
		set  time.Duration
		raw  int64
		at   time.Duration
	}{
		{"ns", 1234567890123, 1234567890123, 1234567890123},
		{"us", -1500, -2, -2 * time.Microsecond},
		{"ms", 1999 * time.Microsecond, 1, time.Millisecond},
		{"s", -1500 * time.Millisecond, -2, -2 * time.Second},
		{"25s", time.Minute, 2, 50 * time.Second},
		{"25s", -time.Second, -1, -25 * time.Second},
		{"m", time.Hour, 60, time.Hour},
		{"h", time.Hour, 1, time.Hour},
		{"D", -24*time.Hour + time.Microsecond, -1, -24 * time.Hour},
		{"W", 15 * 24 * time.Hour, 2, 14 * 24 * time.Hour},
		{"ps", 5, 5000, 5},
		{"as", -1, -1e9, -1},
		{"ns", math.MaxInt64, math.MaxInt64, math.MaxInt64},
	} {
		a := newArray(t, "[('x', 'u1'), ('d', '>m8["+c.unit+"]')]", 2)
		d, err := recarray.Durations(a, "d")
		require.NoError(t, err)
		require.NoError(t, d.Set(1, c.set))
		require.Equal(t, c.raw, d.Raw(1), "%v in %s", c.set, c.unit)
		got, ok := d.At(1)
		require.True(t, ok)
		require.Equal(t, c.at, got, "%v in %s", c.set, c.unit)
		d.SetNaT(1)
		_, ok = d.At(1)
		require.False(t, ok)
		require.Equal(t, 2, d.Len())
		require.Equal(t, map[int]int64{0: 0, 1: recarray.NaT}, maps.Collect(d.All()))
	}
	a := newArray(t, "[('y', 'm8[Y]'), ('m', 'm8[M]'), ('g', 'm8'), ('d', 'm8[D]'), ('as', 'm8[as]'), ('ns', 'm8[ns]')]", 1)
	for _, name := range []string{"y", "m", "g"} {
		d, err := recarray.Durations(a, name)
		require.NoError(t, err)
		d.SetRaw(0, 1)
		_, ok := d.At(0)
		require.False(t, ok, "a %s has no fixed length", name)
		require.Error(t, d.Set(0, time.Hour))
		require.Equal(t, int64(1), d.Raw(0))
	}
	d, err := recarray.Durations(a, "d")
	require.NoError(t, err)
	d.SetRaw(0, 106751)
	_, ok := d.At(0)
	require.True(t, ok)
	d.SetRaw(0, 106752)
	_, ok = d.At(0)
	require.False(t, ok, "more than a time.Duration holds")
	as, err := recarray.Durations(a, "as")
	require.NoError(t, err)
	require.ErrorIs(t, as.Set(0, time.Minute), strconv.ErrRange)
	ns, err := recarray.Durations(a, "ns")
	require.NoError(t, err)
	require.ErrorIs(t, ns.Set(0, math.MinInt64), strconv.ErrRange, "it would be NaT")
}
