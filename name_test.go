package shm_test

import (
	"encoding/base32"
	"fmt"
	"log"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm"
)

// TestNewName makes names faster than the clock ticks: they still differ and
// sort by the time they were made.
func TestNewName(t *testing.T) {
	names := make([]string, 10_000)
	for i := range names {
		names[i] = shm.NewName()
	}
	require.True(t, slices.IsSorted(names))
	require.Len(t, slices.Compact(slices.Clone(names)), len(names))
	require.Regexp(t, `^psm_[0-9a-v]{26}$`, names[0])
}

func TestNewNameIsAUUID(t *testing.T) {
	before := time.Now()
	id, err := decodeName(shm.NewName())
	require.NoError(t, err)
	require.EqualValues(t, 7, id.Version())
	require.Equal(t, uuid.RFC4122, id.Variant())
	sec, nsec := id.Time().UnixTime()
	require.WithinDuration(t, before, time.Unix(sec, nsec), time.Minute)
}

// The 26 characters behind "psm_" are a version-7 UUID, which holds the time.
func ExampleNewName() {
	id, err := decodeName("psm_06h0c7e19hr2hb63fr8sbp2ue8")
	if err != nil {
		log.Fatal(err)
	}
	sec, nsec := id.Time().UnixTime()
	fmt.Println(id.Version(), id)
	fmt.Println(time.Unix(sec, nsec).UTC().Format(time.RFC3339Nano))
	// Output:
	// VERSION_7 01a2061d-c14c-7628-acc3-7ed1c5e45e72
	// 2026-11-23T01:55:43.052Z
}

func decodeName(name string) (uuid.UUID, error) {
	text := strings.ToUpper(strings.TrimPrefix(name, "psm_"))
	raw, err := base32.HexEncoding.WithPadding(base32.NoPadding).DecodeString(text)
	if err != nil {
		return uuid.Nil, err
	}
	return uuid.FromBytes(raw)
}
