package memroom

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each case is what the files of a machine say; proc(5) and cgroups(7) have
// their forms.
func TestRoom(t *testing.T) {
	const gib, mib = 1 << 30, 1 << 20
	machine := map[string]string{"/proc/meminfo": "MemTotal: 8388608 kB\nMemAvailable:    4194304 kB\nSwapFree:        1048576 kB\n"}
	v2 := "/sys/fs/cgroup"
	v1 := "/sys/fs/cgroup/memory"
	for name, c := range map[string]struct {
		files map[string]string
		free  int64 // before what is held back
		where string
	}{
		"no cgroup": {nil, 5 * gib, "this machine's memory"},
		"version 2, the limit above": {map[string]string{
			"/proc/self/cgroup":                  "0::/user/job/step\n",
			"/proc/self/mountinfo":               "30 23 0:26 / " + v2 + " rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
			v2 + "/user/job/step/memory.max":     "max\n",
			v2 + "/user/job/memory.max":          "104857600\n",
			v2 + "/user/job/memory.current":      "41943040\n",
			v2 + "/user/job/memory.stat":         "anon 100\nfile 5\ninactive_file 1048576\nactive_file 2097152\n",
			v2 + "/user/memory.max":              "1073741824\n",
			v2 + "/user/memory.current":          "0\n",
			v2 + "/elsewhere/memory.max":         "1\n",
			v2 + "/elsewhere/memory.current":     "0\n",
			v2 + "/user/job/step/memory.stat":    "inactive_file 99999999999\n",
			v2 + "/user/job/step/memory.current": "1\n",
		}, (100 - 40 + 1 + 2) * mib, "memory cgroup /user/job"},
		"version 2, in a container": {map[string]string{
			"/proc/self/cgroup":    "0::/\n",
			"/proc/self/mountinfo": "30 23 0:26 / " + v2 + " ro - cgroup2 cgroup rw\n",
			v2 + "/memory.max":     "67108864\n",
			v2 + "/memory.current": "1048576\n",
		}, 63 * mib, "memory cgroup /"},
		"version 1, in a container that sees the machine's path": {map[string]string{
			"/proc/self/cgroup":           "9:name=systemd:/docker/abc\n4:cpu,memory:/docker/abc\n0::/\n",
			"/proc/self/mountinfo":        "35 31 0:32 /docker/abc " + v1 + " ro - cgroup cgroup rw,memory\n",
			v1 + "/memory.limit_in_bytes": "67108864\n",
			v1 + "/memory.usage_in_bytes": "60000000\n",
			v1 + "/memory.stat":           "inactive_file 1\ntotal_inactive_file 5000000\ntotal_active_file 0\n",
		}, 67108864 - 60000000 + 5000000, "memory cgroup /"},
		"version 1 without a limit": {map[string]string{
			"/proc/self/cgroup":             "4:memory:/a\n",
			"/proc/self/mountinfo":          "35 31 0:32 / " + v1 + " rw - cgroup cgroup rw,memory\n",
			v1 + "/a/memory.limit_in_bytes": "9223372036854771712\n",
			v1 + "/a/memory.usage_in_bytes": "60000000\n",
		}, 5 * gib, "this machine's memory"},
		"a mount with blanks": {map[string]string{
			"/proc/self/cgroup":           "0::/a\n",
			"/proc/self/mountinfo":        `30 23 0:26 / /my\040groups rw - cgroup2 cgroup2 rw` + "\n",
			"/my groups/a/memory.max":     "100000000\n",
			"/my groups/a/memory.current": "1\n",
		}, 99999999, "memory cgroup /a"},
		"over the limit": {map[string]string{
			"/proc/self/cgroup":    "0::/\n",
			"/proc/self/mountinfo": "30 23 0:26 / " + v2 + " ro - cgroup2 cgroup rw\n",
			v2 + "/memory.max":     "1000\n",
			v2 + "/memory.current": "2000\n",
		}, 0, "memory cgroup /"},
		"nonsense": {map[string]string{
			"/proc/self/cgroup":    "\n:::\n4:memory\nmemory:x",
			"/proc/self/mountinfo": "\n - \n1 2 3 4 5 - cgroup2\n" + " - cgroup2 a b\n",
		}, 5 * gib, "this machine's memory"},
	} {
		t.Run(name, func(t *testing.T) {
			s := system{t.TempDir()}
			for _, files := range []map[string]string{machine, c.files} {
				for path, text := range files {
					path = s.root + path
					require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
					require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
				}
			}
			room, ok := s.room()
			require.True(t, ok)
			require.Equal(t, Room{max(0, c.free-c.free/128-mib), c.where}, room)
		})
	}
	t.Run("nothing is said", func(t *testing.T) {
		_, ok := system{t.TempDir()}.room()
		require.False(t, ok)
	})
	t.Run("this very machine says", func(t *testing.T) {
		room, ok := Now()
		require.True(t, ok)
		require.Positive(t, room.Free)
		require.NotEmpty(t, room.Where)
	})
}
