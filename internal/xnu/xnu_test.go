//go:build linux || darwin

package xnu

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// In a second process this creates each of the names that childVar lists, with
// O_EXCL, and prints those that it got.
const childVar = "XNU_TEST_CHILD"

func TestMain(m *testing.M) {
	names, ok := os.LookupEnv(childVar)
	if !ok {
		os.Exit(m.Run())
	}
	model, err := Parse(os.Getenv(Variable))
	if err != nil {
		panic(err)
	}
	for name := range strings.FieldsSeq(names) {
		if _, err := model.ShmOpen(name, unix.O_CREAT|unix.O_EXCL|unix.O_RDWR, 0o600); err == nil {
			fmt.Println(name)
		} else if err != unix.EEXIST {
			panic(err)
		}
	}
}

func child(m *Model, names ...string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childVar+"="+strings.Join(names, " "),
		fmt.Sprintf("%s=dir=%s,page=%d", Variable, m.Dir, m.Page))
	return cmd
}

// probes finds out about each rule whether it holds, and says what it met where
// not. Whatever else a probe needs holds also when other rules do not.
var probes = map[string]func(*probe){
	nameLength: func(p *probe) {
		p.want(nil, p.open("/"+strings.Repeat("x", 30), create))
		p.want(unix.ENAMETOOLONG, p.open("/"+strings.Repeat("y", 31), create))
	},
	opaqueNames: func(p *probe) {
		p.want(nil, p.open("x", create))
		p.want(nil, p.open("/x", create))
		p.want(nil, p.open("/x/y", create))
	},
	emptyName: func(p *probe) { p.want(unix.EINVAL, p.open("", create)) },
	badUnlink: func(p *probe) { p.want(unix.EINVAL, p.ShmUnlink("/"+strings.Repeat("x", 500))) },
	exclusive: func(p *probe) {
		p.want(nil, p.open("/x", create))
		p.want(unix.EEXIST, p.open("/x", create))
		p.want(nil, p.open("/x", unix.O_CREAT|unix.O_RDWR))
	},
	noTruncatedOpen: func(p *probe) {
		p.want(nil, p.open("/x", create))
		p.want(nil, p.open("/x", unix.O_RDWR|unix.O_TRUNC))
		p.want(nil, p.Ftruncate(p.fd, p.Page))
		p.want(unix.EINVAL, p.open("/x", unix.O_RDWR|unix.O_TRUNC))
	},
	exactMode: func(p *probe) {
		defer unix.Umask(unix.Umask(0o77))
		for _, mode := range []uint32{0, 0o600, 0o640, 0o666, 0o7777} {
			name := fmt.Sprintf("/%o", mode)
			fd, err := p.ShmOpen(name, create, mode|unix.S_IFREG)
			p.want(nil, err)
			_, got, _, err := p.Fstat(fd)
			p.want(nil, err)
			p.is(got&0o7777 == mode, "mode %o for %o", got, mode)
			p.Close(fd)
		}
	},
	closeOnExec: func(p *probe) {
		p.want(nil, p.open("/x", create))
		flags, err := unix.FcntlInt(uintptr(p.fd), unix.F_GETFD, 0)
		p.want(nil, err)
		p.is(flags&unix.FD_CLOEXEC != 0, "it would reach other programs")
	},
	openPermission: func(p *probe) {
		defer unix.Umask(unix.Umask(0))
		p.as(1, func() { p.want(nil, p.open("/x", create, 0o640)) })
		p.as(1, func() { p.want(nil, p.open("/x", unix.O_RDWR)) })
		p.as(2, func() { p.want(unix.EACCES, p.open("/x", unix.O_RDONLY)) })
		p.as(0, func() { p.want(nil, p.open("/x", unix.O_RDWR)) })
		p.as(1, func() { p.want(nil, p.open("/y", create, 0o406)) })
		p.as(1, func() { p.want(unix.EACCES, p.open("/y", unix.O_RDWR)) })
		p.as(2, func() { p.want(nil, p.open("/y", unix.O_RDWR)) })
	},
	unlinkAllowed: func(p *probe) {
		defer unix.Umask(unix.Umask(0))
		p.as(1, func() { p.want(nil, p.open("/x", create, 0o444)) })
		p.as(2, func() { p.want(unix.EACCES, p.ShmUnlink("/x")) })
		p.as(1, func() { p.want(nil, p.ShmUnlink("/x")) })
		p.as(1, func() { p.want(nil, p.open("/y", create, 0o666)) })
		p.as(2, func() { p.want(nil, p.ShmUnlink("/y")) })
	},
	exitLeaves: func(p *probe) {
		out, err := child(p.Model, "x").Output()
		p.want(nil, err)
		p.is(string(out) == "x\n", "the child says %q", out)
		p.want(nil, p.open("x", unix.O_RDWR))
	},
	lifeGoesOn: func(p *probe) {
		mem := p.mapped("/x")
		mem[1] = 7
		p.want(nil, p.ShmUnlink("/x"))
		p.want(unix.ENOENT, p.open("/x", unix.O_RDWR))
		again, err := p.Mmap(p.fd, int(p.Page), unix.PROT_READ, unix.MAP_SHARED)
		p.want(nil, err)
		p.is(mem[1] == 7 && err == nil && again[1] == 7, "the memory is another one")
		p.want(nil, p.open("/x", create))
	},
	noFchmod: func(p *probe) {
		p.want(nil, p.open("/x", create))
		p.want(unix.EINVAL, p.Fchmod(p.fd, 0o644))
	},
	sizedOnce: func(p *probe) {
		p.want(nil, p.open("/x", create))
		p.want(nil, p.Ftruncate(p.fd, p.Page))
		p.want(unix.EINVAL, p.Ftruncate(p.fd, p.Page))
		p.want(nil, p.open("/x", unix.O_RDWR))
		p.want(unix.EINVAL, p.Ftruncate(p.fd, 2*p.Page))
		p.is(p.size() == p.Page, "it has %d bytes", p.size())
	},
	sizedByReaders: func(p *probe) {
		p.want(nil, p.open("/x", create))
		p.want(nil, p.open("/x", unix.O_RDONLY))
		p.want(nil, p.Ftruncate(p.fd, p.Page))
	},
	sizedZero: func(p *probe) {
		p.want(nil, p.open("/x", create))
		p.want(nil, p.Ftruncate(p.fd, 0))
		p.is(p.size() == 0, "it has %d bytes", p.size())
	},
	notNegative: func(p *probe) {
		p.want(nil, p.open("/x", create))
		p.want(unix.EINVAL, p.Ftruncate(p.fd, -1))
	},
	wholePages: func(p *probe) {
		for size, want := range map[int64]int64{1: p.Page, p.Page: p.Page, p.Page + 1: 2 * p.Page} {
			p.want(nil, p.open(fmt.Sprint("/", size), create))
			p.want(nil, p.Ftruncate(p.fd, size))
			p.is(p.size() == want, "%d bytes are %d", size, p.size())
		}
	},
	bareStat: func(p *probe) {
		defer unix.Umask(unix.Umask(0))
		p.as(3, func() { p.want(nil, p.open("/x", create, 0o640)) })
		p.want(nil, p.Ftruncate(p.fd, p.Page))
		st, err := p.Stat(p.fd)
		p.want(nil, err)
		p.is(st == Stat{Mode: 0o640, UID: 3, GID: 3, Size: p.Page}, "fstat: %+v", st)
	},
	sharedOnly: func(p *probe) {
		p.mapped("/x")
		_, err := p.Mmap(p.fd, int(p.Page), unix.PROT_READ, unix.MAP_PRIVATE)
		p.want(unix.EINVAL, err)
	},
	sizedFirst: func(p *probe) {
		p.want(nil, p.open("/x", create))
		_, err := p.Mmap(p.fd, int(p.Page), unix.PROT_READ, unix.MAP_SHARED)
		p.want(unix.EINVAL, err)
	},
	withinSize: func(p *probe) {
		p.mapped("/x")
		_, err := p.Mmap(p.fd, int(p.Page)+1, unix.PROT_READ, unix.MAP_SHARED)
		p.want(unix.EINVAL, err)
	},
	readersRead: func(p *probe) {
		p.mapped("/x")
		p.want(nil, p.open("/x", unix.O_RDONLY))
		_, err := p.Mmap(p.fd, int(p.Page), unix.PROT_READ, unix.MAP_SHARED)
		p.want(nil, err)
		_, err = p.Mmap(p.fd, int(p.Page), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		p.want(unix.EPERM, err)
	},
	noFlock: func(p *probe) {
		p.want(nil, p.open("/x", create))
		p.want(unix.ENOTSUP, p.Flock(p.fd, unix.LOCK_EX|unix.LOCK_NB))
	},
	noRecordLocks: func(p *probe) {
		p.want(nil, p.open("/x", create))
		p.want(unix.EBADF, p.Lock(p.fd, unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK, Len: 1}))
	},
	noReadWrite: func(p *probe) {
		p.mapped("/x")
		_, err := p.Read(p.fd, make([]byte, 1))
		p.want(unix.ENXIO, err)
		_, err = p.Write(p.fd, make([]byte, 1))
		p.want(unix.ENXIO, err)
	},
	noListing: func(p *probe) {
		_, err := p.Names()
		p.want(unix.ENOTSUP, err)
	},
	sandbox: func(p *probe) {
		p.mapped("/x")
		p.Deny = []string{"shm_open", "shm_unlink", "ftruncate", "fstat", "mmap"}
		_, _, _, statErr := p.Fstat(p.fd)
		_, mapErr := p.Mmap(p.fd, 1, unix.PROT_READ, unix.MAP_SHARED)
		for _, err := range []error{p.Ftruncate(p.fd, 1), statErr, mapErr, p.ShmUnlink("/x"), p.open("/x", create)} {
			p.want(unix.EPERM, err)
		}
	},
}

