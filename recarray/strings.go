package recarray

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"
)

// ErrTooLong is wrapped by the error for a text that its field cannot hold.
var ErrTooLong = errors.New("text too long")

// StringColumn is a field of S or U of all records.
//
// S holds bytes and U code points, both padded with zeros at the end, which
// are no part of the value; zeros before the last other character are. So a
// value cannot end in a zero.
type StringColumn struct {
	c    column
	kind Kind
	size int // of a value in bytes
	name string
}

// Strings returns the column of a field of kind S or U. It is an error if there
// is no such field or its kind is another.
func Strings(a *Array, name string) (StringColumn, error) {
	c, dt, err := a.column(name)
	if err != nil {
		return StringColumn{}, err
	}
	if dt.kind != Bytes && dt.kind != Str {
		return StringColumn{}, fmt.Errorf("recarray: field %s is %s, which %s reads; Strings does not", quoted(name), dt.short(), reader(dt))
	}
	return newStringColumn(c, dt, name), nil
}

func newStringColumn(c column, dt *DType, name string) StringColumn {
	return StringColumn{c, dt.kind, dt.size, name}
}

// Len returns the number of values.
func (c StringColumn) Len() int { return c.c.n }

// Raw returns a copy of all bytes of the value of record i, padding included.
func (c StringColumn) Raw(i int) []byte { return append([]byte{}, bytesAt(c.c.at(i), c.size)...) }

// At returns the value of record i without its padding. The bytes of an S
// are taken as they are, UTF-8 or not. A U comes as UTF-8; what is no code
// point (half of a surrogate pair, a number above 0x10FFFF) comes as U+FFFD,
// and Raw has it as it is.
func (c StringColumn) At(i int) string {
	b := bytesAt(c.c.at(i), c.size)
	if c.kind == Bytes {
		return string(bytes.TrimRight(b, "\x00"))
	}
	var buf [64]byte // most texts fit: one allocation for the string
	return string(c.append(buf[:0], i))
}

// append appends the value of record i as At returns it.
func (c StringColumn) append(dst []byte, i int) []byte {
	b := bytesAt(c.c.at(i), c.size)
	if c.kind == Bytes {
		return append(dst, bytes.TrimRight(b, "\x00")...)
	}
	start := len(dst)
	for len(b) >= 4 {
		dst = appendCodePoint(dst, c.codePoint(b))
		b = b[4:]
	}
	// Zeros turned into zero bytes, and nothing else did.
	return dst[:start+len(bytes.TrimRight(dst[start:], "\x00"))]
}

func appendCodePoint(dst []byte, u uint32) []byte {
	if u < utf8.RuneSelf {
		return append(dst, byte(u))
	}
	if u > utf8.MaxRune {
		u = utf8.RuneError
	}
	return utf8.AppendRune(dst, rune(u)) // replaces surrogates
}

func (c StringColumn) codePoint(b []byte) uint32 {
	u := binary.NativeEndian.Uint32(b)
	if c.c.coded {
		u = decode(u)
	}
	return u
}

func (c StringColumn) putCodePoint(b []byte, u uint32) {
	if c.c.coded {
		u = decode(u)
	}
	binary.NativeEndian.PutUint32(b, u)
}

// Set writes the value of record i and pads it with zeros, so that At gives s
// back. It is an error, and the memory stays as it is, if s is too long for the
// field (wraps [ErrTooLong]), if it ends in a zero, which numpy could not tell
// from padding, or if it is not UTF-8 and the field is a U. It panics if there
// is no such record or if the view is read-only.
func (c StringColumn) Set(i int, s string) error {
	b := bytesAt(c.c.set(i), c.size)
	if strings.HasSuffix(s, "\x00") {
		return c.errorf(i, "%s ends in a zero, which would be lost as padding", quoted(s))
	}
	if c.kind == Bytes {
		if len(s) > len(b) {
			return c.errorf(i, "%w: %s has %d bytes, the field holds %d", ErrTooLong, quoted(s), len(s), len(b))
		}
		clear(b[copy(b, s):])
		return nil
	}
	if !utf8.ValidString(s) {
		return c.errorf(i, "%s is not UTF-8", quoted(s))
	}
	if n := utf8.RuneCountInString(s); n > len(b)/4 {
		return c.errorf(i, "%w: %s has %d characters, the field holds %d", ErrTooLong, quoted(s), n, len(b)/4)
	}
	c.put(b, s)
	return nil
}

// SetCut writes as much of s as the field holds, as numpy does without a word:
// of an S whole bytes, which may cut a character of UTF-8 in two, of a U whole
// code points. What is not UTF-8 becomes U+FFFD in a U. It returns whether
// anything was lost: whether At gives back something other than s. It panics
// as Set does.
func (c StringColumn) SetCut(i int, s string) (cut bool) {
	b := bytesAt(c.c.set(i), c.size)
	cut = strings.HasSuffix(s, "\x00")
	if c.kind == Bytes {
		clear(b[copy(b, s):])
		return cut || len(s) > len(b)
	}
	return c.put(b, s) || cut || !utf8.ValidString(s)
}

// put writes s as code points and returns whether some did not fit.
func (c StringColumn) put(b []byte, s string) (cut bool) {
	n := 0
	for _, r := range s {
		if n == len(b) {
			return true
		}
		c.putCodePoint(b[n:], uint32(r))
		n += 4
	}
	clear(b[n:])
	return false
}

func (c StringColumn) errorf(i int, format string, args ...any) error {
	return cellError(c.name, i, fmt.Errorf(format, args...))
}

// All returns an iterator over the record numbers and values.
func (c StringColumn) All() iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		for i := range c.c.n {
			if !yield(i, c.At(i)) {
				return
			}
		}
	}
}

// cellError names the cell that could not be written.
func cellError(name string, i int, err error) error {
	return fmt.Errorf("recarray: field %s, record %d: %w", quoted(name), i, err)
}
