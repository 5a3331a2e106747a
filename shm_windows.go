package shm

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf16"

	"golang.org/x/sys/windows"
)

// On Windows a segment is a file of the user's, since memory without a file
// goes with its last user. The file is made under a hidden name, sized, filled,
// and then renamed: the system decides who gets the name, and nobody meets a
// segment that is half made. For Python the segment has a section of its name
// besides, as long as somebody has it open: see export.
var native backend = system{}

type system struct{}

const (
	// onlyMode is what the files' security comes to.
	onlyMode = fs.FileMode(0o600)

	filePrefix, fileSuffix = "s_", ".shm" // see fileName

	// Files that are no segments yet, or no more, have their identity in their
	// name.
	tempPrefix = ".tmp-"
	tombPrefix = ".tomb-"
)

// dir is where the files stand; own says that it is to be made if need be.
func dir() (path string, own bool, err error) {
	if d := os.Getenv("SHM_DIR"); d != "" {
		path, err = filepath.Abs(d)
		return path, false, err
	}
	local, err := localAppData()
	return filepath.Join(local, "shm", "segments"), true, err
}

var localAppData = sync.OnceValues(func() (string, error) {
	path, err := windows.KnownFolderPath(windows.FOLDERID_LocalAppData, windows.KF_FLAG_CREATE)
	return path, os.NewSyscallError("SHGetKnownFolderPath", err)
})

