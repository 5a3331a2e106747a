package recarray

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind is the sort of value a dtype describes: numpy's dtype.kind letter.
type Kind byte

const (
	Bool      Kind = 'b' // one byte; every value but 0 is true
	Int       Kind = 'i' // signed integer of 1, 2, 4 or 8 bytes
	Uint      Kind = 'u' // unsigned integer of 1, 2, 4 or 8 bytes
	Float     Kind = 'f' // IEEE 754 binary16, binary32 or binary64
	Bytes     Kind = 'S' // byte string, padded with zero bytes
	Str       Kind = 'U' // text, four bytes per code point, padded with zeros
	Datetime  Kind = 'M' // int64 count of a unit since 1970-01-01, UTC
	Timedelta Kind = 'm' // int64 count of a unit
	Struct    Kind = 'V' // a record with fields
)

// String returns the letter.
func (k Kind) String() string { return string(rune(k)) }

// DType is numpy's description of one value: its kind, size and byte order,
// and of a record its fields. It never changes after it is made and may be
// shared freely. Two of them are compared with Equal.
type DType struct {
	kind   Kind
	size   int  // bytes
	big    bool // stored most significant byte first; false where order means nothing
	unit   unit // Datetime and Timedelta
	fields []Field
	index  map[string]int // place in fields by name
	empty  bool           // AllowEmpty was asked for
}

// Field is one named column of a record.
type Field struct {
	Name   string
	DType  *DType
	Offset int // bytes from the start of the record
}

// nativeBig tells whether this machine stores the most significant byte first.
var nativeBig = binary.NativeEndian.Uint16([]byte{0, 1}) == 1

// maxItemsize is numpy's limit for the size of one item: a C int.
const maxItemsize = math.MaxInt32

// Kind returns the sort of value; Struct for a record.
func (dt *DType) Kind() Kind { return dt.kind }

// Itemsize returns the bytes one value takes; of a record with all its fields.
func (dt *DType) Itemsize() int { return dt.size }

// Fields returns a copy of the record's fields in their order; it is empty for
// any other kind.
func (dt *DType) Fields() []Field { return slices.Clone(dt.fields) }

// Field returns the field of that name, and whether there is one.
func (dt *DType) Field(name string) (Field, bool) {
	i, ok := dt.index[name]
	if !ok {
		return Field{}, false
	}
	return dt.fields[i], true
}

// Equal reports whether both describe the same bytes in the same way: kinds,
// sizes, byte orders, units, and the names, order and offsets of fields. It is
// == on numpy dtypes, but for units, which numpy also takes for equal when one
// is a thousand of the other (M8[1000ms] and M8[s]).
func (dt *DType) Equal(o *DType) bool {
	if dt == o {
		return true
	}
	if dt == nil || o == nil {
		return false
	}
	return dt.kind == o.kind && dt.size == o.size && dt.big == o.big && dt.unit == o.unit &&
		slices.EqualFunc(dt.fields, o.fields, func(f, g Field) bool {
			return f.Name == g.Name && f.Offset == g.Offset && f.DType.Equal(g.DType)
		})
}

// AllowEmpty returns the same dtype with leave to make tables whose S or U
// fields have length zero. [New] and [CreateNPY] refuse those otherwise: such a
// field keeps nothing of what is written to it, and is nearly always an array
// of strings whose length was lost on the way.
func (dt *DType) AllowEmpty() *DType {
	c := *dt
	c.empty = true
	return &c
}

// checkLengths refuses string fields of length zero, unless they were asked for.
func (dt *DType) checkLengths() error {
	if dt.empty {
		return nil
	}
	for _, f := range dt.fields {
		if k := f.DType.kind; (k == Bytes || k == Str) && f.DType.size == 0 {
			return fmt.Errorf("recarray: field %s is %s, a string of length zero: give it a length, such as '%v6'",
				quoted(f.Name), f.DType, k)
		}
	}
	return nil
}

