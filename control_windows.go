package shm

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"time"

	"golang.org/x/sys/windows"
)

// The file of a segment is its data from offset 0 on, rounded up to pages, and
// behind it one page that says what the file is: the control page. Numbers are
// little-endian, and what is not named is zero.
//
//	offset  size  what
//	     0     8  magic
//	     8     4  version of this format
//	    12     4  lifetime: 0 until unlink, 1 until last close
//	    16    16  identity, at random
//	    32     8  size of the data in bytes, before rounding
//	    40     8  when it was made, nanoseconds since 1970
//	    48     8  1 once the name has been unlinked
//	    56     8  length of the name
//	    64    30  name
//
// All but the word at 48 stand there before the segment has its name, and never
// change. That word is written under the name lock. The page is always reached
// through a view: views of one file agree with one another at any moment, while
// ReadFile and WriteFile need not agree with them.
const (
	controlMagic   = "shm-page"
	controlVersion = 1

	atVersion  = 8
	atLifetime = 12
	atID       = 16
	atSize     = 32
	atCreated  = 40
	atUnlinked = 48
	atNameLen  = 56
	atName     = 64
)

const (
	pageSize    = 4096    // on all processors that Windows runs on
	granularity = 1 << 16 // what offsets of views are multiples of
)

// paged rounds a size up to pages.
func paged(size int64) int64 { return (size + pageSize - 1) &^ (pageSize - 1) }

// identity tells a segment from every other.
type identity [16]byte

func newIdentity() (id identity) {
	rand.Read(id[:])
	return id
}

func (id identity) String() string { return hex.EncodeToString(id[:]) }

// control is what a control page says.
type control struct {
	id       identity
	name     string
	size     int64
	lifetime Lifetime
	created  time.Time
}

func (c control) write(page []byte) {
	le := binary.LittleEndian
	copy(page, controlMagic)
	le.PutUint32(page[atVersion:], controlVersion)
	le.PutUint32(page[atLifetime:], uint32(c.lifetime))
	copy(page[atID:], c.id[:])
	le.PutUint64(page[atSize:], uint64(c.size))
	le.PutUint64(page[atCreated:], uint64(c.created.UnixNano()))
	le.PutUint64(page[atNameLen:], uint64(len(c.name)))
	copy(page[atName:], c.name)
}

// parseControl reads the control page of a file with so many bytes of data,
// rounded. Anybody may have written it.
func parseControl(page []byte, data int64) (control, error) {
	le := binary.LittleEndian
	page = append([]byte(nil), page...) // which nobody changes while it is looked at
	if len(bytes.Trim(page, "\x00")) == 0 {
		// It is written through a view, and the file's name may reach the disk
		// before it does.
		return control{}, detail(ErrUnfinished, "its control page is empty: the machine stopped before Windows wrote it; unlink it")
	}
	if string(page[:len(controlMagic)]) != controlMagic {
		return control{}, detail(ErrForeign, "its file has no control page and so is not a segment")
	}
	if v := le.Uint32(page[atVersion:]); v != controlVersion {
		return control{}, detail(ErrForeign, "its format has version %d, this library knows version %d", v, controlVersion)
	}
	c := control{
		id:       identity(page[atID:]),
		size:     int64(le.Uint64(page[atSize:])),
		lifetime: Lifetime(le.Uint32(page[atLifetime:])),
		created:  time.Unix(0, int64(le.Uint64(page[atCreated:]))),
	}
	length := le.Uint64(page[atNameLen:])
	if c.size < 1 || c.size > data || paged(c.size) != data || length > maxNewName || c.lifetime != UntilUnlink && c.lifetime != UntilLastClose {
		return control{}, detail(ErrForeign, "its control page is damaged")
	}
	c.name = string(page[atName : atName+length])
	return c, nil
}

// isUnlinked looks at the page itself, which another process may change.
func isUnlinked(page []byte) bool { return page[atUnlinked] != 0 }

// readControl looks at an open file, which may be anything.
func readControl(file windows.Handle) (control, error) {
	info, err := statHandle(file)
	if err != nil {
		return control{}, err
	}
	data := info.size - pageSize
	switch {
	case info.attributes&windows.FILE_ATTRIBUTE_REPARSE_POINT != 0:
		return control{}, detail(ErrForeign, "what has this name is a link, not a segment")
	case info.attributes&(windows.FILE_ATTRIBUTE_DIRECTORY|windows.FILE_ATTRIBUTE_DEVICE) != 0:
		return control{}, detail(ErrForeign, "what has this name is a directory or a device, not a segment")
	case data < pageSize || data%pageSize != 0:
		return control{}, detail(ErrForeign, "its file has %d bytes, which no segment's has", info.size)
	}
	view, page, err := mapControl(file, info.size, true)
	if err != nil {
		return control{}, err
	}
	defer unmapView(view)
	return parseControl(page, data)
}

// mapControl maps the control page of a file that has size bytes.
func mapControl(file windows.Handle, size int64, readOnly bool) (view, page []byte, err error) {
	at := size - pageSize
	from := at &^ (granularity - 1)
	view, err = mapFile(file, from, int(size-from), readOnly)
	if err != nil {
		return nil, nil, err
	}
	return view, view[at-from:][:pageSize], nil
}

// markUnlinked tells all who have the file open that its name was not lost but
// removed. The caller holds the name lock.
func markUnlinked(file windows.Handle) error {
	info, err := statHandle(file)
	if err != nil {
		return err
	}
	view, page, err := mapControl(file, info.size, false)
	if err != nil {
		return err
	}
	page[atUnlinked] = 1
	return unmapView(view)
}