// pathOf is where the segment of that name stands.
func pathOf(name string) (string, error) {
	if strings.Contains(name, `\`) {
		return "", invalid("a segment's name has no backslash")
	}
	if len(utf16.Encode([]rune(name))) > maxSectionName {
		return "", invalid("its name is longer than the system can hold")
	}
	d, _, err := dir()
	return filepath.Join(d, fileName(name)), err
}

// opened is the open file of a segment, and what was found in it. The handle is
// for reading and writing, whatever the view is for: the export needs both.
type opened struct {
	control
	path   string
	handle windows.Handle
	locks  fileLocks
	owner  string
}

// openSegment opens the file under the path, if it is the segment of the name
// that the path is made of.
func openSegment(path string) (*opened, error) {
	handle, err := openFile(path, windows.GENERIC_READ|windows.GENERIC_WRITE, nil, windows.OPEN_EXISTING, 0)
	switch err {
	case nil:
	case windows.ERROR_FILE_NOT_FOUND, windows.ERROR_PATH_NOT_FOUND, windows.ERROR_INVALID_NAME, windows.ERROR_FILENAME_EXCED_RANGE:
		return nil, noSegment(path)
	case windows.ERROR_ACCESS_DENIED:
		return nil, detail(fs.ErrPermission, "permission denied: %s is another user's, or read-only", path)
	default:
		return nil, os.NewSyscallError("CreateFile", err)
	}
	s := &opened{path: path, handle: handle, locks: fileLocks{handle: handle}}
	if err := s.read(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *opened) read() (err error) {
	if s.control, err = readControl(s.handle); err != nil {
		return err
	}
	if fileName(s.name) != filepath.Base(s.path) {
		return detail(ErrForeign, "%s was made for a segment of another name, %q", s.path, s.name)
	}
	s.owner, err = ownerOf(s.handle, windows.SE_FILE_OBJECT)
	return err
}

func (s *opened) close() error {
	return os.NewSyscallError("CloseHandle", windows.CloseHandle(s.handle))
}

// noneThere says whether openSegment found no segment, or what is none.
func noneThere(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrForeign) || errors.Is(err, ErrUnfinished)
}

// stillNamed is errReplaced unless the path still leads to this segment.
func (s *opened) stillNamed() error {
	now, err := openSegment(s.path)
	if noneThere(err) {
		return errReplaced
	}
	if err != nil {
		return err
	}
	if now.id != s.id {
		err = errReplaced
	}
	return errors.Join(err, now.close())
}

// remove takes the name away from the segment.
func (s *opened) remove() error { return s.locks.withName(s.removeLocked) }

// removeLocked is remove for who holds the name lock. Everybody who uses this
// library does: between the comparison and the renaming nobody of ours can have
// put a newer file there. A mapped file can be renamed on every Windows, while
// some refuse to delete it.
func (s *opened) removeLocked() error {
	if err := s.stillNamed(); err != nil {
		return err
	}
	tomb := filepath.Join(filepath.Dir(s.path), tombPrefix+s.id.String())
	if err := move(s.path, tomb); err != nil {
		return err
	}
	// The name is free. What cannot be done now is left to Prune; without the
	// mark the others find their name lost, which is not far from the truth.
	markUnlinked(s.handle)
	deleteFile(tomb)
	return nil
}

func (s *opened) info() Info {
	return Info{
		Name: s.name, Size: s.size, Mode: onlyMode, Owner: s.owner, Created: s.created,
		Lifetime: s.lifetime, Users: users(&s.locks), Foreign: -1,
	}
}

// file is an open segment with its view.
type file struct {
	opened
	view     []byte // data and control page
	readOnly bool   // the view
	section  windows.Handle
	left     bool
}

// fileDraft is a file that is not yet published.
type fileDraft struct {
	file
	temp string // its path until then
	opt  Options
}

func (system) draft(name string, size int, o Options) (draft, error) {
	if o.Mode != onlyMode {
		return nil, detail(errors.ErrUnsupported, "Options.Mode is %#o, and on Windows a segment is its owner's alone: 0600", uint32(o.Mode))
	}
	if err := mappable(int64(size)); err != nil {
		return nil, err
	}
	path, err := pathOf(name)
	if err != nil {
		return nil, err
	}
	if exists(path) {
		return nil, errTaken
	}
	if err := noForeign(name); err != nil {
		return nil, taken(err)
	}
	d := &fileDraft{opt: o}
	d.path, d.control = path, control{name: name, size: int64(size), lifetime: o.Lifetime}
	if err := d.open(); err != nil {
		return nil, err
	}
	if err := d.prepare(); err != nil {
		d.discard()
		return nil, err
	}
	return d, nil
}

// open makes the draft's file and takes its token. The file can be swept away
// by a Prune that came in between.
func (d *fileDraft) open() error {
	if err := makeDir(); err != nil {
		return err
	}
	_, err := poll(patience, func() (bool, error) {
		d.id, d.created = newIdentity(), time.Unix(0, time.Now().UnixNano()) // as others will read it
		d.temp = filepath.Join(filepath.Dir(d.path), tempPrefix+d.id.String())
		var err error
		if d.handle, err = createFile(d.temp); err != nil {
			return true, err
		}
		d.locks = fileLocks{handle: d.handle}
		if _, err = attendIfNeeded(&d.locks, d.lifetime); err == nil {
			err = d.stillThere()
		}
		if err != nil {
			d.discard()
		}
		return !errors.Is(err, errReplaced), err
	})
	return err
}

// stillThere is errReplaced if a Prune has removed the draft.
func (d *fileDraft) stillThere() error {
	if err := d.locks.settleName(); err != nil {
		return err
	}
	if !exists(d.temp) {
		return errReplaced
	}
	return nil
}

// prepare gives the empty file its space, its view and its control page.
func (d *fileDraft) prepare() (err error) {
	if d.owner, err = ownerOf(d.handle, windows.SE_FILE_OBJECT); err != nil {
		return err
	}
	if err := d.reserve(paged(d.size) + pageSize); err != nil {
		return err
	}
	if err := d.mapAll(); err != nil {
		return err
	}
	d.control.write(d.page())
	return nil
}

// publish renames the draft, which decides among the users of this library, and
// then takes the name among the sections, which decides against all others.
func (d *fileDraft) publish() (attachment, error) {
	if d.opt.ReadOnly {
		d.readOnly = true
		if err := protect(d.view); err != nil {
			return nil, err
		}
	}
	if err := noForeign(d.name); err != nil {
		return nil, taken(err)
	}
	if err := move(d.temp, d.path); err != nil {
		return nil, err
	}
	if err := d.export(); err != nil {
		// Python was faster. Who tried to open the segment in this moment failed
		// in the same way, unless Python's came and went: they are left with one
		// that was unlinked.
		return nil, errors.Join(taken(err), ignoreNotExist(d.remove()))
	}
	return &d.file, nil
}

func (d *fileDraft) discard() {
	d.unmap()
	deleteFile(d.temp) // nothing better can be done about a failure here
	d.close()
}

func (system) attach(name string, o Options) (attachment, error) {
	path, err := pathOf(name)
	if err != nil {
		return nil, err
	}
	// Its last user may be taking the name away, so that another segment may
	// follow.
	var f *file
	_, err = poll(patience, func() (bool, error) {
		f, err = enter(path, o)
		return !errors.Is(err, errReplaced), err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return attachForeign(name, o, err)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// enter opens the file under the path and becomes a user of the segment. Whoever
// fails in that was none, and removes nothing.
func enter(path string, o Options) (*file, error) {
	s, err := openSegment(path)
	if err != nil {
		return nil, err
	}
	f := &file{opened: *s, readOnly: o.ReadOnly}
	if err := f.join(o); err != nil {
		return nil, errors.Join(err, f.unmap(), f.withdraw(), f.close())
	}
	return f, nil
}

// join takes its token when nothing else can fail: whose last Close comes
// earlier removes the name, and later finds the token.
func (f *file) join(o Options) error {
	if err := cmp.Or(trusted(f.owner, o), mappable(f.size)); err != nil {
		return err
	}
	if err := f.mapAll(); err != nil {
		return err
	}
	if !f.unlinkedNow() { // else the name is no longer its own
		if err := f.export(); err != nil {
			return err
		}
	}
	if o.Observe {
		return nil
	}
	if _, err := attendIfNeeded(&f.locks, f.lifetime); err != nil || f.lifetime != UntilLastClose {
		return err
	}
	// Its last user may have been closing it when the token was taken.
	if err := f.locks.settleName(); err != nil {
		return err
	}
	return f.stillNamed()
}

// trusted says why a segment is not to be mapped because of whose it is.
func trusted(owner string, o Options) error {
	user, err := userSID()
	if err != nil {
		return err
	}
	switch owner {
	case user, "S-1-5-18", "S-1-5-32-544": // the system and the administrators
		return nil
	case "": // Wine knows no owners of sections; on Windows everything has one
		return nil
	}
	if o.AnyOwner {
		return nil
	}
	return anothers(owner)
}

func mappable(size int64) error {
	if size > math.MaxInt-2*pageSize {
		return tooLarge(size)
	}
	return nil
}

// noAddresses explains why a view cannot be had, if it is because this process
// has no room for it.
func noAddresses(err error, size int64) error {
	var call *os.SyscallError
	if !errors.As(err, &call) || call.Syscall != "MapViewOfFile" {
		return err
	}
	switch call.Err {
	case windows.ERROR_NOT_ENOUGH_MEMORY, windows.ERROR_INVALID_ADDRESS:
		return noRoom(size, err)
	}
	return err
}

func (system) unlink(name string) error {
	path, err := pathOf(name)
	if err != nil {
		return err
	}
	// The file may be replaced between open and lock; then the new one is the
	// one to remove.
	_, err = poll(patience, func() (bool, error) {
		s, err := openSegment(path)
		switch {
		case errors.Is(err, ErrUnfinished):
			_, removed, pruneErr := pruneLeftover(path)
			if removed || pruneErr != nil {
				err = pruneErr
			}
		case err == nil:
			err = errors.Join(s.remove(), s.close())
		}
		return !errors.Is(err, errReplaced), err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return cmp.Or(noForeign(name), err)
	}
	return err
}

func (system) stat(name string) (Info, error) {
	path, err := pathOf(name)
	if err != nil {
		return Info{}, err
	}
	s, err := openSegment(path)
	if errors.Is(err, fs.ErrNotExist) {
		return statForeign(name, err)
	}
	if err != nil {
		return Info{}, err
	}
	defer s.close()
	return s.info(), nil
}

// eachFile calls f with every file of the directory, by the order of their
// names.
func eachFile(f func(name, path string)) error {
	d, own, err := dir()
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(d)
	if errors.Is(err, fs.ErrNotExist) {
		if own {
			return nil // nobody has made a segment yet
		}
		return noDir(d)
	}
	for _, e := range entries {
		if e.Type().IsRegular() {
			f(e.Name(), filepath.Join(d, e.Name()))
		}
	}
	return err
}

func (system) list() (infos []Info, err error) {
	err = eachFile(func(name, path string) {
		if !isSegment(name) {
			return
		}
		if s, err := openSegment(path); err == nil { // else it is none, or gone, or another user's
			infos = append(infos, s.info())
			s.close()
		}
	})
	slices.SortFunc(infos, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	return infos, err
}

func isSegment(file string) bool {
	return strings.HasPrefix(file, filePrefix) && strings.HasSuffix(file, fileSuffix)
}

func isLeftover(file string) bool {
	return strings.HasPrefix(file, tempPrefix) || strings.HasPrefix(file, tombPrefix)
}

func (system) prune() (removed []Info, err error) {
	var errs []error
	err = eachFile(func(name, path string) {
		var info Info
		var gone bool
		var err error
		switch {
		case isSegment(name):
			info, gone, err = pruneSegment(path)
		case isLeftover(name):
			info, gone, err = pruneLeftover(path)
		}
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, ErrForeign):
			// gone, or going with its last handle, or not ours
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		case gone:
			removed = append(removed, info)
		}
	})
	return removed, errors.Join(append(errs, err)...)
}

// pruneSegment removes an UntilLastClose segment that nobody has open, or what
// the machine's end has left of any segment.
func pruneSegment(path string) (info Info, removed bool, err error) {
	s, err := openSegment(path)
	if errors.Is(err, ErrUnfinished) {
		return pruneLeftover(path)
	}
	if err != nil {
		return Info{}, false, err
	}
	defer s.close()
	if user, err := userSID(); err != nil || s.owner != user || s.lifetime != UntilLastClose {
		return Info{}, false, err
	}
	info = s.info()
	info.Users = 0
	err = s.locks.withName(func() error {
		removed, err = removeUnused(&s.locks, s.removeLocked)
		return err
	})
	return info, removed, err
}

// pruneLeftover deletes a draft whose creator was killed, what could not be
// deleted when its name was removed, or an unfinished file that has a name.
func pruneLeftover(path string) (info Info, removed bool, err error) {
	handle, err := openFile(path, windows.GENERIC_READ, nil, windows.OPEN_EXISTING, 0)
	if err != nil {
		return Info{}, false, err
	}
	defer windows.CloseHandle(handle)
	owner, err := ownerOf(handle, windows.SE_FILE_OBJECT)
	if err != nil {
		return Info{}, false, err
	}
	stat, err := statHandle(handle)
	if err != nil {
		return Info{}, false, err
	}
	if user, err := userSID(); err != nil || owner != user {
		return Info{}, false, err
	}
	locks := fileLocks{handle: handle}
	err = locks.withName(func() error {
		removed, err = removeUnused(&locks, func() error {
			if isSegment(filepath.Base(path)) {
				if err := stillUnfinished(path); err != nil {
					return err
				}
			}
			return deleteFile(path)
		})
		return err
	})
	return Info{Name: filepath.Base(path), Size: stat.size, Mode: onlyMode, Owner: owner, Foreign: -1}, removed, err
}

// stillUnfinished is errReplaced if a segment has taken the place of an
// unfinished file. The caller holds the name lock.
func stillUnfinished(path string) error {
	s, err := openSegment(path)
	switch {
	case errors.Is(err, ErrUnfinished):
		return nil
	case err == nil:
		return errors.Join(errReplaced, s.close())
	}
	return err
}

// mapAll maps the file with its control page.
func (f *file) mapAll() (err error) {
	if f.view, err = mapFile(f.handle, 0, int(paged(f.size)+pageSize), f.readOnly); err != nil {
		return noAddresses(err, f.size)
	}
	mapped.add(f.name, f.memory())
	return nil
}

func (f *file) memory() []byte { return f.view[:f.size:f.size] }

func (f *file) page() []byte { return f.view[paged(f.size):] }

func (f *file) unlinkedNow() bool { return isUnlinked(f.page()) }

func (f *file) stat() (Info, error) {
	info := f.info()
	if f.locks.own != noToken && info.Users >= 0 {
		info.Users++ // this one
	}
	if f.unlinkedNow() {
		return info, nil
	}
	err := f.stillNamed()
	if errors.Is(err, errReplaced) {
		// Between an unlink and its mark lies a moment, under the name lock.
		if err = f.locks.settleName(); err == nil {
			err = f.nameLost()
		}
	}
	return info, err
}

func (f *file) hasName() bool { return !errors.Is(f.stillNamed(), errReplaced) }

// nameLost is for a segment that does not have its name.
func (f *file) nameLost() error {
	if f.unlinkedNow() {
		return nil
	}
	return nameLost("somebody has deleted or renamed " + f.path)
}

func (f *file) unlink() error {
	if !f.left {
		if err := f.remove(); err != nil {
			return err
		}
		return f.withdraw()
	}
	// What has the name now may be anything.
	now, err := openSegment(f.path)
	if noneThere(err) {
		return errReplaced
	}
	if err != nil {
		return err
	}
	defer now.close()
	if now.id != f.id {
		return errReplaced
	}
	return now.remove()
}

func (f *file) unmap() error {
	if f.view == nil {
		return nil
	}
	err := unmap(f.view, f.memory())
	f.view = nil
	return err
}

func (f *file) leave() error {
	err := f.withdraw()
	if f.lifetime == UntilLastClose && f.locks.own != noToken {
		err = errors.Join(err, leaveLast(&f.locks, f.locks.own, f.removeLocked))
	}
	f.left = true
	return errors.Join(err, f.close())
}

// unmap gives a view back, with the memory in it that Guard knows. With
// SHM_DEBUG=1 the addresses stay taken, without access.
func unmap(view, mem []byte) error {
	mapped.remove(mem)
	addr, size := base(view), len(view)
	if err := unmapView(view); err != nil {
		return err
	}
	if os.Getenv("SHM_DEBUG") == "1" {
		reserveAddresses(addr, size)
	}
	return nil
}
