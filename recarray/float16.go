package recarray

import "math"

// Float16 is the bits of an IEEE 754 binary16 number, numpy's float16: one bit
// of sign, five of exponent, ten of fraction.
type Float16 uint16

// NewFloat16 returns the number nearest to x, of two equally near the even
// one. What is too large becomes an infinity, a NaN some NaN.
func NewFloat16(x float64) Float16 {
	b := math.Float64bits(x)
	sign := Float16(b >> 48 & 0x8000)
	exp := int(b>>52&0x7ff) - 1023
	frac := b & (1<<52 - 1)
	switch {
	case exp == 1024 && frac != 0:
		return sign | 0x7e00 | Float16(frac>>42)
	case exp > 15:
		return sign | 0x7c00
	case exp < -25:
		return sign // less than half of the least number
	}
	// The fraction is 10 bits long for numbers from 2^-14 on, and one shorter
	// for each power below.
	drop := 42
	half := uint64(exp+15) << 10
	if exp < -14 {
		drop += -14 - exp
		half = 0
		frac |= 1 << 52
	}
	half += frac >> drop
	rest := frac & (1<<drop - 1)
	if tie := uint64(1) << (drop - 1); rest > tie || rest == tie && half&1 == 1 {
		half++ // a carry out of the fraction is the next power, and at last infinity
	}
	return sign | Float16(half)
}

// Float32 returns the number, which a float32 holds exactly.
func (f Float16) Float32() float32 {
	// In the place of a float32's fraction and exponent it is the number
	// divided by 2^112, subnormal or not; multiplying is exact.
	b := uint32(f&0x7fff) << 13
	if b < 0x1f<<23 {
		b = math.Float32bits(math.Float32frombits(b) * 0x1p112)
	} else {
		b |= 0xff << 23 // infinities and NaNs
	}
	return math.Float32frombits(b | uint32(f&0x8000)<<16)
}

// IsNaN reports whether f is not a number.
func (f Float16) IsNaN() bool { return f&0x7fff > 0x7c00 }
