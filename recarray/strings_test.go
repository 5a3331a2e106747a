package recarray_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm/recarray"
)

func stringColumn(t testing.TB, a *recarray.Array, name string) recarray.StringColumn {
	t.Helper()
	c, err := recarray.Strings(a, name)
	require.NoError(t, err)
	return c
}

func TestStringsBytes(t *testing.T) {
	a := newArray(t, "[('n', 'u1'), ('s', 'S6'), ('m', 'u1')]", 3)
	s := stringColumn(t, a, "s")
	require.Equal(t, 3, s.Len())
	for _, v := range []string{"", "a", "abcdef", "a\x00b", "\xff\xfe", "日本"} {
		require.NoError(t, s.Set(1, v))
		require.Equal(t, v, s.At(1))
		require.Equal(t, append([]byte(v), make([]byte, 6-len(v))...), s.Raw(1))
	}
	require.Equal(t, "\x00\x00\x00\x00\x00\x00\x00\x00", string(a.Bytes()[:8]), "the record before")
	require.Equal(t, "\x00\x00\x00\x00\x00\x00\x00\x00", string(a.Bytes()[16:]), "the record behind")

	require.NoError(t, s.Set(2, "keep"))
	err := s.Set(2, "abcdefg")
	require.ErrorIs(t, err, recarray.ErrTooLong)
	require.EqualError(t, err, "recarray: field 's', record 2: text too long: 'abcdefg' has 7 bytes, the field holds 6")
	require.EqualError(t, s.Set(2, "ab\x00"), `recarray: field 's', record 2: 'ab\x00' ends in a zero, which would be lost as padding`)
	require.Equal(t, "keep", s.At(2), "an error leaves the memory as it was")

	require.True(t, s.SetCut(2, "abcdefg"))
	require.Equal(t, "abcdef", s.At(2))
	require.False(t, s.SetCut(2, "abc"))
	require.Equal(t, "abc", s.At(2))
	require.True(t, s.SetCut(2, "ab\x00"))
	require.Equal(t, "ab", s.At(2))

	raw := s.Raw(2)
	clear(raw)
	require.Equal(t, "ab", s.At(2), "Raw is a copy")
	got := s.At(2)
	require.NoError(t, s.Set(2, "xyz"))
	require.Equal(t, "ab", got, "no string aliases the memory")
}

func TestStringsText(t *testing.T) {
	for _, typ := range []string{"<U4", ">U4"} {
		a := newArray(t, "[('n', 'u1'), ('u', '"+typ+"')]", 2)
		u := stringColumn(t, a, "u")
		for _, v := range []string{"", "a", "日本語x", "😀\x00b", "é"} {
			require.NoError(t, u.Set(1, v))
			require.Equal(t, v, u.At(1))
		}
		require.NoError(t, u.Set(1, "é"))
		want := []byte{0xe9, 0, 0, 0}
		if typ[0] == '>' {
			want = []byte{0, 0, 0, 0xe9}
		}
		require.Equal(t, append(want, make([]byte, 12)...), u.Raw(1))

		require.EqualError(t, u.Set(1, "abcde"), "recarray: field 'u', record 1: text too long: 'abcde' has 5 characters, the field holds 4")
		require.EqualError(t, u.Set(1, "a\xff"), `recarray: field 'u', record 1: 'a\ufffd' is not UTF-8`)
		require.ErrorContains(t, u.Set(1, "a\x00"), "ends in a zero")
		require.Equal(t, "é", u.At(1), "an error leaves the memory as it was")

		require.True(t, u.SetCut(1, "日本語です"))
		require.Equal(t, "日本語で", u.At(1))
		require.False(t, u.SetCut(1, "日本語で"))
		require.True(t, u.SetCut(1, "a\xff"))
		require.Equal(t, "a\ufffd", u.At(1))
		require.True(t, u.SetCut(1, "a\x00"))
		require.Equal(t, "a", u.At(1))

		// Whatever another process leaves there can be read.
		for _, bad := range [][]byte{{0, 0xd8, 0, 0}, {0, 0, 0x11, 0}, {0xff, 0xff, 0xff, 0xff}} {
			if typ[0] == '>' {
				bad = []byte{bad[3], bad[2], bad[1], bad[0]}
			}
			copy(a.Bytes()[1:], bad)
			require.Equal(t, "\ufffd", u.At(0))
			require.Equal(t, bad, u.Raw(0)[:4])
		}
		n := 0
		for i, s := range u.All() {
			require.Equal(t, u.At(i), s)
			n++
		}
		require.Equal(t, 2, n)
	}
}
