package shmtest

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"

	"github.com/seed72196e11/shm"
)

func private(t *testing.T) {
	t.Run("nobody but the owner", func(t *testing.T) {
		user, err := windows.GetCurrentProcessToken().GetTokenUser()
		require.NoError(t, err)
		name := Name(t)
		create(t, name, 10, nil)
		info, err := shm.Stat(name)
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode)
		require.Equal(t, user.User.Sid.String(), info.Owner)

		sd, err := windows.GetNamedSecurityInfo(Path(name), windows.SE_FILE_OBJECT,
			windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
		require.NoError(t, err)
		owner, _, err := sd.Owner()
		require.NoError(t, err)
		require.True(t, user.User.Sid.Equals(owner), "%v", owner)
		acl, _, err := sd.DACL()
		require.NoError(t, err)
		require.EqualValues(t, 2, acl.AceCount, "the user and the system: %v", sd)
	})

	t.Run("there are no other modes", func(t *testing.T) {
		for _, mode := range []fs.FileMode{0o400, 0o640, 0o666, 0o777} {
			name := Name(t)
			_, err := shm.Create(name, 10, &shm.Options{Mode: mode})
			require.ErrorIs(t, err, errors.ErrUnsupported)
			require.Contains(t, err.Error(), "0600")
			absent(t, name)
		}
		create(t, Name(t), 10, &shm.Options{Mode: 0o600})
	})

	t.Run("what is no segment is refused", func(t *testing.T) {
		source := Name(t)
		create(t, source, 10, nil)
		segment, err := os.ReadFile(Path(source))
		require.NoError(t, err)
		garbage := bytes.Repeat([]byte{0xa5}, len(segment))
		damaged := bytes.Clone(segment)
		damaged[len(segment)-4096+32] ^= 0xff // the size
		for kind, plant := range map[string]func(path string) error{
			"directory":         func(path string) error { return os.Mkdir(path, 0o777) },
			"symbolic link":     func(path string) error { return os.Symlink(Path(source), path) },
			"empty file":        func(path string) error { return os.WriteFile(path, nil, 0o600) },
			"short file":        func(path string) error { return os.WriteFile(path, []byte("hello"), 0o600) },
			"one page":          func(path string) error { return os.WriteFile(path, segment[4096:], 0o600) },
			"garbage":           func(path string) error { return os.WriteFile(path, garbage, 0o600) },
			"a segment's bytes": func(path string) error { return os.WriteFile(path, segment, 0o600) },
			"damaged":           func(path string) error { return os.WriteFile(path, damaged, 0o600) },
			"cut":               func(path string) error { return os.WriteFile(path, segment[:len(segment)-1], 0o600) },
		} {
			name := Name(t)
			err := plant(Path(name))
			if _, statErr := os.Lstat(Path(name)); kind == "symbolic link" && (err != nil || statErr != nil) {
				continue // it takes an administrator or a developer's machine, and Wine only says that it made one
			}
			require.NoError(t, err, kind)
			t.Cleanup(func() { os.Remove(Path(name)) })
			_, openErr := shm.Open(name, nil)
			_, readErr := shm.Open(name, &shm.Options{ReadOnly: true})
			_, statErr := shm.Stat(name)
			for call, err := range map[string]error{"Open": openErr, "Open read-only": readErr, "Stat": statErr, "Unlink": shm.Unlink(name)} {
				require.ErrorIs(t, err, shm.ErrForeign, "%s of a %s", call, kind)
			}
			_, err = shm.Create(name, 10, nil)
			require.ErrorIs(t, err, fs.ErrExist, "Create over a %s", kind)
			require.False(t, listed(t, name), "a %s is listed", kind)
			require.NoError(t, os.Remove(Path(name)), "it is still there")
		}
	})
}
