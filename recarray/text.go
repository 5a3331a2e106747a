package recarray

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// TextColumn is a field of any kind as text: what a printer of tables or a
// reader of CSV needs. At and Set agree: Set(i, At(i)) leaves the value as it
// is, but for the bits of a NaN, bool bytes other than 0 and 1, and what a
// [StringColumn] cannot show.
type TextColumn struct {
	c    column
	dt   *DType
	name string
}

// Text returns the column of a field of any kind. It is an error if there is no
// such field.
func Text(a *Array, name string) (TextColumn, error) {
	c, dt, err := a.column(name)
	if err != nil {
		return TextColumn{}, err
	}
	return TextColumn{c, dt, name}, nil
}

// Len returns the number of values.
func (c TextColumn) Len() int { return c.c.n }

// At returns the value of record i as [TextColumn.Append] writes it.
func (c TextColumn) At(i int) string {
	var buf [64]byte
	return string(c.Append(buf[:0], i))
}

// Append appends the value of record i to dst as numpy prints it and returns
// the longer slice. It panics if there is no such record.
//
//   - bools: True and False
//   - integers: 42
//   - floats: the shortest text that reads back the same, 0.1, 1.0, 1e-05, nan,
//     inf; without an exponent from 0.0001 up to 1e+16, as Python and numpy
//     before 2.3 print all widths
//   - S and U: the text alone, as StringColumn.At
//   - M8: 2024-01-02T03:04:05.000000000, as far as the unit goes, or NaT
//   - m8: 50 seconds, or NaT
//
// A time whose count in the base unit or whose year is beyond an int64, or
// that counts no unit at all, is written as a count of the unit, 12*25s.
func (c TextColumn) Append(dst []byte, i int) []byte {
	_ = c.c.at(i) // always panics for the zero column
	switch c.dt.kind {
	case Bool:
		if (Column[uint8]{c.c}).At(i) != 0 {
			return append(dst, "True"...)
		}
		return append(dst, "False"...)
	case Int:
		return strconv.AppendInt(dst, c.int(i), 10)
	case Uint:
		return strconv.AppendUint(dst, c.uint(i), 10)
	case Float:
		switch c.dt.size {
		case 2:
			return appendFloat16(dst, Column[Float16]{c.c}.At(i))
		case 4:
			return appendFloat(dst, float64(Column[float32]{c.c}.At(i)), 32)
		}
		return appendFloat(dst, Column[float64]{c.c}.At(i), 64)
	case Datetime:
		return c.dt.unit.appendTime(dst, c.int(i))
	case Timedelta:
		return c.dt.unit.appendSpan(dst, c.int(i))
	}
	return newStringColumn(c.c, c.dt, c.name).append(dst, i)
}

// int reads a signed integer of any size.
func (c TextColumn) int(i int) int64 {
	switch c.dt.size {
	case 1:
		return int64(Column[int8]{c.c}.At(i))
	case 2:
		return int64(Column[int16]{c.c}.At(i))
	case 4:
		return int64(Column[int32]{c.c}.At(i))
	}
	return Column[int64]{c.c}.At(i)
}

// uint reads an unsigned integer of any size.
func (c TextColumn) uint(i int) uint64 {
	switch c.dt.size {
	case 1:
		return uint64(Column[uint8]{c.c}.At(i))
	case 2:
		return uint64(Column[uint16]{c.c}.At(i))
	case 4:
		return uint64(Column[uint32]{c.c}.At(i))
	}
	return Column[uint64]{c.c}.At(i)
}

// appendFloat appends the shortest decimal that reads back as x in so many
// bits, laid out as Python does.
func appendFloat(dst []byte, x float64, bits int) []byte {
	switch abs := math.Abs(x); {
	case x != x:
		return append(dst, "nan"...)
	case abs > math.MaxFloat64:
		if x < 0 {
			dst = append(dst, '-')
		}
		return append(dst, "inf"...)
	case x == 0 || abs >= 1e-4 && abs < 1e16:
		start := len(dst)
		dst = strconv.AppendFloat(dst, x, 'f', -1, bits)
		for _, b := range dst[start:] {
			if b == '.' {
				return dst
			}
		}
		return append(dst, ".0"...)
	}
	return strconv.AppendFloat(dst, x, 'e', -1, bits)
}

