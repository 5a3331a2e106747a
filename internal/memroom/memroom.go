// Package memroom says how much memory this process may still take before the
// kernel kills it. A memory cgroup, as containers have one, does not refuse:
// whoever goes over its limit is killed.
package memroom

// Room is how much memory is left, and what bounds it.
type Room struct {
	Free  int64  // bytes
	Where string // "memory cgroup /docker/…", "this machine's memory"
}