const create = unix.O_CREAT | unix.O_EXCL | unix.O_RDWR

// probe is a model with the descriptor that was opened last, and what went
// otherwise than a rule says.
type probe struct {
	*Model
	fd   int
	errs []error
	end  []func()
}

func (p *probe) is(ok bool, format string, args ...any) {
	if !ok {
		p.errs = append(p.errs, fmt.Errorf(format, args...))
	}
}

func (p *probe) want(want, got error) {
	if got != want {
		p.errs = append(p.errs, fmt.Errorf("got %v, want %v", got, want))
	}
}

func (p *probe) open(name string, flags int, mode ...uint32) error {
	fd, err := p.ShmOpen(name, flags, append(mode, 0o600)[0])
	if err == nil {
		p.fd = fd
		p.end = append(p.end, func() { p.Close(fd) })
	}
	return err
}

// mapped makes an object of one page.
func (p *probe) mapped(name string) []byte {
	p.want(nil, p.open(name, create))
	p.want(nil, p.Ftruncate(p.fd, p.Page))
	mem, err := p.Mmap(p.fd, int(p.Page), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	p.want(nil, err)
	return mem
}

func (p *probe) as(user int, do func()) {
	p.User = user
	do()
	p.User = -1
}

func (p *probe) size() int64 {
	size, _, _, err := p.Fstat(p.fd)
	p.want(nil, err)
	return size
}

// newModel has its state in memory, where that is a directory.
func newModel(t *testing.T, page int64) *Model {
	parent := "/dev/shm"
	if _, err := os.Stat(parent); err != nil {
		parent = ""
	}
	dir, err := os.MkdirTemp(parent, ".xnu-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	m, err := New(dir, page)
	require.NoError(t, err)
	return m
}

// ask probes a rule of a model that does not keep the flipped ones.
func ask(t *testing.T, rule string, page int64, flip ...string) error {
	m := newModel(t, page)
	m.Flip = flip
	p := &probe{Model: m}
	defer func() {
		for _, f := range p.end {
			f()
		}
	}()
	probes[rule](p)
	return errors.Join(p.errs...)
}

var pages = []int64{4096, 16384}

// TestRules: each holds.
func TestRules(t *testing.T) {
	require.Len(t, probes, len(Rules))
	for _, page := range pages {
		for _, rule := range Rules {
			t.Run(fmt.Sprintf("%d/%s", page, rule.Name), func(t *testing.T) {
				require.NoError(t, ask(t, rule.Name, page))
			})
		}
	}
}

// TestFlipped: each can fail, and fails alone.
func TestFlipped(t *testing.T) {
	for _, page := range pages {
		for _, flipped := range Rules {
			t.Run(fmt.Sprintf("%d/%s", page, flipped.Name), func(t *testing.T) {
				for _, rule := range Rules {
					err := ask(t, rule.Name, page, flipped.Name)
					if rule.Name == flipped.Name {
						require.Error(t, err)
					} else {
						require.NoError(t, err, rule.Name)
					}
				}
			})
		}
	}
}

// TestExclusiveAmongProcesses: of many that create a name one gets it.
func TestExclusiveAmongProcesses(t *testing.T) {
	m := newModel(t, 4096)
	var names []string
	for i := range 100 {
		names = append(names, fmt.Sprint("/", i))
	}
	var mu sync.Mutex
	var won []string
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			out, err := child(m, names...).Output()
			mu.Lock()
			defer mu.Unlock()
			won = append(won, strings.Fields(string(out))...)
			if err != nil {
				t.Errorf("got %v", err)
			}
		})
	}
	group.Wait()
	require.ElementsMatch(t, names, won)
}
