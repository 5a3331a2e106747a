//go:build linux

package shm_test

import (
	"fmt"
	"testing"

	. "github.com/seed72196e11/shm/internal/shmtest"
	"github.com/seed72196e11/shm/internal/xnu"
)

// This file tests what only macOS can fail at, on a model of it.

// TestContractOnXNU keeps the contract with the calls of macOS.
func TestContractOnXNU(t *testing.T) {
	for _, page := range []int{4096, 16384} {
		t.Run(fmt.Sprintf("pages of %d", page), func(t *testing.T) {
			t.Parallel()
			onXNU(t, fmt.Sprintf("page=%d", page)).Run(t, "TestContract")
		})
	}
}

// onXNU are surroundings where the system is a model of macOS.
func onXNU(t *testing.T, options string) Surroundings {
	dir := dirIn(t, "/dev/shm")
	return Surroundings{Dir: dir, Env: []string{xnu.Variable + "=dir=" + dir + "/kernel," + options}}
}
