//go:build linux || darwin

package shmtest

import (
	"io/fs"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm"
	"github.com/seed72196e11/shm/internal/testenv"
)

// privateObject is the promise where a segment is an object of shm_open(2).
func privateObject(t *testing.T) {
	t.Run("the mode is exact whatever the umask", exactMode)
	t.Run("nothing but the owner's bits by default", func(t *testing.T) {
		name := Name(t)
		create(t, name, 10, nil)
		info, err := shm.Stat(name)
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode)
	})
	t.Run("others may only what the mode says", othersMay)
}

func exactMode(t *testing.T) {
	p := Start(t)
	for _, umask := range []string{"0", "77", "777"} {
		p.Ask("umask", umask)
		for _, mode := range []fs.FileMode{0o600, 0o400, 0o640, 0o666, 0o777} {
			name := Name(t)
			p.Ask("create", name, 10, strconv.FormatUint(uint64(mode), 8))
			info, err := shm.Stat(name)
			require.NoError(t, err)
			require.Equal(t, mode, info.Mode, "umask %s", umask)
			require.NoError(t, shm.Unlink(name))
		}
	}
}

func othersMay(t *testing.T) {
	needRoot(t)
	closed, readable := Name(t), Name(t)
	create(t, closed, 10, nil)
	create(t, readable, 10, &shm.Options{Mode: 0o644})
	nobody := Start(t)
	nobody.Ask("become", 65534)
	nobody.Tell("open", closed, "ro")
	require.Contains(t, nobody.Answer(), "error permission")
	nobody.Tell("open", readable)
	require.Regexp(t, "^error permission .*ReadOnly", nobody.Answer())
	require.Equal(t, "10", nobody.Ask("open", readable, "ro"), "root's segments are accepted")
	for _, name := range []string{closed, readable} {
		nobody.Tell("rm", name)
		require.Contains(t, nobody.Answer(), "error permission")
	}
	own := Name(t)
	nobody.Ask("create", own, 10)
	_, err := shm.Open(own, nil)
	require.ErrorIs(t, err, fs.ErrPermission, "root does not trust them either")
	require.NoError(t, shm.Unlink(own), "but may remove them")
}

func needRoot(t testing.TB) {
	if os.Geteuid() != 0 {
		testenv.Need(t, "root", "only root can make another user's segment")
	}
}
