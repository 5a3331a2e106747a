package shm

import (
	"io/fs"
	"time"
)

// Options adjusts Create, Open and OpenOrCreate. Nil and the zero value mean
// the defaults. A field without meaning for the call is [fs.ErrInvalid], so
// that no wish is passed over in silence.
type Options struct {
	// Mode says who may open the segment, for Create; it is exact, whatever
	// the umask. 0 means 0600, the owner alone. Only the bits of 0777 count,
	// and 0400 must be among them: memory that its owner may not read is of
	// use to nobody. On Windows there is 0600 alone.
	Mode fs.FileMode

	// Init fills the zeroed memory, for Create, before anybody can open the
	// name. After an error or a panic there is no segment. The memory is
	// writable here even with ReadOnly; do not keep the slice.
	Init func(mem []byte) error

	// Sparse makes Create not reserve the space: pages are taken when they are
	// first written, and a write that finds none left faults.
	Sparse bool

	// Lifetime is UntilUnlink or UntilLastClose, for Create.
	Lifetime Lifetime

	// ReadOnly maps the memory without write access. Create takes it only
	// together with Init.
	ReadOnly bool

	// Observe makes Open, with ReadOnly, look without being one of the segment's
	// users: it is not counted, keeps no UntilLastClose segment in existence,
	// and its Close removes nothing. For programs that show what is there.
	Observe bool

	// AnyOwner makes Open accept a segment that belongs to neither this user
	// nor root. Its owner can truncate it at any moment: see [Guard].
	AnyOwner bool
}

// forCreate returns the options with their defaults, or what is wrong with
// them.
func (o *Options) forCreate() (Options, error) {
	if o != nil && o.AnyOwner {
		return Options{}, invalid("Options.AnyOwner has no meaning for Create: a new segment is this user's")
	}
	return o.forOpenOrCreate()
}

func (o *Options) forOpen() (Options, error) {
	switch {
	case o == nil:
		return Options{}, nil
	case o.Mode != 0:
		return Options{}, invalid("Options.Mode has no meaning for Open: the creator chose it")
	case o.Init != nil:
		return Options{}, invalid("Options.Init has no meaning for Open: the segment is filled already")
	case o.Sparse:
		return Options{}, invalid("Options.Sparse has no meaning for Open: the creator chose it")
	case o.Lifetime != UntilUnlink:
		return Options{}, invalid("Options.Lifetime has no meaning for Open: the creator chose it")
	case o.Observe && !o.ReadOnly:
		return Options{}, invalid("Options.Observe is for those who only look: it wants Options.ReadOnly")
	}
	return *o, nil
}

func (o *Options) forOpenOrCreate() (Options, error) {
	var opt Options
	if o != nil {
		opt = *o
	}
	if opt.Mode == 0 {
		opt.Mode = 0o600
	}
	switch {
	case opt.Mode&^0o777 != 0:
		return Options{}, invalid("Options.Mode %#o has bits beyond 0777", uint32(opt.Mode))
	case opt.Mode&0o400 == 0:
		return Options{}, invalid("Options.Mode %#o does not let the owner read (0400)", uint32(opt.Mode))
	case opt.Lifetime != UntilUnlink && opt.Lifetime != UntilLastClose:
		return Options{}, invalid("Options.Lifetime is %v: it must be UntilUnlink or UntilLastClose", opt.Lifetime)
	case opt.Observe:
		return Options{}, invalid("Options.Observe is for Open alone: who creates a segment is its user")
	case opt.ReadOnly && opt.Init == nil:
		return Options{}, invalid("Options.ReadOnly makes a new segment useless without Options.Init: it would be zeros for ever")
	}
	return opt, nil
}

// Info describes a segment.
type Info struct {
	Name    string
	Size    int64       // in bytes, as given to Create; of a foreign segment what the system says, 0 while its creator has not sized it
	Mode    fs.FileMode // permission bits only
	Owner   string      // the owning user's number, as in "1000"; on Windows the SID
	Created time.Time   // zero where nobody noted it: a foreign segment on macOS or Windows

	Lifetime Lifetime

	// Users is how many Segments have it open, in all processes that use this
	// library; -1 where that may not be asked, as of another user's segment, and
	// if they are more than some thousands.
	Users int

	// Foreign is how many other processes have it mapped without this library,
	// as Python does: those of this user, for root all of them. Only Stat looks,
	// on Linux, through the whole of /proc; else it is -1.
	Foreign int
}
