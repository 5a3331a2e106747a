package human_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm/internal/human"
)

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 bytes", 1023: "1023 bytes", 1024: "1.0 KiB", 64 << 20: "64.0 MiB", 1<<20 - 1: "1.0 MiB",
		220_000_000: "209.8 MiB", math.MaxInt64: "8.0 EiB", -2048: "-2.0 KiB",
	} {
		require.Equal(t, want, human.Bytes(n))
	}
}
