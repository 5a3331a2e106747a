package recarray

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ParseDType reads a dtype from the text numpy prints for it: the list form
// of a record,
//
//	[('date', '<M8[ns]'), ('val', '<f8'), ('sym', 'S6')]
//
// bare or as numpy wraps it, dtype([...]), np.dtype([...]) and
// (numpy.record, [...]); or a single type such as '<f8', int32 or
// datetime64[ns]. White space is free and trailing commas are allowed, as in
// Python. Fields lie packed, one behind the other; an empty name becomes f0,
// f1 and so on by its place.
//
// Types are ? i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8, S<n>, U<n>, and M8 and m8 with
// any unit, in either byte order (= and | and none are this machine's), by
// numpy's letters or names. Names whose size depends on the platform (int,
// uint, long, intp) are refused: write int32 or int64.
//
// What numpy refuses is refused: a name twice, a type it does not know, an
// item of 2 GiB and more. So are objects ('O', 'T'), whose bytes are pointers
// into one process. Complex numbers, long doubles, voids, nested records,
// subarrays, titles, the dict form, the comma form and align=True are not
// supported yet; the error wraps [errors.ErrUnsupported]. Every error names
// the byte of text where it was found, counted from 0, and the field.
func ParseDType(text string) (*DType, error) {
	p := parser{text: text}
	dt, err := p.dtype()
	if err == nil && !p.end() {
		err = p.errorf("text after the dtype")
	}
	if err != nil {
		return nil, fmt.Errorf("recarray: dtype: %w", err)
	}
	return dt, nil
}

// parser walks over a literal of Python. The text is the caller's or a copy:
// nobody changes it on the way.
type parser struct {
	text  string
	pos   int
	field int    // the place of the field that errors are about, from 1; 0 is none
	name  string // its name, once known
	npy   bool   // a header's descr: lists for tuples, and no name is made up
	long  bool   // integers may end in L, as Python 2 wrote them
}

func (p *parser) errorf(format string, args ...any) error {
	return p.errorAt(p.pos, fmt.Errorf(format, args...))
}

func (p *parser) errorAt(pos int, err error) error {
	switch {
	case p.name != "":
		return fmt.Errorf("at byte %d, field %s: %w", pos, quoted(p.name), err)
	case p.field > 0:
		return fmt.Errorf("at byte %d, field %d: %w", pos, p.field-1, err)
	}
	return fmt.Errorf("at byte %d: %w", pos, err)
}

// notYet is the error for what numpy knows and this package does not.
func (p *parser) notYet(what, cure string) error {
	return p.errorAt(p.pos, notYet(what, cure))
}

func notYet(what, cure string) error { return &notYetError{what, cure} }

type notYetError struct{ what, cure string }

func (e *notYetError) Error() string { return e.what + " is not supported yet: " + e.cure }
func (e *notYetError) Unwrap() error { return errors.ErrUnsupported }

func (p *parser) space() {
	for p.pos < len(p.text) && strings.IndexByte(" \t\n\r\f", p.text[p.pos]) >= 0 {
		p.pos++
	}
}

// peek returns the next character that is not white space, 0 at the end.
func (p *parser) peek() byte {
	p.space()
	if p.pos == len(p.text) {
		return 0
	}
	return p.text[p.pos]
}

func (p *parser) end() bool {
	p.space()
	return p.pos == len(p.text)
}

// accept skips c if it comes next.
func (p *parser) accept(c byte) bool {
	if p.peek() != c || p.end() {
		return false
	}
	p.pos++
	return true
}

func (p *parser) expect(c byte) error {
	if p.accept(c) {
		return nil
	}
	if p.end() {
		return p.errorf("the text ends where %q should be", c)
	}
	return p.errorf("%q where %q should be", p.char(), c)
}

// char is the character at the place of an error.
func (p *parser) char() rune {
	r, _ := utf8.DecodeRuneInString(p.text[p.pos:])
	return r
}