// appendFloat16 is appendFloat for a width that strconv does not know.
func appendFloat16(dst []byte, f Float16) []byte {
	x := float64(f.Float32())
	var buf [24]byte
	for digits := range 5 { // never more behind the first
		// The nearest decimal, or one a little above: above a power of two
		// the numbers lie further apart than below.
		for _, x := range [...]float64{x, x * (1 + 0x1p-12)} {
			s := strconv.AppendFloat(buf[:0], x, 'e', digits, 64)
			y, _ := strconv.ParseFloat(string(s), 64)
			if NewFloat16(y) == f {
				return appendFloat(dst, y, 64)
			}
		}
	}
	return appendFloat(dst, x, 64) // nan and inf
}

// appendTime appends a datetime64.
func (u unit) appendTime(dst []byte, n int64) []byte {
	if n == NaT {
		return append(dst, "NaT"...)
	}
	// Years and months reach further than their days can be counted.
	var m moment
	var y int64
	var mon, d int
	total, ok := mul(n, int64(u.num))
	if ok && (u.base == year || u.base == month) {
		y, mon, ok = u.yearMonth(total)
	} else if m, ok = u.moment(n); ok {
		y, mon, d = date(m.days)
	}
	if !ok {
		return u.appendCount(dst, n)
	}
	if y < 0 { // the sign counts as one of the four places
		dst = appendPadded(append(dst, '-'), uint64(-y), 3)
	} else {
		dst = appendPadded(dst, uint64(y), 4)
	}
	if u.base >= month {
		dst = appendPadded(append(dst, '-'), uint64(mon), 2)
	}
	if u.base >= week {
		dst = appendPadded(append(dst, '-'), uint64(d), 2)
	}
	if u.base >= hour {
		dst = appendPadded(append(dst, 'T'), uint64(m.sec/3600), 2)
	}
	if u.base >= minute {
		dst = appendPadded(append(dst, ':'), uint64(m.sec/60%60), 2)
	}
	if u.base >= second {
		dst = appendPadded(append(dst, ':'), uint64(m.sec%60), 2)
	}
	if u.base >= milli {
		per := perSecond(u.base)
		dst = appendPadded(append(dst, '.'), uint64(m.atto/(attoSecond/per)), 3*int(u.base-second))
	}
	return dst
}

// appendPadded appends n with zeros in front up to a width.
func appendPadded(dst []byte, n uint64, width int) []byte {
	var buf [20]byte
	s := strconv.AppendUint(buf[:0], n, 10)
	for range width - len(s) {
		dst = append(dst, '0')
	}
	return append(dst, s...)
}

// appendSpan appends a timedelta64.
func (u unit) appendSpan(dst []byte, n int64) []byte {
	if n == NaT {
		return append(dst, "NaT"...)
	}
	total, ok := mul(n, int64(u.num))
	if !ok {
		return u.appendCount(dst, n)
	}
	dst = append(strconv.AppendInt(dst, total, 10), ' ')
	return append(dst, bases[u.base].words...)
}

// appendCount appends a count that has no better text.
func (u unit) appendCount(dst []byte, n int64) []byte {
	dst = append(strconv.AppendInt(dst, n, 10), '*')
	return append(dst, u.code()...)
}

var (
	errBool  = errors.New("no bool (True, False, true, false, 1, 0)")
	errTime  = errors.New("no time in ISO 8601, in UTC: 2024-01-02T03:04:05.678")
	errSpan  = errors.New("no timedelta: a count, or a number and the unit's name")
	errExact = errors.New("finer than the unit of the field")
)

