package shm_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm"
	. "github.com/seed72196e11/shm/internal/shmtest"
)

// This file is about many segments, and large ones.

// TestTenThousand has that many segments at once, in a directory of their own.
func TestTenThousand(t *testing.T) {
	t.Setenv("SHM_DIR", dirIn(t, Dir()))
	const n, stillOpen = 10_000, 100
	names := map[string]int{} // the users of each
	for i := range n {
		seg, err := shm.Create(fmt.Sprint("s", i), 1+i%100, nil)
		require.NoError(t, err)
		names[seg.Name()] = 0
		if i%(n/stillOpen) == 0 {
			names[seg.Name()] = 1
			defer seg.Close()
			continue
		}
		require.NoError(t, seg.Close())
	}
	infos, err := shm.List()
	require.NoError(t, err)
	require.Len(t, infos, n)
	require.True(t, slices.IsSortedFunc(infos, func(a, b shm.Info) int { return strings.Compare(a.Name, b.Name) }))
	for _, info := range infos {
		users, made := names[info.Name]
		require.True(t, made, "%s is listed twice, or was never made", info.Name)
		require.Equal(t, users, info.Users, info.Name)
		delete(names, info.Name)
		require.NoError(t, shm.Unlink(info.Name))
	}
	require.Empty(t, names, "not listed")
	require.Empty(t, entriesOf(t, Dir()))
}

// TestEightGiB writes both ends of a large sparse segment.
func TestEightGiB(t *testing.T) {
	if math.MaxInt == math.MaxInt32 {
		t.Skip("more than a 32-bit process can map")
	}
	size := 8
	size <<= 30 // a constant would not compile for 32 bits
	name := Name(t)
	seg, err := shm.Create(name, size, &shm.Options{Sparse: true})
	require.NoError(t, err)
	defer seg.Close()
	require.Len(t, seg.Bytes(), size)
	seg.Bytes()[0], seg.Bytes()[size-1] = 1, 2
	p := Start(t)
	require.Equal(t, fmt.Sprint(size), p.Ask("open", name))
	require.Equal(t, "1", p.Ask("read", 0))
	require.Equal(t, "2", p.Ask("read", size-1))
	p.Ask("write", size-2, 3)
	require.Equal(t, byte(3), seg.Bytes()[size-2])
	require.NoError(t, errors.Join(seg.Unlink(), seg.Close()))
}
