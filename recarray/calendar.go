package recarray

import "math"

// moment is a point in time on the proleptic Gregorian calendar, without leap
// seconds, as numpy has it: wide enough for every count of every unit.
type moment struct {
	days int64 // since 1970-01-01
	sec  int64 // of the day, 0 to 86399
	atto int64 // of the second, 0 to 1e18-1
}

const (
	daySeconds = 24 * 60 * 60
	attoSecond = 1e18
)

// perSecond returns how many of a unit finer than seconds make one.
func perSecond(b base) int64 {
	n := int64(1)
	for ; b > second; b-- {
		n *= 1000
	}
	return n
}

// perDay returns how many hours, minutes or seconds make a day.
func perDay(b base) int64 { return [...]int64{24, 24 * 60, daySeconds}[b-hour] }

// moment returns the start of the count n of unit u. It fails if the unit is
// generic or if the time is beyond what a moment holds.
func (u unit) moment(n int64) (m moment, ok bool) {
	n, ok = mul(n, int64(u.num))
	if !ok || u.base == generic {
		return m, false
	}
	switch b := u.base; {
	case b <= month:
		var y int64
		var mon int
		if y, mon, ok = u.yearMonth(n); ok {
			m.days, ok = daysBefore(y, mon)
		}
	case b == week:
		m.days, ok = mul(n, 7)
	case b == day:
		m.days = n
	case b <= second:
		m.days, m.sec = divFloor(n, perDay(b))
		m.sec *= daySeconds / perDay(b)
	default:
		per := perSecond(b)
		var sec int64
		sec, m.atto = divFloor(n, per)
		m.atto *= attoSecond / per
		m.days, m.sec = divFloor(sec, daySeconds)
	}
	return m, ok
}

// yearMonth returns the month in which n base units of years or months begin.
func (u unit) yearMonth(n int64) (y int64, mon int, ok bool) {
	mon = 1
	if u.base == month {
		var r int64
		n, r = divFloor(n, 12)
		mon += int(r)
	}
	y, ok = add(n, 1970)
	return y, mon, ok
}

// fromYearMonth is the way back, rounded down to years.
func (u unit) fromYearMonth(y int64, mon int) (n int64, ok bool) {
	n, ok = add(y, -1970)
	if ok && u.base == month {
		n, ok = join(n, 12, int64(mon)-1)
	}
	return n, ok
}

// count returns the count of unit u in which m lies, rounded down, and whether
// m is exactly its start. It fails if the unit is generic or the count is out
// of range; the least int64 stands for NaT and is.
func (u unit) count(m moment) (n int64, exact, ok bool) {
	rest := m.sec != 0 || m.atto != 0
	switch b := u.base; {
	case b == generic:
		return 0, false, false
	case b <= month:
		y, mon, d := date(m.days)
		rest = rest || d != 1 || b == year && mon != 1
		n, ok = u.fromYearMonth(y, mon)
	case b == week:
		var d int64
		n, d = divFloor(m.days, 7)
		rest, ok = rest || d != 0, true
	case b == day:
		n, ok = m.days, true
	case b <= second:
		step := daySeconds / perDay(b)
		rest = m.sec%step != 0 || m.atto != 0
		n, ok = join(m.days, perDay(b), m.sec/step)
	default:
		var sec int64
		if sec, ok = join(m.days, daySeconds, m.sec); ok {
			per := perSecond(b)
			step := attoSecond / per
			rest = m.atto%step != 0
			n, ok = join(sec, per, m.atto/step)
		}
	}
	if !ok {
		return 0, false, false
	}
	n, over := divFloor(n, int64(u.num))
	return n, !rest && over == 0, n != NaT
}

// The calendar repeats every 400 years. Years that begin in March put the leap
// day last, and then the months are five times 153 days, short of February's
// end: (153*m+2)/5 days lie before month m.
const (
	eraYears = 400
	eraDays  = 146097
	marchDay = 719468 - 4*eraDays // from 0000-03-01 to 1970-01-01, without whole eras
	marchEra = 4                  // those eras
)

// daysBefore returns the days from 1970-01-01 to the first of a month.
func daysBefore(y int64, month int) (days int64, ok bool) {
	m := int64(month) - 3
	if m < 0 {
		m += 12
		if y, ok = add(y, -1); !ok {
			return 0, false
		}
	}
	era, y := divFloor(y, eraYears)
	d := 365*y + y/4 - y/100 + (153*m+2)/5 - marchDay
	era -= marchEra
	if d < 0 { // join wants a remainder
		era, d = era-1, d+eraDays
	}
	return join(era, eraDays, d)
}

// date returns the date that lies so many days after 1970-01-01.
func date(days int64) (y int64, month, d int) {
	era, r := divFloor(days, eraDays)
	era += marchEra
	if r += marchDay; r >= eraDays {
		era, r = era+1, r-eraDays
	}
	// Take the leap days out: one in 4 years of 1461 days, none in 100 of
	// 36524, and the one that ends the era.
	yoe := (r - r/1460 + r/36524 - r/146096) / 365
	doy := r - (365*yoe + yoe/4 - yoe/100)
	m := (5*doy + 2) / 153
	d = int(doy-(153*m+2)/5) + 1
	y = era*eraYears + yoe
	if m += 3; m > 12 {
		m -= 12
		y++
	}
	return y, int(m), d
}

// daysIn returns the length of a month.
func daysIn(y int64, month int) int {
	switch {
	case month == 2 && y%4 == 0 && (y%100 != 0 || y%400 == 0):
		return 29
	case month == 2:
		return 28
	case month == 4, month == 6, month == 9, month == 11:
		return 30
	}
	return 31
}

// divFloor divides by d > 0, rounding down; the remainder is not negative.
func divFloor(n, d int64) (q, r int64) {
	q, r = n/d, n%d
	if r < 0 {
		q, r = q-1, r+d
	}
	return q, r
}

// join returns hi*k+lo for 0 <= lo < k. It fails only if the result does not
// fit, even where hi*k alone does not.
func join(hi, k, lo int64) (int64, bool) {
	if hi < 0 {
		hi, lo = hi+1, lo-k
	}
	n, ok := mul(hi, k)
	if !ok {
		return 0, false
	}
	return add(n, lo)
}

func add(a, b int64) (int64, bool) {
	s := a + b
	return s, (s < a) == (b < 0)
}

// mul multiplies by b > 0.
func mul(a, b int64) (int64, bool) {
	if b == 1 {
		return a, true
	}
	return a * b, a <= math.MaxInt64/b && a >= math.MinInt64/b
}