// Set reads a value from s and writes it to record i. The text has to be the
// value and nothing else: white space around it is an error.
//
//   - bools: True, False, true, false, 1, 0
//   - integers: decimal digits with an optional sign, never ""
//   - floats: decimal, also nan, inf, infinity in any case; "" is NaN
//   - S and U: as StringColumn.Set
//   - M8: NaT, "", or a time as ISO 8601 writes it, from the year down to as
//     many places as there are, with a T or a blank before the hour, and Z or no
//     zone, both meaning UTC. A bare year has four digits, unless the unit is
//     years, so that 20240102 is not taken for one
//   - m8: NaT, "", a bare count of the unit, or what Append writes
//
// It is an error, and the memory stays as it is, if the text is something else
// (wraps [strconv.ErrSyntax]), the value is out of the field's range or finer
// than its unit ([strconv.ErrRange]) or the text too long ([ErrTooLong]).
// Floats are rounded to the nearest, f2 by way of f8. Set allocates nothing unless it fails. It
// panics if there is no such record or if the view is read-only.
func (c TextColumn) Set(i int, s string) error {
	_ = c.c.set(i) // panics before anything else; always for the zero column
	bits := 8 * c.dt.size
	var err error
	switch c.dt.kind {
	case Bytes, Str:
		return newStringColumn(c.c, c.dt, c.name).Set(i, s) // its error names the cell already
	case Bool:
		switch s {
		case "True", "true", "1":
			Column[uint8]{c.c}.Set(i, 1)
		case "False", "false", "0":
			Column[uint8]{c.c}.Set(i, 0)
		default:
			err = syntax(errBool)
		}
	case Int:
		var n int64
		if n, err = strconv.ParseInt(s, 10, bits); err == nil {
			c.setInt(i, n)
		}
	case Uint:
		var n uint64
		if n, err = parseUint(s, bits); err == nil {
			c.setInt(i, int64(n))
		}
	case Float:
		err = c.setFloat(i, s)
	default:
		var n int64
		if n, err = c.parseTime(s); err == nil {
			c.setInt(i, n)
		}
	}
	if err != nil {
		var num *strconv.NumError
		if errors.As(err, &num) {
			err = num.Err
		}
		return cellError(c.name, i, fmt.Errorf("%s as %s: %w", quoted(s), c.dt.short(), err))
	}
	return nil
}

// parseUint is strconv.ParseUint with an optional sign: a negative number is out
// of range rather than no number.
func parseUint(s string, bits int) (uint64, error) {
	digits, negative := strings.CutPrefix(s, "-")
	if !negative {
		digits = strings.TrimPrefix(s, "+")
	}
	n, err := strconv.ParseUint(digits, 10, bits)
	if err == nil && negative && n != 0 {
		err = strconv.ErrRange
	}
	return n, err
}

func syntax(err error) error { return fmt.Errorf("%w: %w", strconv.ErrSyntax, err) }

// setInt writes an integer that fits; of an unsigned one its bits.
func (c TextColumn) setInt(i int, n int64) {
	switch c.dt.size {
	case 1:
		Column[int8]{c.c}.Set(i, int8(n))
	case 2:
		Column[int16]{c.c}.Set(i, int16(n))
	case 4:
		Column[int32]{c.c}.Set(i, int32(n))
	default:
		Column[int64]{c.c}.Set(i, n)
	}
}

// NaNs as numpy writes them. Go's math.NaN has one bit more.
const (
	nan16 = 0x7e00
	nan32 = 0x7fc00000
	nan64 = 0x7ff8000000000000
)

func (c TextColumn) setFloat(i int, s string) error {
	bits := 64
	if c.dt.size == 4 {
		bits = 32
	}
	var x float64
	nan := s == "" || strings.EqualFold(s, "nan")
	if !nan {
		if strings.ContainsAny(s, "xX_") {
			return strconv.ErrSyntax // Go's ways to write a number, not Python's
		}
		var err error
		if x, err = strconv.ParseFloat(s, bits); err != nil {
			return err
		}
	}
	switch c.dt.size {
	case 2:
		f := NewFloat16(x)
		if nan {
			f = nan16
		} else if f&0x7fff == 0x7c00 && math.Abs(x) <= math.MaxFloat64 {
			return strconv.ErrRange
		}
		Column[Float16]{c.c}.Set(i, f)
	case 4:
		b := math.Float32bits(float32(x))
		if nan {
			b = nan32
		}
		Column[uint32]{c.c}.Set(i, b)
	default:
		b := math.Float64bits(x)
		if nan {
			b = nan64
		}
		Column[uint64]{c.c}.Set(i, b)
	}
	return nil
}

