package memroom

import (
	"math"
	"os"
	"path"
	"strconv"
	"strings"
)

// Now returns the tightest bound on this process's memory: the limit of its
// memory cgroup or of one above (versions 1 and 2, see cgroups(7)), or what the
// machine itself has left. It is false where the kernel does not say.
//
// File cache counts as free, since the kernel drops it first. Swap counts for
// the machine and not for a cgroup: its limits differ too much to rely on. A
// little is held back for the page tables and the bookkeeping of the memory to
// come, which are charged as well.
func Now() (Room, bool) { return system{}.room() }

// system reads /proc and /sys below root, which is another directory in tests.
type system struct{ root string }

func (s system) room() (Room, bool) {
	least, ok := s.machine()
	for _, h := range s.hierarchies() {
		for _, dir := range h.upwards() {
			free, limited := s.cgroup(h.mount+dir, h.files)
			if limited && (!ok || free < least.Free) {
				least, ok = Room{free, "memory cgroup " + dir}, true
			}
		}
	}
	least.Free = max(0, least.Free-least.Free/128-1<<20)
	return least, ok
}

func (s system) machine() (Room, bool) {
	meminfo := s.table("/proc/meminfo", ":")
	available, ok := meminfo["MemAvailable"]
	return Room{kib(available) + kib(meminfo["SwapFree"]), "this machine's memory"}, ok
}

// files are the names under which a version of the cgroups keeps its numbers.
type files struct{ limit, usage, inactive, active string }

var (
	version1 = files{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file", "total_active_file"}
	version2 = files{"memory.max", "memory.current", "inactive_file", "active_file"}
)

// hierarchy is where this process stands in a tree of memory cgroups.
type hierarchy struct {
	mount string // where the tree is mounted
	dir   string // the process's own group below it, "/" for the top
	files files
}

// upwards lists the group and all above it.
func (h hierarchy) upwards() []string {
	dirs := []string{h.dir}
	for d := h.dir; d != "/"; dirs = append(dirs, d) {
		d = path.Dir(d)
	}
	return dirs
}

// hierarchies joins where the process is (/proc/self/cgroup) with where that
// can be seen (/proc/self/mountinfo). Both versions may be there at once.
func (s system) hierarchies() []hierarchy {
	var dir1, dir2 string
	for line := range strings.Lines(s.read("/proc/self/cgroup")) {
		// hierarchy-ID:controller-list:path; version 2 has the ID 0 and no list
		id, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, dir, _ := strings.Cut(rest, ":")
		switch {
		case id == "0":
			dir2 = dir
		case contains(controllers, "memory"):
			dir1 = dir
		}
	}
	var all []hierarchy
	for line := range strings.Lines(s.read("/proc/self/mountinfo")) {
		// ID parent major:minor root mount-point options … - type source super-options
		before, after, _ := strings.Cut(line, " - ")
		mount, kind := strings.Fields(before), strings.Fields(after)
		if len(mount) < 5 || len(kind) < 3 {
			continue
		}
		at, root := unescape(mount[4]), unescape(mount[3])
		switch {
		case kind[0] == "cgroup2" && dir2 != "":
			all = append(all, hierarchy{at, below(root, dir2), version2})
		case kind[0] == "cgroup" && contains(kind[2], "memory") && dir1 != "":
			all = append(all, hierarchy{at, below(root, dir1), version1})
		}
	}
	return all
}

// below is where dir is seen in a mount that shows only what is below root, as
// in a container. What lies elsewhere is seen as the mount's top.
func below(root, dir string) string {
	if root == "/" {
		return path.Clean("/" + dir)
	}
	if rest, ok := strings.CutPrefix(dir, root); ok && (rest == "" || rest[0] == '/') {
		return path.Clean("/" + rest)
	}
	return "/"
}

// cgroup is what a group may still take, if it has a limit.
func (s system) cgroup(dir string, f files) (free int64, limited bool) {
	limit, ok := number(s.read(dir + "/" + f.limit)) // "max" is no number
	if !ok || limit >= math.MaxInt64/2 {             // version 1's way to say the same
		return 0, false
	}
	usage, ok := number(s.read(dir + "/" + f.usage))
	if !ok {
		return 0, false
	}
	stat := s.table(dir+"/memory.stat", "")
	inactive, _ := number(stat[f.inactive])
	active, _ := number(stat[f.active])
	return limit - usage + inactive + active, true
}

// read is a file's text, "" when it cannot be read: then nobody says.
func (s system) read(name string) string {
	text, _ := os.ReadFile(s.root + name)
	return string(text)
}

// table reads lines of a name, something after the name, and a value.
func (s system) table(name, after string) map[string]string {
	t := make(map[string]string)
	for line := range strings.Lines(s.read(name)) {
		if key, value, ok := strings.Cut(line, after+" "); ok {
			t[key] = strings.TrimSpace(value)
		}
	}
	return t
}

func number(text string) (int64, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	return n, err == nil
}

// kib reads "1234 kB" as bytes.
func kib(text string) int64 {
	n, _ := number(strings.TrimSuffix(text, " kB"))
	return n << 10
}

// contains says whether a comma list has an entry.
func contains(list, entry string) bool {
	return strings.Contains(","+strings.TrimSpace(list)+",", ","+entry+",")
}

// unescape undoes what proc(5) does to blanks and backslashes in paths.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace
