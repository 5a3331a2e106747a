package recarray

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A .npy image is
//
//	offset  size  what
//	     0     6  magic: 0x93 "NUMPY"
//	     6     2  version: 1, 2 or 3, and 0
//	     8   2|4  length of the text, little-endian: 2 bytes in version 1
//	 10|12        text: a dict of descr, fortran_order and shape as Python prints
//	              it, in Latin-1 (versions 1 and 2) or UTF-8, then spaces and \n
//	   64*        the records
//
// The first 8 bytes are published last: until they are there the image is
// unfinished.

// ErrFormat is wrapped by the error of OpenNPY for bytes that are no .npy image
// of records, or one whose records are not all there.
var ErrFormat = errors.New("not a .npy image")

// ErrUnfinished is wrapped by the error of OpenNPY for an image that nobody has
// published yet: its first 8 bytes are zero.
var ErrUnfinished = errors.New("unfinished .npy image")

const (
	npyMagic = "\x93NUMPY"
	npyAlign = 64

	// maxHeader is the longest text written or read. A text costs its reader
	// some ten times its length; this one describes 40 000 fields or so.
	maxHeader = 1 << 20
)

// NPYSize returns how many bytes n records of dt take as a .npy image: exactly
// the size of the file that numpy.save writes. The errors are those of
// [CreateNPY].
func NPYSize(dt *DType, n int) (int, error) {
	head, err := npyHeader(dt, n)
	if err != nil {
		return 0, err
	}
	return npyTotal(len(head), dt, n)
}

func npyTotal(head int, dt *DType, n int) (int, error) {
	if dt.size > 0 && n > (math.MaxInt-head)/dt.size {
		return 0, fmt.Errorf("recarray: %d records of %d bytes are more than memory holds", n, dt.size)
	}
	return head + n*dt.size, nil
}

// CreateNPY makes buf a .npy image of n records and returns a view of them. It
// writes the header that numpy.save writes, its first 8 bytes last and in one
// piece, and leaves the records' bytes as they are; so in a buffer of exactly
// [NPYSize] bytes, zeroed before, it leaves what numpy.save writes for
// numpy.zeros(n, dt). buf may be longer.
//
// It is an error, and buf stays as it is, if it is too short, if n is negative,
// if a field is a string of length zero and [DType.AllowEmpty] was not called,
// or if the header is longer than 1 MiB. A dtype that is no record is not
// supported yet. numpy.load refuses headers above 10 000 characters, some 400
// fields, unless told max_header_size.
func CreateNPY(buf []byte, dt *DType, n int) (*Array, error) {
	head, err := npyHeader(dt, n)
	if err != nil {
		return nil, err
	}
	size, err := npyTotal(len(head), dt, n)
	if err != nil {
		return nil, err
	}
	if size > len(buf) {
		return nil, fmt.Errorf("recarray: a .npy image of %d records takes %d bytes, there are %d", n, size, len(buf))
	}
	a, err := view(buf[len(head):], dt, n)
	if err != nil {
		return nil, err
	}
	storeHead(buf, [8]byte{})
	copy(buf[8:], head[8:])
	storeHead(buf, [8]byte(head))
	return a, nil
}

// npyHeader returns everything before the records.
func npyHeader(dt *DType, n int) ([]byte, error) {
	if err := checkRecord(dt); err != nil {
		return nil, err
	}
	if err := dt.checkLengths(); err != nil {
		return nil, err
	}
	if n < 0 {
		return nil, fmt.Errorf("recarray: %d records", n)
	}
	text := append([]byte(nil), "{'descr': "...)
	text = dt.appendList(text, (*DType).descr)
	count := strconv.Itoa(n)
	text = append(text, ", 'fortran_order': False, 'shape': ("+count+",), }"...)
	// numpy leaves room for the number of records to grow to 21 digits.
	for range 21 - len(count) {
		text = append(text, ' ')
	}
	version := byte(1)
	if latin, ok := toLatin1(text); ok {
		text = latin
	} else {
		version = 3
	}
	length := func(prefix int) int {
		return len(text) + npyAlign - (prefix+len(text)+1)%npyAlign + 1
	}
	prefix := 10
	if version == 3 || length(prefix) > math.MaxUint16 {
		version = max(version, 2)
		prefix = 12
	}
	l := length(prefix)
	if l > maxHeader {
		return nil, fmt.Errorf("recarray: a header of %d bytes, the limit is %d", l, maxHeader)
	}
	head := make([]byte, 0, prefix+l)
	head = append(head, npyMagic...)
	head = append(head, version, 0)
	if prefix == 10 {
		head = binary.LittleEndian.AppendUint16(head, uint16(l))
	} else {
		head = binary.LittleEndian.AppendUint32(head, uint32(l))
	}
	head = append(head, text...)
	for len(head) < prefix+l-1 {
		head = append(head, ' ')
	}
	return append(head, '\n'), nil
}