// parseTime reads a cell of M8 or m8.
func (c TextColumn) parseTime(s string) (int64, error) {
	u, m8 := c.dt.unit, c.dt.kind == Timedelta
	if s == "" || s == "NaT" {
		return NaT, nil
	}
	if count, code, ok := strings.Cut(s, "*"); ok && code == u.code() {
		return parseCount(count)
	}
	if !m8 {
		return u.parseTime(s)
	}
	count, words, ok := strings.Cut(s, " ")
	if !ok {
		return parseCount(s)
	}
	if words != bases[u.base].words {
		return 0, syntax(errSpan)
	}
	n, err := parseCount(count)
	n, rest := divFloor(n, int64(u.num))
	if err == nil && rest != 0 {
		err = fmt.Errorf("%w: %w", strconv.ErrRange, errExact)
	}
	return n, err
}

// parseCount reads a count that is not NaT's.
func parseCount(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err == nil && n == NaT {
		err = strconv.ErrRange
	}
	return n, err
}

// parseTime reads a time in ISO 8601 as a count of u.
func (u unit) parseTime(s string) (int64, error) {
	r := isoReader{rest: s}
	var m moment
	sign := int64(1)
	if r.skip('-') {
		sign = -1
	} else {
		r.skip('+')
	}
	y, width := r.number()
	y *= sign
	mon, d := int64(1), int64(1)
	switch {
	case r.rest == "" && width > 4 && u.base != year:
		r.bad = true
	case width < 4 && !(width == 3 && sign < 0):
		r.bad = true
	}
	if r.skip('-') {
		mon = r.two(1, 12)
		if r.skip('-') && !r.bad {
			d = r.two(1, int64(daysIn(y, int(mon))))
			if r.skip('T') || r.skip(' ') {
				m.sec = 3600 * r.two(0, 23)
				if r.skip(':') {
					m.sec += 60 * r.two(0, 59)
					if r.skip(':') {
						m.sec += r.two(0, 59)
						if r.skip('.') {
							m.atto = r.fraction()
						}
					}
				}
				r.skip('Z')
			}
		}
	}
	if r.bad || r.rest != "" {
		return 0, syntax(errTime)
	}
	var n int64
	var exact, ok bool
	if months := u.base == year || u.base == month; months && d == 1 && m == (moment{}) {
		// Years and months reach further than their days can be counted.
		var rest int64
		n, ok = u.fromYearMonth(y, int(mon))
		n, rest = divFloor(n, int64(u.num))
		exact = rest == 0 && (u.base == month || mon == 1)
	} else if m.days, ok = daysBefore(y, int(mon)); ok {
		if m.days, ok = add(m.days, d-1); ok {
			n, exact, ok = u.count(m)
		}
	}
	if !ok || r.over || n == NaT {
		return 0, strconv.ErrRange
	}
	if !exact {
		return 0, fmt.Errorf("%w: %w", strconv.ErrRange, errExact)
	}
	return n, nil
}

// isoReader takes a time apart. Once something is wrong, bad stays set.
type isoReader struct {
	rest string
	bad  bool // not a time
	over bool // a number beyond int64
}

func (r *isoReader) skip(c byte) bool {
	if r.rest == "" || r.rest[0] != c {
		return false
	}
	r.rest = r.rest[1:]
	return true
}

// number reads digits and tells how many there were.
func (r *isoReader) number() (n int64, width int) {
	for width < len(r.rest) && isDigit(r.rest[width]) {
		width++
	}
	n, ok := int64(0), true
	for _, c := range []byte(r.rest[:width]) {
		if n, ok = mul(n, 10); ok {
			n, ok = add(n, int64(c-'0'))
		}
		if !ok {
			r.over, n = true, 0
			break
		}
	}
	r.rest = r.rest[width:]
	return n, width
}

// two reads a number of two digits.
func (r *isoReader) two(min, max int64) int64 {
	n, width := r.number()
	if width != 2 || n < min || n > max {
		r.bad = true
		return min
	}
	return n
}

// fraction reads the places of a second as attoseconds.
func (r *isoReader) fraction() int64 {
	n, unit := int64(0), int64(attoSecond)
	width := 0
	for ; width < len(r.rest) && isDigit(r.rest[width]); width++ {
		d := int64(r.rest[width] - '0')
		if unit /= 10; unit == 0 && d != 0 {
			r.over = true
		}
		n += d * unit
	}
	r.bad = r.bad || width == 0
	r.rest = r.rest[width:]
	return n
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
