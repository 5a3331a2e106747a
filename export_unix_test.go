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