// toLatin1 turns UTF-8 into Latin-1, where every character has one byte.
func toLatin1(text []byte) ([]byte, bool) {
	latin := make([]byte, 0, len(text))
	for _, r := range string(text) {
		if r > 0xff {
			return nil, false
		}
		latin = append(latin, byte(r))
	}
	return latin, true
}

// fromLatin1 is the way back.
func fromLatin1(text []byte) string {
	var b strings.Builder
	for _, c := range text {
		b.WriteRune(rune(c))
	}
	return b.String()
}

// OpenNPY returns a view of the records of the .npy image at the start of buf,
// which may be longer, with the dtype and the number of records that its header
// names. The header is copied before it is read, whatever it says: memory that
// another process may write is safe to open. String fields of length zero are
// accepted, as one must be able to look at them; records of no bytes at all may
// be any number of records.
//
// The error wraps [ErrUnfinished] if the first 8 bytes are zero, and
// [errors.ErrUnsupported] if the image is good but holds no one-dimensional
// array of records that [ParseDType] reads: other shapes, dtypes that are no
// records, padding. Anything else wraps [ErrFormat]: no magic, a version that
// is not 1, 2 or 3, a header that is none of numpy's, is longer than 1 MiB or
// ends outside buf, a dtype that is refused, records that end outside buf.
func OpenNPY(buf []byte) (*Array, error) {
	a, err := openNPY(buf)
	return a, npyError(err)
}

func openNPY(buf []byte) (*Array, error) {
	if len(buf) < 8 {
		return nil, fmt.Errorf("%d bytes", len(buf))
	}
	after := bytes.NewReader(buf[8:])
	dt, n, err := readHeader(loadHead(buf), after)
	if err != nil {
		return nil, err
	}
	records := buf[len(buf)-after.Len():]
	if dt.size > 0 && n > len(records)/dt.size {
		return nil, fmt.Errorf("%d records of %d bytes in %d bytes", n, dt.size, len(records))
	}
	return view(records, dt, n)
}

// ReadNPYHeader reads the header of a .npy file and returns the dtype and the
// number of its records, which r gives next. Nothing behind the header is read.
//
// The error is r's own, or one that wraps what [OpenNPY]'s would.
func ReadNPYHeader(r io.Reader) (dt *DType, n int, err error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, 0, npyError(early(err))
	}
	dt, n, err = readHeader(head, r)
	return dt, n, npyError(err)
}

// npyError sorts what went wrong.
func npyError(err error) error {
	var other readError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &other):
		return other.error
	case errors.Is(err, ErrUnfinished), errors.Is(err, errors.ErrUnsupported):
		return fmt.Errorf("recarray: %w", err)
	}
	return fmt.Errorf("recarray: %w: %w", ErrFormat, err)
}

// readError is an error of the reader, which says nothing of the format.
type readError struct{ error }

// early tells an image that ends too early from a reader that fails.
func early(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errors.New("it ends within its header")
	}
	return readError{err}
}

