package recarray

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"strconv"
	"time"
)

// NaT is the count that stands for a missing datetime64 or timedelta64.
const NaT = math.MinInt64

// counts is what columns of both kinds have: numbers of a unit, or [NaT].
type counts struct {
	raw  Column[int64]
	unit unit
	name string
}

// Len returns the number of values.
func (c counts) Len() int { return c.raw.Len() }

// Raw returns the count of record i; [NaT] is the missing value.
func (c counts) Raw(i int) int64 { return c.raw.At(i) }

// SetRaw writes the count of record i. It panics as Column.Set does.
func (c counts) SetRaw(i int, n int64) { c.raw.Set(i, n) }

// SetNaT makes the value of record i the missing one. It panics as Column.Set
// does.
func (c counts) SetNaT(i int) { c.raw.Set(i, NaT) }

// All returns an iterator over the record numbers and the raw counts.
func (c counts) All() iter.Seq2[int, int64] { return c.raw.All() }

// TimeColumn is a field of datetime64 of all records: int64 counts of a unit
// such as nanoseconds, days or 25 seconds since 1970-01-01T00:00, UTC.
type TimeColumn struct{ counts }

// Times returns the column of a field of kind M. It is an error if there is no
// such field or its kind is another.
func Times(a *Array, name string) (TimeColumn, error) {
	c, dt, err := a.column(name)
	if err != nil {
		return TimeColumn{}, err
	}
	if dt.kind != Datetime {
		return TimeColumn{}, fmt.Errorf("recarray: field %s is %s, which %s reads; Times does not", quoted(name), dt.short(), reader(dt))
	}
	return TimeColumn{counts{Column[int64]{c}, dt.unit, name}}, nil
}

// The seconds since 1970 that a time.Time counts without wrapping round: it
// has to hold them since the year 1, and to find the year from the year
// -292277022399 on.
const (
	year1       = -62135596800
	minTimeUnix = -9223372028715321600 // -292277022399-01-01
	maxTimeUnix = math.MaxInt64 + year1
)

// At returns the time of record i, in UTC. It is not ok for NaT, for a time
// beyond the range of [time.Time], and always for the generic unit M8. Units
// finer than a nanosecond are rounded down to one. It panics if there is no
// such record.
func (c TimeColumn) At(i int) (t time.Time, ok bool) {
	n := c.raw.At(i)
	if n == NaT {
		return time.Time{}, false
	}
	if c.unit == (unit{nano, 1}) {
		return time.Unix(0, n).UTC(), true
	}
	m, ok := c.unit.moment(n)
	if !ok {
		return time.Time{}, false
	}
	sec, ok := join(m.days, daySeconds, m.sec)
	if !ok || sec < minTimeUnix || sec > maxTimeUnix {
		return time.Time{}, false
	}
	return time.Unix(sec, m.atto/1e9).UTC(), true
}

// Set writes the time of record i, rounded down to the field's unit as numpy
// does it: 23:59:59.9 becomes 23:59:59 in M8[s]. It is an error, and the memory
// stays as it is, if t is the zero time, which is nearly always a missing one
// (SetNaT says so, SetRaw writes any time), or if the unit cannot count up to t
// (wraps [strconv.ErrRange]), as the generic unit never can. It panics as Column.Set
// does.
func (c TimeColumn) Set(i int, t time.Time) error {
	_ = c.raw.c.set(i) // panics before anything else
	if t.IsZero() {
		return cellError(c.name, i, errors.New("the zero time: call SetNaT for a missing value"))
	}
	var m moment
	m.days, m.sec = divFloor(t.Unix(), daySeconds)
	m.atto = int64(t.Nanosecond()) * 1e9
	n, _, ok := c.unit.count(m)
	if !ok {
		return cellError(c.name, i, fmt.Errorf("%w: %v does not fit into M8%v", strconv.ErrRange, t, c.unit))
	}
	c.raw.Set(i, n)
	return nil
}

// DurationColumn is a field of timedelta64 of all records: int64 counts of a
// unit such as nanoseconds, days or 25 seconds.
type DurationColumn struct{ counts }

// Durations returns the column of a field of kind m. It is an error if there is
// no such field or its kind is another.
func Durations(a *Array, name string) (DurationColumn, error) {
	c, dt, err := a.column(name)
	if err != nil {
		return DurationColumn{}, err
	}
	if dt.kind != Timedelta {
		return DurationColumn{}, fmt.Errorf("recarray: field %s is %s, which %s reads; Durations does not", quoted(name), dt.short(), reader(dt))
	}
	return DurationColumn{counts{Column[int64]{c}, dt.unit, name}}, nil
}

// At returns the duration of record i. It is not ok for NaT, for a duration
// beyond the 292 years of [time.Duration], and always for years, months and
// the generic unit m8, which have no fixed length. Units finer than a
// nanosecond are rounded down to one. It panics if there is no such record.
func (c DurationColumn) At(i int) (d time.Duration, ok bool) {
	n := c.raw.At(i)
	if n == NaT || c.unit.base < week {
		return 0, false
	}
	if n, ok = mul(n, int64(c.unit.num)); !ok {
		return 0, false
	}
	if c.unit.base > nano {
		n, _ = divFloor(n, perSecond(c.unit.base)/1e9)
	} else {
		n, ok = mul(n, nanos(c.unit.base))
	}
	return time.Duration(n), ok
}

// nanos returns the nanoseconds in a unit from weeks to nanoseconds.
func nanos(b base) int64 {
	n := int64(1)
	for ; b < nano; b++ {
		n *= bases[b+1].per
	}
	return n
}

// Set writes the duration of record i, rounded down to the field's unit as
// numpy does it: -1.5 s becomes -2 in m8[s]. It is an error, and the memory
// stays as it is, if the field's unit has no fixed length (years, months and
// the generic unit) or cannot count up to d (wraps [strconv.ErrRange]). It panics as
// Column.Set does.
func (c DurationColumn) Set(i int, d time.Duration) error {
	_ = c.raw.c.set(i) // panics before anything else
	if c.unit.base < week {
		return cellError(c.name, i, fmt.Errorf("a duration is no number of m8%v", c.unit))
	}
	n, ok := int64(d), true
	if c.unit.base > nano {
		n, ok = mul(n, perSecond(c.unit.base)/1e9)
	} else {
		n, _ = divFloor(n, nanos(c.unit.base))
	}
	if n, _ = divFloor(n, int64(c.unit.num)); !ok || n == NaT {
		return cellError(c.name, i, fmt.Errorf("%w: %v does not fit into m8%v", strconv.ErrRange, d, c.unit))
	}
	c.raw.Set(i, n)
	return nil
}
