package main

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm"
	"github.com/seed72196e11/shm/internal/shmtest"
)

// BenchmarkCreate makes a segment and removes it.
func BenchmarkCreate(b *testing.B) {
	supported(b)
	b.Run("bytes=4096", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			seg, err := shm.Create("", 4096, nil)
			require.NoError(b, err)
			require.NoError(b, seg.Unlink())
			require.NoError(b, seg.Close())
		}
	})
}

// BenchmarkOpen attaches to a segment and leaves it.
func BenchmarkOpen(b *testing.B) {
	supported(b)
	b.Run("bytes=4096", func(b *testing.B) {
		name := shmtest.Name(b)
		seg, err := shm.Create(name, 4096, nil)
		require.NoError(b, err)
		b.Cleanup(func() { seg.Close() })
		b.ReportAllocs()
		for b.Loop() {
			other, err := shm.Open(name, nil)
			require.NoError(b, err)
			require.NoError(b, other.Close())
		}
	})
}

// BenchmarkFill copies a table into new memory: a segment's, and Go's own.
func BenchmarkFill(b *testing.B) {
	supported(b)
	const size = 220_000_000 // ten million records of 22 bytes
	table := make([]byte, size)
	for i := range table {
		table[i] = byte(i)
	}
	b.Run(fmt.Sprintf("bytes=%d/segment", size), func(b *testing.B) {
		b.SetBytes(size)
		b.ReportAllocs()
		for b.Loop() {
			seg, err := shm.Create("", size, &shm.Options{Init: func(mem []byte) error {
				copy(mem, table)
				return nil
			}})
			require.NoError(b, err)
			require.NoError(b, seg.Unlink())
			require.NoError(b, seg.Close())
		}
	})
	b.Run(fmt.Sprintf("bytes=%d/slice", size), func(b *testing.B) {
		b.SetBytes(size)
		b.ReportAllocs()
		for b.Loop() {
			copy(make([]byte, size), table)
		}
	})
}

func supported(b *testing.B) {
	if !shmtest.Supported {
		b.Skip("there are no segments on this system yet")
	}
}