// readHeader reads what follows the first 8 bytes of an image, up to its
// records. The parser gets a copy, which nobody changes under its hands.
func readHeader(head [8]byte, r io.Reader) (*DType, int, error) {
	if head == ([8]byte{}) {
		return nil, 0, ErrUnfinished
	}
	if string(head[:6]) != npyMagic {
		return nil, 0, fmt.Errorf("it begins with % x", head[:6])
	}
	version := head[6]
	if version < 1 || version > 3 || head[7] != 0 {
		return nil, 0, fmt.Errorf("version %d.%d", head[6], head[7])
	}
	var size [4]byte
	if _, err := io.ReadFull(r, size[:min(2*version, 4)]); err != nil {
		return nil, 0, early(err)
	}
	length := binary.LittleEndian.Uint32(size[:])
	if length > maxHeader {
		return nil, 0, fmt.Errorf("a header of %d bytes, the limit is %d", length, maxHeader)
	}
	raw, err := io.ReadAll(io.LimitReader(r, int64(length))) // takes no more memory than there is text
	if err == nil && len(raw) < int(length) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, 0, early(err)
	}
	text := string(raw)
	if version < 3 {
		text = fromLatin1(raw)
	} else if !utf8.ValidString(text) {
		return nil, 0, errors.New("a header that is not UTF-8")
	}
	p := parser{text: text, npy: true, long: version < 3}
	dt, n, err := p.header()
	if err != nil {
		return nil, 0, fmt.Errorf("header: %w", err)
	}
	return dt, n, nil
}

// header reads the dict of a header: each of its keys once, in any order.
func (p *parser) header() (dt *DType, n int, err error) {
	if err := p.expect('{'); err != nil {
		return nil, 0, err
	}
	seen := map[string]bool{}
	for !p.accept('}') {
		if !p.atString() {
			return nil, 0, p.errorf("a key that is no string")
		}
		start := p.pos
		key, err := p.str()
		if err == nil {
			err = p.expect(':')
		}
		if err == nil && seen[key] {
			err = p.errorAt(start, fmt.Errorf("%s is there twice", quoted(key)))
		}
		if err == nil {
			switch key {
			case "descr":
				dt, err = p.descr()
			case "fortran_order":
				// Both orders are the same in one dimension.
				if word := p.word(); word != "True" && word != "False" {
					err = p.errorf("fortran_order is no bool")
				}
			case "shape":
				n, err = p.shape()
			default:
				err = p.errorAt(start, fmt.Errorf("the key %s", quoted(key)))
			}
		}
		if err != nil {
			return nil, 0, err
		}
		seen[key] = true
		if !p.accept(',') {
			if err := p.expect('}'); err != nil {
				return nil, 0, err
			}
			break
		}
	}
	if len(seen) != 3 {
		return nil, 0, p.errorf("descr, fortran_order or shape is missing")
	}
	if !p.end() {
		return nil, 0, p.errorf("text after the dict")
	}
	return dt, n, nil
}

// descr reads the dtype of a header.
func (p *parser) descr() (*DType, error) {
	switch c := p.peek(); {
	case c == '[':
		return p.list()
	case p.atString():
		dt, err := p.typeString()
		if err == nil {
			err = p.notYet(fmt.Sprintf("an array of %s instead of records", dt), "save a structured array")
		}
		return nil, err
	case c == '(':
		return nil, p.notYet("a subarray", "save a structured array")
	}
	return nil, p.errorf("descr is no dtype")
}

// shape reads a tuple with the number of records.
func (p *parser) shape() (int, error) {
	if err := p.expect('('); err != nil {
		return 0, err
	}
	var dims []int
	for !p.accept(')') {
		p.space()
		start := p.pos
		for p.pos < len(p.text) && isDigit(p.text[p.pos]) {
			p.pos++
		}
		n, err := strconv.Atoi(p.text[start:p.pos])
		if errors.Is(err, strconv.ErrRange) {
			p.pos = start
			return 0, p.errorf("shape with a length that takes more than the %d bits of this process", strconv.IntSize)
		}
		if err != nil {
			p.pos = start
			return 0, p.errorf("shape is no tuple of lengths")
		}
		if p.long && p.pos < len(p.text) && p.text[p.pos] == 'L' {
			p.pos++ // a long integer of Python 2
		}
		dims = append(dims, n)
		if len(dims) > 64 {
			return 0, p.errorf("more dimensions than numpy has")
		}
		if p.accept(',') {
			continue
		}
		if len(dims) == 1 {
			return 0, p.errorf("shape is no tuple")
		}
		if err := p.expect(')'); err != nil {
			return 0, err
		}
		break
	}
	if len(dims) != 1 {
		return 0, p.notYet(fmt.Sprintf("an array of %d dimensions", len(dims)), "save a.ravel()")
	}
	return dims[0], nil
}
