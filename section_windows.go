package shm

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// Python knows segments of Windows as named sections, and a section has its
// name only while somebody has a handle of it. So every attachment holds one
// over its file. In Python's own sections there is no file, nor any among those
// who have it open who could keep it when the last one leaves: such a segment
// is foreign.

const (
	secFile      = 0x800000 // SEC_FILE: there is a file behind the section
	sectionQuery = 0x1      // SECTION_QUERY

	maxSectionName = windows.MAX_PATH - 1 // in UTF-16
)

var errForeignSection = detail(ErrForeign, "a program without this library, perhaps Python, has made a segment of this name; it goes when its last user closes it")

// export gives the segment its name among the sections, unless one of a removed
// segment still has that, as long as its users keep it.
func (f *file) export() error {
	name, err := windows.UTF16PtrFromString(f.name)
	if err != nil {
		return err
	}
	sa, err := security()
	if err != nil {
		return err
	}
	// Of the data alone, so that Python does not meet the control page; whole
	// pages of it, since Python asks for that much.
	size := paged(f.size)
	section, err := windows.CreateFileMapping(f.handle, sa, windows.PAGE_READWRITE, uint32(size>>32), uint32(size), name)
	switch {
	case err == nil:
		f.section = section
		return nil
	case section == 0:
		return sectionError("CreateFileMapping", err)
	}
	// The name was taken: the call opened what has it, with a good handle and
	// an error.
	mine, err := f.behind(section)
	if !mine || err != nil {
		return errors.Join(err, windows.CloseHandle(section))
	}
	f.section = section
	return nil
}

// behind says whether the segment's file is what a section is made of. When it
// is no file at all, the error is errForeignSection.
func (f *file) behind(section windows.Handle) (bool, error) {
	info, err := querySection(section)
	if err != nil {
		return false, err
	}
	if info.attributes&secFile == 0 {
		return false, errForeignSection
	}
	page, err := mapView(section, 0, pageSize, true)
	if err != nil {
		return false, err
	}
	defer unmapView(page)
	theirs, err := mappedName(page)
	if err != nil {
		return false, nil // a file that has no name any more
	}
	ours, err := mappedName(f.view)
	if err != nil {
		return false, nil
	}
	// Windows has one name for a file at a time. Wine has, for each handle,
	// the name under which it was opened, which may be the draft's.
	_, base := filepath.Split(theirs)
	return theirs == ours || base == tempPrefix+f.id.String(), nil
}

// withdraw gives the name among the sections back, as far as it is held here.
func (f *file) withdraw() error {
	if f.section == 0 {
		return nil
	}
	err := windows.CloseHandle(f.section)
	f.section = 0
	return os.NewSyscallError("CloseHandle", err)
}

// sectionError explains why the name of a section cannot be had.
func sectionError(call string, err error) error {
	switch err {
	case windows.ERROR_INVALID_HANDLE:
		return detail(ErrForeign, "another kind of object has this name, an event or a lock perhaps")
	case windows.ERROR_ACCESS_DENIED:
		return detail(ErrForeign, "a segment of this name belongs to somebody else in this session")
	}
	return os.NewSyscallError(call, err)
}

// foreign is a segment of a program without this library.
type foreign struct {
	name    string
	section windows.Handle
	size    int64
	owner   string
	mem     []byte
}

// openForeign opens the section of that name, if it is a segment; else there is
// none, which is what absent says.
func openForeign(name string, access uint32, absent error) (*foreign, error) {
	section, err := openSection(name, access|sectionQuery|windows.READ_CONTROL)
	switch err {
	case nil:
	case windows.ERROR_FILE_NOT_FOUND, windows.ERROR_PATH_NOT_FOUND, windows.ERROR_INVALID_NAME:
		return nil, absent
	default:
		return nil, sectionError("OpenFileMapping", err)
	}
	info, err := querySection(section)
	if err == nil && info.attributes&secFile != 0 {
		err = absent // what the users of a removed segment still hold
	}
	f := &foreign{name: name, section: section, size: paged(info.size)}
	if err == nil {
		f.owner, err = ownerOf(section, windows.SE_KERNEL_OBJECT)
	}
	if err != nil {
		windows.CloseHandle(section)
		return nil, err
	}
	return f, nil
}

// attachForeign is attach where there is no file.
func attachForeign(name string, o Options, absent error) (attachment, error) {
	access := uint32(windows.FILE_MAP_READ | windows.FILE_MAP_WRITE)
	if o.ReadOnly {
		access = windows.FILE_MAP_READ
	}
	f, err := openForeign(name, access, absent)
	if err != nil {
		return nil, err
	}
	err = trusted(f.owner, o)
	if err == nil {
		err = mappable(f.size)
	}
	if err == nil {
		f.mem, err = mapView(f.section, 0, int(f.size), o.ReadOnly)
	}
	if err != nil {
		f.leave()
		return nil, noAddresses(err, f.size)
	}
	mapped.add(name, f.mem)
	return f, nil
}

// noForeign is nil, or says which foreign segment has the name.
func noForeign(name string) error {
	f, err := openForeign(name, 0, fs.ErrNotExist)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		f.leave()
		err = errForeignSection
	}
	return err
}

func statForeign(name string, absent error) (Info, error) {
	f, err := openForeign(name, 0, absent)
	if err != nil {
		return Info{}, err
	}
	defer f.leave()
	return f.info(), nil
}

func (f *foreign) hasName() bool { return true } // as long as somebody has it open

func (f *foreign) memory() []byte { return f.mem }

func (f *foreign) stat() (Info, error) { return f.info(), nil }

func (f *foreign) info() Info {
	return Info{Name: f.name, Size: f.size, Mode: onlyMode, Owner: f.owner, Lifetime: UntilLastClose, Users: -1, Foreign: -1}
}

func (f *foreign) unlink() error { return errForeignSection }

func (f *foreign) unmap() error { return unmap(f.mem, f.mem) }

func (f *foreign) leave() error {
	return os.NewSyscallError("CloseHandle", windows.CloseHandle(f.section))
}

// taken is what Create says of a name that something foreign has.
func taken(err error) error {
	if errors.Is(err, ErrForeign) {
		return detail(fs.ErrExist, "%v", err)
	}
	return err
}
