//go:build linux || darwin

package shm

import (
	"os"

	"github.com/seed72196e11/shm/internal/xnu"
)

// Where the environment describes a model of macOS, the tests run on that, and
// so do all the processes they start.
func init() {
	text := os.Getenv(xnu.Variable)
	if text == "" {
		return
	}
	model, err := xnu.Parse(text)
	if err != nil {
		panic(err)
	}
	native = macos{model}
}

// Publishing is what others meet while a segment of that name is being
// published; size 0 stands for no object yet. Over is the creator's death.
func Publishing(name string, size int) (over func(), err error) {
	path, err := recordPath(name)
	if err != nil {
		return nil, err
	}
	m := native.(macos)
	f, err := makeRecord(path, record{
		state: making, id: newID(), name: name, size: int64(size), rounded: roundUp(size),
		mode: 0o600, uid: uint32(os.Geteuid()), boot: m.BootID(),
	})
	if err != nil {
		return nil, err
	}
	if size > 0 {
		fd, err := m.ShmOpen("/"+name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			err = m.Ftruncate(fd, roundUp(size))
			m.Close(fd)
		}
		if err != nil {
			return nil, err
		}
	}
	return func() { f.close() }, nil
}

// RecordPath is where the record of a name stands.
func RecordPath(name string) (string, error) { return recordPath(name) }
