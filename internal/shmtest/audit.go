package shmtest

import (
	"bufio"
	"cmp"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm"
)

// call is what a book tells of one call. When one call's ended is less than
// another's begun, it was over before the other began.
type call struct {
	what   string // create, open, close, unlink, remove (Unlink by name)
	name   string
	number uint64 // the segment's; of close the begun of the call that opened it; 0 where unknown
	begun  uint64
	ended  uint64 // never, if nothing is told of its outcome
	done   bool   // else it was refused, or the outcome is unknown
	left   uint64 // when its process was last heard of, or closed what this call opened
}

const never = math.MaxUint64

func (c call) refused() bool { return !c.done && c.ended != never }

// readBook reads one process's book, whose last line may be cut short.
func readBook(t *testing.T, path string) (calls []call) {
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil // killed before it could make one
	}
	require.NoError(t, err)
	defer f.Close()
	opened := map[uint64]int{} // where in calls, by begun
	var last uint64
	for r := bufio.NewReader(f); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			break
		}
		words := strings.Fields(line)
		ticket := number(t, words[0])
		last = ticket
		require.NotEqual(t, "wrong", words[1], line)
		if words[1] == "done" || words[1] == "refused" {
			c := &calls[len(calls)-1]
			require.Equal(t, c.begun, number(t, words[2]))
			c.ended, c.done, c.number = ticket, words[1] == "done", number(t, words[3])
			continue
		}
		c := call{what: words[1], name: words[2], number: number(t, words[3]), begun: ticket, ended: never}
		if c.what == "close" {
			calls[opened[c.number]].left = c.begun
		}
		opened[c.begun] = len(calls)
		calls = append(calls, c)
	}
	for i := range calls {
		if calls[i].left == 0 {
			calls[i].left = last
		}
	}
	return calls
}

func number(t *testing.T, word string) uint64 {
	n, err := strconv.ParseUint(word, 10, 64)
	require.NoError(t, err, word)
	return n
}

// life is what the books tell of one segment.
type life struct {
	number   uint64
	name     string
	lifetime shm.Lifetime
	create   call
	uses     []call // calls that opened it, the first one too
	unlinks  []call
}

// audit checks what all calls say together.
func audit(t *testing.T, history []call) {
	lives := map[uint64]*life{}
	removals := map[string][]call{} // by name
	var creates, opens, unlinks, unknown int
	for _, c := range history {
		if c.ended == never {
			unknown++
		}
		switch c.what {
		case "create":
			l := &life{number: c.number, name: c.name, lifetime: shm.Lifetime(c.number % 2), create: c}
			lives[c.number] = l
			if c.done {
				creates++
				l.uses = append(l.uses, c)
			}
		case "remove":
			removals[c.name] = append(removals[c.name], c)
		}
	}
	for _, c := range history {
		switch {
		case c.what == "unlink":
			l := lives[c.number]
			l.unlinks = append(l.unlinks, c)
			if c.done {
				unlinks++
			}
		case c.what == "open" && c.done:
			opens++
			l := lives[c.number]
			require.NotNil(t, l, "a segment that nobody made was opened: %+v", c)
			require.Equal(t, l.name, c.name, "opened under another's name")
			require.False(t, l.create.refused(), "what was refused was opened: %+v", c)
			require.Less(t, l.create.begun, c.ended)
			l.uses = append(l.uses, c)
		}
	}
	for _, l := range lives {
		l.audit(t)
	}
	for name, removals := range removals {
		balance(t, name, lives, removals)
	}
	for name, there := range timesThere(lives, removals) {
		exclusive := there[:0:0]
		for _, s := range there {
			if n := len(exclusive); n > 0 && s.from < exclusive[n-1].to {
				require.Equal(t, exclusive[n-1].number, s.number, "two segments had the name %s at once: %+v", name, []span{exclusive[n-1], s})
				exclusive[n-1].to = max(exclusive[n-1].to, s.to)
				continue
			}
			exclusive = append(exclusive, s)
		}
		for _, c := range history {
			if c.what == "open" && c.name == name && c.ended != never {
				i, _ := slices.BinarySearchFunc(exclusive, c.begun, func(s span, at uint64) int { return cmp.Compare(s.from, at) })
				if i > 0 && exclusive[i-1].to > c.ended {
					require.True(t, c.done, "it was there, and was not found: %+v, %+v", exclusive[i-1], c)
					require.Equal(t, exclusive[i-1].number, c.number, "another one was there: %+v, %+v", exclusive[i-1], c)
				}
			}
		}
	}
	t.Logf("%d calls: %d segments, opened %d times, %d unlinked; of %d calls the outcome is unknown", len(history), creates, opens, unlinks, unknown)
	require.Positive(t, creates)
	require.Positive(t, opens)
	require.Positive(t, unlinks)
}

// audit checks that nobody removed a segment that had been removed, and that
// nobody met it later.
func (l *life) audit(t *testing.T) {
	gone := uint64(never) // when that was known for certain
	var removed *call
	for _, c := range l.unlinks {
		if c.done {
			require.Nil(t, removed, "unlinked twice: %+v and %+v", removed, c)
			removed = &c
		}
		if c.ended < gone {
			gone = c.ended
		}
	}
	if removed != nil {
		require.LessOrEqual(t, removed.begun, gone, "its Unlink was refused, and a later one was not: %+v", l)
	}
	for _, c := range l.uses {
		require.Less(t, c.begun, gone, "opened when its Unlink was over: %+v", l)
	}
}

// balance weighs the segments that had a name against the Unlinks of the name.
// Each of these removed one, and each segment until unlink that was removed
// otherwise by none was removed by one of these.
func balance(t *testing.T, name string, lives map[uint64]*life, removals []call) {
	var certain, possible, mustHave, mayHave int
	for _, c := range removals {
		if c.done {
			certain++
		}
		if !c.refused() {
			possible++
		}
	}
	for _, l := range lives {
		if l.name != name || l.create.refused() {
			continue
		}
		unlinked := slices.ContainsFunc(l.unlinks, func(c call) bool { return c.done })
		perhaps := slices.ContainsFunc(l.unlinks, func(c call) bool { return c.ended == never })
		if !unlinked {
			mayHave++
		}
		if l.create.done && l.lifetime == shm.UntilUnlink && !unlinked && !perhaps {
			mustHave++
		}
	}
	require.LessOrEqual(t, certain, mayHave, "%s was unlinked more often than it was there", name)
	require.LessOrEqual(t, mustHave, possible, "%s went without an Unlink", name)
}

// span is a time between two tickets in which a segment was there for certain.
type span struct {
	number   uint64
	from, to uint64
}

// timesThere are the spans by name and in order: until unlink a segment was
// there from the end of its Create to the first call that could remove it, and
// until last close while somebody had it open.
func timesThere(lives map[uint64]*life, removals map[string][]call) map[string][]span {
	there := map[string][]span{}
	for _, l := range lives {
		to := uint64(never)
		for _, c := range l.unlinks {
			to = min(to, c.begun)
		}
		for _, c := range removals[l.name] {
			if c.ended > l.create.begun {
				to = min(to, c.begun)
			}
		}
		for _, use := range l.uses {
			s := span{l.number, use.ended, to}
			if l.lifetime == shm.UntilLastClose {
				s.to = min(to, use.left)
			}
			if s.from < s.to {
				there[l.name] = append(there[l.name], s)
			}
		}
	}
	for _, spans := range there {
		slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	}
	return there
}
