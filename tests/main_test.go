// Package tests holds what needs more than one package or program: other
// processes, Python, and the rules between packages.
package tests

import (
	"testing"

	"github.com/seed72196e11/shm/internal/shmtest"
)

func TestMain(m *testing.M) { shmtest.Main(m) }
