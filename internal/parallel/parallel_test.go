package parallel_test

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm/internal/parallel"
)

func TestPieces(t *testing.T) {
	for _, n := range []int{0, 1, 9, 10, 11, 1000} {
		seen := make([]atomic.Int32, n)
		require.NoError(t, parallel.Pieces(n, 10, func(from, to int) error {
			require.LessOrEqual(t, to-from, 10)
			for i := from; i < to; i++ {
				seen[i].Add(1)
			}
			return nil
		}))
		for i := range seen {
			require.EqualValues(t, 1, seen[i].Load(), "%d of %d", i, n)
		}
	}
}

func TestPiecesEndAfterAnError(t *testing.T) {
	wrong := errors.New("wrong")
	var calls atomic.Int32
	require.ErrorIs(t, parallel.Pieces(1_000_000, 1, func(from, to int) error {
		calls.Add(1)
		return wrong
	}), wrong)
	require.Less(t, calls.Load(), int32(1_000_000))
}
