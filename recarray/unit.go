package recarray

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// base is a unit of time. Its zero value is numpy's generic unit, which says
// nothing about what is counted.
type base uint8

const (
	generic base = iota
	year
	month
	week
	day
	hour
	minute
	second
	milli
	micro
	nano
	pico
	femto
	atto
)

// bases has the code that numpy writes in a dtype, the words it prints after
// a timedelta, and how many of the unit make the next coarser one (0 where
// the calendar decides).
var bases = [...]struct {
	code, words string
	per         int64
}{
	generic: {"generic", "generic time units", 0},
	year:    {"Y", "years", 0},
	month:   {"M", "months", 12},
	week:    {"W", "weeks", 0},
	day:     {"D", "days", 7},
	hour:    {"h", "hours", 24},
	minute:  {"m", "minutes", 60},
	second:  {"s", "seconds", 60},
	milli:   {"ms", "milliseconds", 1000},
	micro:   {"us", "microseconds", 1000},
	nano:    {"ns", "nanoseconds", 1000},
	pico:    {"ps", "picoseconds", 1000},
	femto:   {"fs", "femtoseconds", 1000},
	atto:    {"as", "attoseconds", 1000},
}

// unit is what one count of a datetime64 or timedelta64 stands for: num times
// the base, such as 25 seconds.
type unit struct {
	base base
	num  int32 // at least 1, but 0 for kinds without a unit
}

// String returns the unit as dtypes spell it: "[ns]", "[25s]", "" for generic.
func (u unit) String() string {
	if u.base == generic {
		return ""
	}
	return "[" + u.code() + "]"
}

// code is the unit without brackets.
func (u unit) code() string {
	if u.num == 1 {
		return bases[u.base].code
	}
	return strconv.Itoa(int(u.num)) + bases[u.base].code
}

// parseUnit reads what follows M8 or m8: nothing, or "[" [multiple] base
// ["/" divisor] "]".
func parseUnit(s string) (unit, error) {
	if s == "" {
		return unit{generic, 1}, nil
	}
	inner, ok := strings.CutPrefix(s, "[")
	if ok {
		inner, ok = strings.CutSuffix(inner, "]")
	}
	if !ok {
		return unit{}, fmt.Errorf("%s is not a time unit such as [ns]", quoted(s))
	}
	inner, div, hasDiv := strings.Cut(inner, "/")
	code := strings.TrimLeft(inner, "0123456789")
	u := unit{num: 1}
	if digits := inner[:len(inner)-len(code)]; digits != "" {
		n, err := strconv.ParseInt(digits, 10, 32)
		if err != nil || n == 0 {
			return unit{}, fmt.Errorf("the multiple of the time unit %s is not in 1 to %d", quoted(s), math.MaxInt32)
		}
		u.num = int32(n)
	}
	if u.base, ok = parseBase(code); !ok {
		return unit{}, fmt.Errorf("%s is not one of numpy's time units Y M W D h m s ms us ns ps fs as", quoted(code))
	}
	if u.base == generic {
		u.num = 1
	}
	if !hasDiv {
		return u, nil
	}
	d, err := strconv.ParseInt(div, 10, 32)
	if err != nil || d <= 0 || div[0] == '+' {
		return unit{}, fmt.Errorf("the divisor of the time unit %s is not in 1 to %d", quoted(s), math.MaxInt32)
	}
	return u.divide(d, s)
}

func parseBase(code string) (base, bool) {
	if code == "\u03bcs" { // numpy takes this micro sign and no other
		return micro, true
	}
	for b := range bases {
		if bases[b].code == code {
			return base(b), true
		}
	}
	return 0, false
}

// finer lists the units a divided unit may turn into, in numpy's order, and
// how many of them it holds. Years and months take numpy's round figures.
var finer = [...][]struct {
	base base
	n    int64
}{
	year:   {{month, 12}, {week, 52}, {day, 365}},
	month:  {{week, 4}, {day, 30}, {hour, 720}},
	week:   {{day, 7}, {hour, 168}, {minute, 10080}},
	day:    {{hour, 24}, {minute, 1440}, {second, 86400}},
	hour:   {{minute, 60}, {second, 3600}},
	minute: {{second, 60}, {milli, 60000}},
	second: {{milli, 1e3}, {micro, 1e6}},
	milli:  {{micro, 1e3}, {nano, 1e6}},
	micro:  {{nano, 1e3}, {pico, 1e6}},
	nano:   {{pico, 1e3}, {femto, 1e6}},
	pico:   {{femto, 1e3}, {atto, 1e6}},
	femto:  {{atto, 1e3}},
	atto:   {},
}

// divide folds a divisor into a multiple of a finer unit, as numpy does when
// it reads a dtype: [s/10] is [100ms].
func (u unit) divide(d int64, text string) (unit, error) {
	if d == 1 {
		return u, nil
	}
	for _, f := range finer[u.base] {
		if f.n%d != 0 {
			continue
		}
		n := int64(u.num) * (f.n / d)
		if n > math.MaxInt32 {
			return unit{}, fmt.Errorf("the time unit %s is more than %d %s", quoted(text), math.MaxInt32, bases[f.base].words)
		}
		return unit{f.base, int32(n)}, nil
	}
	return unit{}, fmt.Errorf("the divisor of the time unit %s does not divide a finer unit", quoted(text))
}
