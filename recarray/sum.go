package recarray

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Real is a Go type of a floating point field.
type Real interface{ Float16 | float32 | float64 }

// Signed is a Go type of a field that numpy sums as int64.
type Signed interface {
	bool | int8 | int16 | int32 | int64
}

// Unsigned is a Go type of a field that numpy sums as uint64.
type Unsigned interface {
	uint8 | uint16 | uint32 | uint64
}

// Sum returns the sum of all values, the very bits that numpy.sum gives for an
// aligned array in native order since numpy 2.3 (only the sign and the payload
// of a NaN are the processor's): numbers are added pairwise, in blocks of up to
// 128 in eight accumulators. Earlier numpys, and later ones where the field is
// unaligned or swapped, do so for every 8192 values and add those sums in
// order, which may differ in the last bits; up to 8192 values all agree.
// Halves are added as float32 and rounded once. The sum of nothing is 0.
func Sum[T Real](c Column[T]) T { return sumReals(c, false) }

// NanSum is Sum with every NaN taken for 0, numpy.nansum. The sum of nothing
// but NaNs is 0.
func NanSum[T Real](c Column[T]) T { return sumReals(c, true) }

// SumInt returns the sum of signed integers, or the number of true bools, as
// numpy.sum does on a 64-bit system. It wraps around. The raw counts of M8 and
// m8 are added like any others, NaT too; [Array.Reduce] minds them.
func SumInt[T Signed](c Column[T]) int64 {
	var s int64
	switch c := any(c).(type) {
	case Column[bool]:
		for _, v := range c.All() {
			if v {
				s++
			}
		}
	case Column[int8]:
		return int64(sumInts(c))
	case Column[int16]:
		return int64(sumInts(c))
	case Column[int32]:
		return int64(sumInts(c))
	case Column[int64]:
		return int64(sumInts(c))
	}
	return s
}

// SumUint returns the sum of unsigned integers, as numpy.sum does on a 64-bit
// system. It wraps around.
func SumUint[T Unsigned](c Column[T]) uint64 { return sumInts(c) }

func sumInts[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64](c Column[T]) uint64 {
	var s uint64
	for i := range c.c.n {
		s += uint64(c.At(i))
	}
	return s
}

// Reduce does the reduction op over a field: "sum" or "nansum", which differ
// only for floats. The result has the type that numpy's has: float64, float32
// or [Float16] for a float of that width, int64 for signed integers and bools,
// uint64 for unsigned integers. For a timedelta it is an int64, the count of
// the field's unit, and NaT if any value is, whatever op; it wraps around, as
// numpy's did before 2.5. It is an error if there is no such op or field, or if
// numpy does not add values of the field's kind: M8, S and U.
func (a *Array) Reduce(op, field string) (any, error) {
	ops := []string{"sum", "nansum"}
	if !slices.Contains(ops, op) {
		return nil, fmt.Errorf("recarray: no reduction %s; there are %s", quoted(op), strings.Join(ops, " and "))
	}
	c, dt, err := a.column(field)
	if err != nil {
		return nil, err
	}
	nan := op == "nansum"
	switch (element{dt.kind, dt.size}) {
	case element{Bool, 1}:
		c.coded = true
		return SumInt(Column[bool]{c}), nil
	case element{Int, 1}:
		return SumInt(Column[int8]{c}), nil
	case element{Int, 2}:
		return SumInt(Column[int16]{c}), nil
	case element{Int, 4}:
		return SumInt(Column[int32]{c}), nil
	case element{Int, 8}:
		return SumInt(Column[int64]{c}), nil
	case element{Uint, 1}:
		return SumUint(Column[uint8]{c}), nil
	case element{Uint, 2}:
		return SumUint(Column[uint16]{c}), nil
	case element{Uint, 4}:
		return SumUint(Column[uint32]{c}), nil
	case element{Uint, 8}:
		return SumUint(Column[uint64]{c}), nil
	case element{Float, 2}:
		return sumReals(Column[Float16]{c}, nan), nil
	case element{Float, 4}:
		return sumReals(Column[float32]{c}, nan), nil
	case element{Float, 8}:
		return sumReals(Column[float64]{c}, nan), nil
	case element{Timedelta, 8}:
		return sumSpans(Column[int64]{c}), nil
	}
	return nil, fmt.Errorf("recarray: %s of field %s: numpy does not add values of %s", op, quoted(field), dt.short())
}

// sumSpans adds timedeltas, among which a NaT makes the sum NaT.
func sumSpans(c Column[int64]) int64 {
	var s int64
	for _, n := range c.All() {
		if n == NaT {
			return NaT
		}
		s += n
	}
	return s
}

func sumReals[T Real](c Column[T], nan bool) T {
	switch c := any(c).(type) {
	case Column[float64]:
		return any(sumPairwise[float64](c.c, 8, nan)).(T)
	case Column[float32]:
		return any(sumPairwise[float32](c.c, 4, nan)).(T)
	}
	s := sumPairwise[float32](any(c).(Column[Float16]).c, 2, nan)
	return any(NewFloat16(float64(s))).(T)
}

func sumPairwise[A float32 | float64](c column, size int, nan bool) A {
	if c.n == 0 {
		return 0
	}
	half := size == 2
	p := pairwise[A]{skip: nan, half: half, direct: unaligned && !half && !c.coded}
	return 0 + p.sum(c) // the 0 makes the sum of -0.0 alone 0.0
}

// block is how many values are added without being halved further.
const block = 128

// pairwise adds floats by numpy's rule.
type pairwise[A float32 | float64] struct {
	skip   bool // take a NaN for 0
	half   bool // the values are Float16, to be added as float32
	direct bool // they can be added where they are
	nans   int  // blocks to go in which NaNs are expected
	buf    [block]A
}

func (p *pairwise[A]) sum(c column) A {
	if c.n > block {
		half := c.n / 2
		half -= half % 8
		return p.sum(c.part(0, half)) + p.sum(c.part(half, c.n))
	}
	if p.direct {
		return p.addDirect(c)
	}
	v := p.buf[:c.n]
	if p.half {
		for i := range v {
			v[i] = A(Column[Float16]{c}.At(i).Float32())
		}
	} else {
		for i := range v {
			v[i] = Column[A]{c}.At(i)
		}
	}
	if p.skip {
		for i := range v {
			v[i] = zeroNaN(v[i])
		}
	}
	return addBlock[A](bufferOf(v))
}

// addDirect adds a block where it is. A sum that is no NaN had none to skip, so
// the plain way is tried first, unless NaNs were met lately: where there are
// some, more will follow.
func (p *pairwise[A]) addDirect(c column) A {
	if p.nans == 0 {
		if s := addBlock[A](c); s == s || !p.skip {
			return s
		}
		p.nans = 16
	}
	p.nans--
	return addBlockNaN[A](c)
}

// zeroNaN returns x, or 0 if x is not a number. It compares the bits, which
// takes no branch: nobody can foretell where the next NaN will be.
func zeroNaN[A float32 | float64](x A) A {
	u := math.Float64bits(float64(x))
	if u<<1 > 0x7ff<<53 {
		u = 0
	}
	return A(math.Float64frombits(u))
}
