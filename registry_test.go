//go:build linux || darwin

package shm

import (
	"encoding/binary"
	"hash/crc32"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func goodRecord() record {
	return record{
		state: live, id: newID(), name: "psm_Ä", size: 5000, rounded: 16384, mode: 0o640, uid: 501,
		lifetime: UntilLastClose, created: time.Unix(1, 2), boot: "5EC0E3A0-0000-4000-8000-C0FFEE000000",
	}
}

func TestRecord(t *testing.T) {
	good := goodRecord()
	got, err := parseRecord(good.bytes())
	require.NoError(t, err)
	require.Equal(t, good, got)

	t.Run("no byte may change", func(t *testing.T) {
		for i := range recordSize {
			b := good.bytes()
			b[i] ^= 1
			_, err := parseRecord(b)
			require.Error(t, err, "byte %d", i)
		}
	})
	t.Run("nor its length", func(t *testing.T) {
		b := good.bytes()
		for _, b := range [][]byte{nil, b[:recordSize-1], append(b, 0)} {
			_, err := parseRecord(b)
			require.Error(t, err, "%d bytes", len(b))
		}
	})
	t.Run("nor may it contradict itself", func(t *testing.T) {
		for what, change := range map[string]func(*record){
			"state":        func(r *record) { r.state = recordStates },
			"name":         func(r *record) { r.name = "a/b" },
			"no name":      func(r *record) { r.name = "" },
			"size":         func(r *record) { r.size = -1 },
			"rounded size": func(r *record) { r.rounded = r.size - 1 },
			"mode":         func(r *record) { r.mode = 0o1000 },
			"lifetime":     func(r *record) { r.lifetime = 2 },
		} {
			r := good
			change(&r)
			_, err := parseRecord(r.bytes())
			require.Error(t, err, what)
		}
	})
}

// FuzzRecord reads what stands in a record's file, as it is and with a magic
// and a checksum that are right.
func FuzzRecord(f *testing.F) {
	good := goodRecord().bytes()
	f.Add(good)
	f.Add(good[:recordSize-1])
	f.Fuzz(func(t *testing.T, b []byte) {
		sealed := make([]byte, recordSize)
		copy(sealed, b)
		copy(sealed, recordMagic)
		binary.LittleEndian.PutUint32(sealed[sumAt:], crc32.ChecksumIEEE(sealed[:sumAt]))
		for _, b := range [][]byte{b, sealed} {
			r, err := parseRecord(b)
			if err != nil {
				continue
			}
			if checkName(r.name) != nil || r.size < 0 || r.size > r.rounded || r.mode > 0o777 {
				t.Fatalf("accepted: %+v", r)
			}
			again, err := parseRecord(r.bytes())
			if err != nil || again != r {
				t.Fatalf("%+v became %+v, %v", r, again, err)
			}
		}
	})
}
