package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm"
)

// TestPrintList has the longest of each kind, and one of which nothing is known.
func TestPrintList(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, printList(&out, []shm.Info{
		{Name: "psm_06h0c7e19hr2hb63fr8sbp2ue8", Mode: 0o600, Owner: "no such user",
			Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local), Lifetime: shm.UntilLastClose, Users: 12, Foreign: 3},
		{Name: "x", Mode: 0o644, Owner: "no such user", Users: -1, Foreign: -1},
	}))
	require.Equal(t, `NAME                            SIZE     MODE        OWNER         CREATED           LIFETIME    USERS  RECORDS  DTYPE
psm_06h0c7e19hr2hb63fr8sbp2ue8  0 bytes  -rw-------  no such user  2026-01-02 03:04  last close  12     -        -
x                               0 bytes  -rw-r--r--  no such user  -                 unlink      -      -        -
`, out.String())
}

func TestPrintStat(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, printStat(&out, shm.Info{Name: "x y ", Mode: 0o644, Owner: "17", Users: -1, Foreign: -1}, "ada"))
	require.Equal(t, `name:            "x y "
size:            0 bytes
mode:            -rw-r--r--
owner:           ada (17)
created:         unknown
lifetime:        until unlink
users:           unknown
other processes: unknown
table:           unknown: its creator has not finished it
`, out.String())
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		line  string
		width int
		want  string
	}{
		{"abcdef", 0, "abcdef"},
		{"abcdef", 6, "abcdef"},
		{"abcdef", 5, "abcd…"},
		{"", 5, ""},
		{"日本語", 6, "日本語"},
		{"日本語", 5, "日本…"},
		{"日本語", 4, "日…"},
	} {
		require.Equal(t, c.want, cut(c.line, c.width), "%q in %d", c.line, c.width)
	}
	require.Zero(t, lineWidth(&bytes.Buffer{}))
}