// word reads a dotted name.
func (p *parser) word() string {
	p.space()
	start := p.pos
	for p.pos < len(p.text) && isWord(p.text[p.pos]) {
		p.pos++
	}
	return p.text[start:p.pos]
}

func isWord(c byte) bool {
	return c == '_' || c == '.' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// atString tells whether a string literal comes next.
func (p *parser) atString() bool {
	c := p.peek()
	if (c == 'u' || c == 'U') && p.pos+1 < len(p.text) {
		c = p.text[p.pos+1]
	}
	return c == '\'' || c == '"'
}

const useList = "write the fields as a list of (name, type) tuples"

// dtype reads a whole dtype, wrapped or not.
func (p *parser) dtype() (*DType, error) {
	if p.end() {
		return nil, p.errorf("the text is empty")
	}
	if p.atLiteral() {
		return p.value()
	}
	start := p.pos
	word := p.word()
	if p.peek() == '(' && (word == "dtype" || word == "np.dtype" || word == "numpy.dtype") {
		return p.call()
	}
	// A bare type string goes on to the end; inside a call to its bracket.
	stop := len(p.text)
	if i := strings.IndexAny(p.text[start:], "()"); i >= 0 {
		stop = start + i
	}
	p.pos = start
	dt, err := parseType(strings.TrimRight(p.text[start:stop], " \t\n\r\f"))
	if err != nil {
		return nil, p.errorAt(start, err)
	}
	p.pos = stop
	return dt, nil
}

// call reads "(value)" behind dtype.
func (p *parser) call() (*DType, error) {
	p.accept('(')
	if !p.atLiteral() {
		return nil, p.errorf("dtype(...) of something that is no literal")
	}
	dt, err := p.value()
	if err != nil {
		return nil, err
	}
	if p.accept(',') && p.peek() != ')' {
		if p.word() == "align" {
			return nil, p.notYet("align=", "leave it out where the fields are meant to be packed")
		}
		return nil, p.errorf("an argument of dtype that is not known")
	}
	return dt, p.expect(')')
}

// atLiteral tells whether a literal of Python follows that may be a dtype.
func (p *parser) atLiteral() bool {
	c := p.peek()
	return c == '[' || c == '{' || c == '(' || p.atString()
}

// value reads a dtype that is a literal.
func (p *parser) value() (*DType, error) {
	switch c := p.peek(); {
	case c == '[':
		return p.list()
	case c == '{':
		return nil, p.notYet("the dict form of a dtype", useList)
	case c == '(':
		return p.tuple()
	case p.atString():
		return p.typeString()
	}
	if p.end() {
		return nil, p.errorf("the text ends where a type should be")
	}
	return nil, p.errorf("%q where a type in quotes should be", p.char())
}

// tuple reads "(numpy.record, [...])". Whether a dtype makes numpy hand out
// numpy.record or plain voids is nothing to its bytes.
func (p *parser) tuple() (*DType, error) {
	start := p.pos
	p.accept('(')
	if c := p.peek(); c == '[' || c == '(' || c == '{' || p.atString() {
		p.pos = start
		return nil, p.notYet("a subarray (type, shape)", "give every element a field of its own")
	}
	switch word := p.word(); word {
	case "numpy.record", "np.record", "record", "numpy.void", "np.void":
	case "":
		p.pos = start
		return nil, p.errorf("a tuple that is no dtype")
	default:
		p.pos = start
		return nil, p.notYet("a dtype based on "+quoted(word), useList)
	}
	if err := p.expect(','); err != nil {
		return nil, err
	}
	if p.peek() != '[' && p.peek() != '{' {
		return nil, p.errorf("a record without a list of fields")
	}
	dt, err := p.value()
	if err != nil {
		return nil, err
	}
	p.accept(',')
	return dt, p.expect(')')
}

// list reads the fields of a record.
func (p *parser) list() (*DType, error) {
	p.accept('[')
	dt := &DType{kind: Struct, index: map[string]int{}}
	for !p.accept(']') {
		f, pos, err := p.item(len(dt.fields))
		if err != nil {
			return nil, err
		}
		if _, taken := dt.index[f.Name]; taken {
			return nil, p.errorAt(pos, fmt.Errorf("the name %s is there twice", quoted(f.Name)))
		}
		if f.DType.size > maxItemsize-dt.size {
			return nil, p.errorAt(pos, fmt.Errorf("with %s a record is larger than numpy's limit of %d bytes", quoted(f.Name), maxItemsize))
		}
		f.Offset = dt.size
		dt.size += f.DType.size
		dt.index[f.Name] = len(dt.fields)
		dt.fields = append(dt.fields, f)
		p.field, p.name = 0, ""
		if !p.accept(',') {
			if err := p.expect(']'); err != nil {
				return nil, err
			}
			break
		}
	}
	return dt, nil
}

// item reads one (name, type) and tells where its name stands.
func (p *parser) item(i int) (f Field, pos int, err error) {
	p.field = i + 1
	shut := byte(')')
	switch c := p.peek(); {
	case c == '(':
	case c == '[' && p.npy:
		shut = ']'
	default:
		return f, 0, p.expect('(')
	}
	p.pos++
	if c := p.peek(); c == '(' || c == '[' {
		return f, 0, p.notYet("a title", "give the field a name alone")
	}
	if !p.atString() {
		return f, 0, p.errorf("the name of a field is no string")
	}
	pos = p.pos
	if f.Name, err = p.str(); err != nil {
		return f, 0, err
	}
	if f.Name == "" {
		if p.npy {
			return f, 0, p.errorAt(pos, notYet("padding or a field without a name", "save an array with packed fields (numpy.lib.recfunctions.repack_fields)"))
		}
		f.Name = "f" + strconv.Itoa(i)
	}
	p.name = f.Name
	if err = p.expect(','); err != nil {
		return f, 0, err
	}
	switch c := p.peek(); {
	case c == '[':
		return f, 0, p.notYet("a nested record", "write its fields into the outer one")
	case strings.HasPrefix(p.text[p.pos:], "dtype("):
		return f, 0, p.notYet("dtype(...) inside a dtype", "write the type alone")
	}
	if f.DType, err = p.value(); err != nil {
		return f, 0, err
	}
	if p.accept(',') && p.peek() != shut {
		return f, 0, p.notYet("a subarray (name, type, shape)", "give every element a field of its own")
	}
	return f, pos, p.expect(shut)
}

// typeString reads a type in quotes.
func (p *parser) typeString() (*DType, error) {
	p.space()
	start := p.pos
	s, err := p.str()
	if err != nil {
		return nil, err
	}
	dt, err := parseType(s)
	if err != nil {
		if p.name != "" && errors.Is(err, errObject) {
			err = fmt.Errorf("%w; in pandas: to_records(column_dtypes={%s: 'S6'})", err, quoted(p.name))
		}
		return nil, p.errorAt(start, err)
	}
	return dt, nil
}

// str reads a string literal of Python.
func (p *parser) str() (string, error) {
	p.space()
	if c := p.text[p.pos]; c == 'u' || c == 'U' {
		p.pos++
	}
	quote := p.text[p.pos]
	start := p.pos
	p.pos++
	var buf []byte // what was read so far, once an escape has been met
	plain := p.pos // where text not yet in buf begins
	for {
		if p.pos == len(p.text) || p.text[p.pos] == '\n' {
			return "", p.errorAt(start, errors.New("a string that does not end"))
		}
		switch c := p.text[p.pos]; {
		case c == quote:
			s := p.text[plain:p.pos]
			if buf != nil {
				s = string(append(buf, s...))
			}
			p.pos++
			if !utf8.ValidString(s) {
				return "", p.errorAt(start, errors.New("a string that is not UTF-8"))
			}
			return strings.Clone(s), nil
		case c == '\\':
			buf = append(buf, p.text[plain:p.pos]...)
			var err error
			if buf, err = p.escape(buf); err != nil {
				return "", err
			}
			plain = p.pos
		default:
			p.pos++
		}
	}
}

// escape reads one escape that Python's repr writes, and appends what it
// stands for.
func (p *parser) escape(buf []byte) ([]byte, error) {
	if p.pos+1 == len(p.text) {
		return nil, p.errorf("a string that does not end")
	}
	digits := 0
	switch c := p.text[p.pos+1]; c {
	case '\\', '\'', '"':
		p.pos += 2
		return append(buf, c), nil
	case 'n', 'r', 't':
		p.pos += 2
		return append(buf, map[byte]byte{'n': '\n', 'r': '\r', 't': '\t'}[c]), nil
	case 'x':
		digits = 2
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	default:
		return nil, p.errorf("an escape that Python does not print")
	}
	stop := p.pos + 2 + digits
	if stop > len(p.text) {
		return nil, p.errorf("an escape that is cut off")
	}
	r, err := strconv.ParseUint(p.text[p.pos+2:stop], 16, 32)
	if err != nil || r > utf8.MaxRune {
		return nil, p.errorf("an escape that is no character")
	}
	if !utf8.ValidRune(rune(r)) {
		return nil, p.errorf("half of a surrogate pair, which no Go string can hold")
	}
	p.pos = stop
	return utf8.AppendRune(buf, rune(r)), nil
}

// errObject is why 'O' is refused, with the cure.
var errObject = errors.New("a Python object is a pointer, which crashes every other process that follows it: " +
	"give the column a fixed size, astype('S6') or astype('U6')")

// typeNames are numpy's letters and names of one size everywhere.
var typeNames = map[string]DType{
	"?": {kind: Bool, size: 1}, "bool": {kind: Bool, size: 1}, "bool_": {kind: Bool, size: 1},
	"b": {kind: Int, size: 1}, "byte": {kind: Int, size: 1}, "int8": {kind: Int, size: 1},
	"h": {kind: Int, size: 2}, "short": {kind: Int, size: 2}, "int16": {kind: Int, size: 2},
	"i": {kind: Int, size: 4}, "intc": {kind: Int, size: 4}, "int32": {kind: Int, size: 4},
	"q": {kind: Int, size: 8}, "longlong": {kind: Int, size: 8}, "int64": {kind: Int, size: 8},
	"B": {kind: Uint, size: 1}, "ubyte": {kind: Uint, size: 1}, "uint8": {kind: Uint, size: 1},
	"H": {kind: Uint, size: 2}, "ushort": {kind: Uint, size: 2}, "uint16": {kind: Uint, size: 2},
	"I": {kind: Uint, size: 4}, "uintc": {kind: Uint, size: 4}, "uint32": {kind: Uint, size: 4},
	"Q": {kind: Uint, size: 8}, "ulonglong": {kind: Uint, size: 8}, "uint64": {kind: Uint, size: 8},
	"e": {kind: Float, size: 2}, "half": {kind: Float, size: 2}, "float16": {kind: Float, size: 2},
	"f": {kind: Float, size: 4}, "single": {kind: Float, size: 4}, "float32": {kind: Float, size: 4},
	"d": {kind: Float, size: 8}, "double": {kind: Float, size: 8}, "float64": {kind: Float, size: 8}, "float": {kind: Float, size: 8},
	"c": {kind: Bytes, size: 1}, "bytes": {kind: Bytes}, "bytes_": {kind: Bytes},
	"str": {kind: Str}, "str_": {kind: Str}, "unicode": {kind: Str},
	"M": {kind: Datetime, size: 8, unit: unit{num: 1}}, "m": {kind: Timedelta, size: 8, unit: unit{num: 1}},
}

// refusedNames are the names of types that numpy knows and we refuse, and why.
var refusedNames = func() map[string]error {
	m := map[string]error{}
	add := func(err error, names string) {
		for _, name := range strings.Fields(names) {
			m[name] = err
		}
	}
	add(errObject, "O O4 O8 object object_ object0")
	add(errors.New("numpy keeps such text outside the array, where no other process sees it: astype('U6')"), "T str0")
	add(errors.New("its size depends on the platform: write int32, int64, uint32 or uint64"), "l L p P n N int int_ uint long ulong intp uintp")
	add(notYet("a complex number", "store the real and the imaginary part in two fields"), "c8 c16 c24 c32 F D G complex complex64 complex128 csingle cdouble clongdouble")
	add(notYet("a long double", "use f8"), "f12 f16 g longdouble float96 float128")
	add(notYet("a void", "use S"), "V void")
	return m
}()

// parseType reads a type string: an optional byte order and a code, or a name.
func parseType(s string) (*DType, error) {
	code, big := s, nativeBig
	if s != "" && strings.IndexByte("<>=|", s[0]) >= 0 {
		code = s[1:]
		if s[0] == '<' || s[0] == '>' {
			big = s[0] == '>'
		}
	}
	// An order goes before a code, never before a name; but numpy lets it
	// stand before datetime64 and timedelta64.
	named := code == s || len(code) == 1
	dt, known := typeNames[code]
	switch {
	case known && named:
	case refusedNames[code] != nil && (named || len(code) <= 3):
		return nil, refusedNames[code]
	default:
		var err error
		if dt, err = parseCode(code); err != nil {
			if errors.Is(err, errUnknown) {
				err = fmt.Errorf("%s is no type that numpy knows", quoted(s))
				if strings.Contains(s, ",") {
					err = notYet("the comma form "+quoted(s), useList)
				}
			}
			return nil, err
		}
	}
	dt.big = big && dt.order() != "|"
	return &dt, nil
}

// errUnknown stands for text that is no type; parseType words it.
var errUnknown = errors.New("no type")

// parseCode reads a letter with a size, or a datetime with its unit.
func parseCode(code string) (DType, error) {
	for _, t := range []struct {
		prefix string
		kind   Kind
	}{{"M8", Datetime}, {"m8", Timedelta}, {"datetime64", Datetime}, {"timedelta64", Timedelta}} {
		if rest, ok := strings.CutPrefix(code, t.prefix); ok {
			u, err := parseUnit(rest)
			return DType{kind: t.kind, size: 8, unit: u}, err
		}
	}
	if code == "" {
		return DType{}, errUnknown
	}
	digits := code[1:]
	size, err := strconv.ParseInt("0"+digits, 10, 64) // the 0 keeps signs out
	if errors.Is(err, strconv.ErrRange) {
		size, err = maxItemsize+1, nil
	}
	if err != nil || len(digits) > 1 && digits[0] == '0' {
		return DType{}, errUnknown
	}
	if code[0] == 'U' && size <= maxItemsize {
		size *= 4
	}
	n, pow2 := int(size), size == 1 || size == 2 || size == 4 || size == 8
	switch c := code[0]; {
	case c == 'b' && size == 1:
		return DType{kind: Bool, size: 1}, nil
	case c == 'i' && pow2, c == 'u' && pow2, c == 'f' && pow2 && size > 1:
		return DType{kind: Kind(c), size: n}, nil
	case (c == 'S' || c == 'a' || c == 'U') && size > maxItemsize:
		return DType{}, fmt.Errorf("%s is larger than numpy's limit of %d bytes", quoted(code), maxItemsize)
	case c == 'S' || c == 'a':
		return DType{kind: Bytes, size: n}, nil
	case c == 'U':
		return DType{kind: Str, size: n}, nil
	case c == 'V' || c == 'O':
		return DType{}, refusedNames[string(c)]
	}
	return DType{}, errUnknown
}