// fieldNames lists the names for an error message, not too many of them.
func (dt *DType) fieldNames() string {
	const most = 12
	var names []string
	for i, f := range dt.fields {
		if i == most {
			names = append(names, fmt.Sprintf("and %d more", len(dt.fields)-most))
			break
		}
		names = append(names, quoted(f.Name))
	}
	return strings.Join(names, ", ")
}

// String returns numpy's str(dtype): the list form of a record, such as
// [('a', '<i4'), ('s', 'S6')], and of anything else a name ("float64") or a
// type string (">f8"). [ParseDType] reads it back equal.
func (dt *DType) String() string {
	switch {
	case dt == nil:
		return "<nil>"
	case dt.kind == Struct:
		return string(dt.appendList(nil, (*DType).short))
	case dt.kind == Bytes || dt.kind == Str:
		return dt.descr()
	case dt.big != nativeBig && dt.size > 1:
		return dt.descr()
	case dt.kind == Bool:
		return "bool"
	case dt.kind == Datetime:
		return "datetime64" + dt.unit.String()
	case dt.kind == Timedelta:
		return "timedelta64" + dt.unit.String()
	}
	name := map[Kind]string{Int: "int", Uint: "uint", Float: "float"}[dt.kind]
	return name + strconv.Itoa(8*dt.size)
}

// order is the first character of a type string.
func (dt *DType) order() string {
	switch {
	case dt.kind == Bool, dt.kind == Bytes, dt.size == 1:
		return "|"
	case dt.big:
		return ">"
	}
	return "<"
}

// descr is numpy's dtype.str, as .npy headers have it: "|i1", "<f8", "|S6".
func (dt *DType) descr() string {
	switch dt.kind {
	case Bool:
		return "|b1"
	case Str:
		return dt.order() + "U" + strconv.Itoa(dt.size/4)
	case Datetime:
		return dt.order() + "M8" + dt.unit.String()
	case Timedelta:
		return dt.order() + "m8" + dt.unit.String()
	}
	return dt.order() + string(rune(dt.kind)) + strconv.Itoa(dt.size)
}

// short is the type string inside numpy's list form: "i1", "<f8", "S6".
func (dt *DType) short() string {
	switch {
	case dt.kind == Bool:
		return "?"
	case dt.kind == Bytes && dt.size == 0:
		return "S"
	case dt.kind == Str && dt.size == 0:
		return dt.order() + "U"
	}
	return strings.TrimPrefix(dt.descr(), "|")
}

// appendList appends the list form, with types spelt by spell.
func (dt *DType) appendList(dst []byte, spell func(*DType) string) []byte {
	dst = append(dst, '[')
	for i, f := range dt.fields {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(dst, '(')
		dst = appendQuoted(dst, f.Name)
		dst = append(dst, ", '"...)
		dst = append(dst, spell(f.DType)...)
		dst = append(dst, "')"...)
	}
	return append(dst, ']')
}

// appendQuoted appends Python's repr of s.
func appendQuoted(dst []byte, s string) []byte {
	quote := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	dst = append(dst, quote)
	for i, r := range s {
		switch {
		case r == rune(quote) || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r == utf8.RuneError && s[i] != 0xef:
			dst = append(dst, `\ufffd`...) // not UTF-8: only error messages print such text
		case unicode.IsPrint(r):
			dst = utf8.AppendRune(dst, r)
		case r < 0x100:
			dst = fmt.Appendf(dst, `\x%02x`, r)
		case r < 0x10000:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		default:
			dst = fmt.Appendf(dst, `\U%08x`, r)
		}
	}
	return append(dst, quote)
}

// quoted is s for an error message: as Python prints it, cut when long.
func quoted(s string) string {
	const most = 40
	tail := ""
	if len(s) > most {
		cut := most
		for cut > most-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s, tail = s[:cut], "..."
	}
	return string(appendQuoted(nil, s)) + tail
}
