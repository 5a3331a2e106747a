// Package testenv is what tests need of the machine they run on.
package testenv

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// Need skips a test that lacks a thing and says why. When the environment
// variable SHM_TEST_REQUIRE lists the thing ("python,root"), the test fails
// instead: a machine that is to prove everything must not skip in silence.
func Need(t testing.TB, thing, why string) {
	t.Helper()
	if slices.Contains(strings.Split(os.Getenv("SHM_TEST_REQUIRE"), ","), thing) {
		t.Fatalf("%s: %s", thing, why)
	}
	t.Skipf("%s: %s", thing, why)
}
