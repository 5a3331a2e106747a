package shmtest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm"
	"github.com/seed72196e11/shm/internal/testenv"
)

// Hammer has many processes create, open, unlink, close and prune segments of
// the same few names while they are killed at random moments, and then audits
// what they did.
//
// Each segment has a number, which Init writes into every page. Each process
// keeps a book: a line before a call and one after it, with tickets drawn from
// one counter, so that it is known which calls were over when another began. A
// process that is killed leaves at most one call without an outcome. So of each
// number it can be said when the segment was there for certain, and who may have
// removed it: see audit.
type Hammer struct {
	Processes int // at a time
	Names     int
	Duration  time.Duration // then they come to their ends
}

// Run fails the test if a promise is broken. It works in a directory of its own.
func (h Hammer) Run(t *testing.T) {
	_, dir, _ := strings.Cut(privateDir(t), "=")
	t.Setenv("SHM_DIR", dir)
	counter, err := shm.Create("", 8, nil)
	require.NoError(t, err)
	defer counter.Close()
	defer counter.Unlink()
	names := make([]string, h.Names)
	for i := range names {
		names[i] = shm.NewName()
	}

	path := filepath.Join(testenv.TempDir(t), "book")
	books := h.swing(t, path, counter.Name(), names)
	history := sweep(t, counter, names)
	for i := range books {
		history = append(history, readBook(t, fmt.Sprint(path, i))...)
	}
	if runtime.GOOS == "linux" { // elsewhere the directory holds more than segments
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, entries, 1, "the counter's segment alone: %v", entries)
	}
	audit(t, history)
}

// swing starts processes, kills them and starts others in their place until the
// time is over. Then one half is killed and the other ends in peace. It returns
// how many there were.
func (h Hammer) swing(t *testing.T, path, counter string, names []string) (books int) {
	type worker struct {
		*Process
		dies time.Time
	}
	start := func() worker {
		p := StartAs(t, hammering)
		p.Tell(fmt.Sprint(path, books), counter, strings.Join(names, " "))
		books++
		return worker{p, time.Now().Add(200*time.Millisecond + rand.N(time.Second))}
	}
	over := time.Now().Add(h.Duration)
	workers := make([]worker, h.Processes)
	for i := range workers {
		workers[i] = start()
	}
	for {
		next := 0
		for i, w := range workers {
			if w.dies.Before(workers[next].dies) {
				next = i
			}
		}
		if workers[next].dies.After(over) {
			break
		}
		time.Sleep(time.Until(workers[next].dies))
		require.True(t, workers[next].Running(), "a process ended before it was killed")
		workers[next].Kill()
		workers[next] = start()
	}
	time.Sleep(time.Until(over))
	for i, w := range workers {
		require.True(t, w.Running(), "a process ended before it was killed")
		if i%2 == 0 {
			w.Kill()
		} else {
			w.stdin.Close() // all at once
		}
	}
	for i, w := range workers {
		if i%2 != 0 {
			w.Exit()
		}
	}
	return books
}

// sweep removes what is to be left when all processes are gone, and returns the
// history of that.
func sweep(t *testing.T, counter shm.Segment, names []string) (history []call) {
	tickets := ticketsOf(counter)
	lasting := func() (infos []shm.Info) {
		all, err := shm.List()
		require.NoError(t, err)
		return slices.DeleteFunc(all, func(i shm.Info) bool { return !slices.Contains(names, i.Name) })
	}
	eventually(t, "Prune leaves segments that were to last until the last Close", func() bool {
		_, err := shm.Prune()
		require.NoError(t, err)
		return !slices.ContainsFunc(lasting(), func(i shm.Info) bool { return i.Lifetime == shm.UntilLastClose || i.Users != 0 })
	})
	for _, info := range lasting() {
		seg, err := shm.Open(info.Name, nil)
		require.NoError(t, err)
		number, err := stamped(seg.Bytes())
		require.NoError(t, err)
		c := call{what: "unlink", name: info.Name, number: number, begun: tickets.Add(1)}
		require.NoError(t, seg.Unlink())
		require.NoError(t, seg.Close())
		c.ended, c.done = tickets.Add(1), true
		history = append(history, c)
	}
	require.Empty(t, lasting())
	return history
}

const hammering = "hammering"

// hammerer is one of the processes.
type hammerer struct {
	tickets *atomic.Uint64
	book    io.Writer
	names   []string
	held    map[string]held
}

type held struct {
	seg    shm.Segment
	number uint64
	since  uint64 // the ticket of the call that opened it
}

// hammerAway is told the path of its book, the name of the counter's segment,
// and those to hammer on. It goes on until there is nothing more to read.
func hammerAway(in io.Reader, _ io.Writer) {
	line, err := bufio.NewReader(in).ReadString('\n')
	words := strings.Fields(line)
	check := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, "hammering:", err)
			os.Exit(1)
		}
	}
	check(err)
	book, err := os.Create(words[0])
	check(err)
	counter, err := shm.Open(words[1], nil)
	check(err)
	h := hammerer{ticketsOf(counter), book, words[2:], map[string]held{}}
	var over atomic.Bool
	go func() {
		io.Copy(io.Discard, in)
		over.Store(true)
	}()
	for !over.Load() {
		h.strike(h.names[rand.N(len(h.names))])
	}
	for name := range h.held {
		h.close(name)
	}
}

// strike does something with a name. Who holds its segment asks more of it.
func (h *hammerer) strike(name string) {
	_, holds := h.held[name]
	switch dice := rand.N(100); {
	case dice < 1:
		_, err := shm.Prune()
		h.expect("prune", err)
	case dice < 2:
		_, err := shm.List()
		h.expect("list", err)
	case dice < 3 && holds:
		_, err := h.held[name].seg.Stat()
		if !errors.Is(err, shm.ErrNameLost) { // somebody was killed between the two steps of an Unlink
			h.expect("stat", err)
		}
	case dice < 5:
		begun := h.begin("remove", name, 0)
		err := shm.Unlink(name)
		h.end("remove", begun, 0, err, fs.ErrNotExist)
	case dice < 40 && holds:
		h.unlink(name) // it may well be stale
	case dice < 60 && holds:
		h.close(name)
	case dice < 50:
		h.create(name)
	default:
		h.open(name)
	}
}

func (h *hammerer) create(name string) {
	number := rand.Uint64()
	life := shm.Lifetime(number % 2)
	begun := h.begin("create", name, number)
	seg, err := shm.Create(name, int(1+number/2%4)*os.Getpagesize(), &shm.Options{
		Lifetime: life, Init: func(mem []byte) error { stamp(mem, number); return nil },
	})
	h.end("create", begun, number, err, fs.ErrExist)
	if err == nil {
		h.hold(name, held{seg, number, begun})
	}
}

func (h *hammerer) open(name string) {
	begun := h.begin("open", name, 0)
	seg, err := shm.Open(name, &shm.Options{ReadOnly: begun%2 == 0})
	var number uint64
	if err == nil {
		number, err = stamped(seg.Bytes())
	}
	h.end("open", begun, number, err, fs.ErrNotExist)
	if err == nil {
		h.hold(name, held{seg, number, begun})
	}
}

// hold keeps a segment instead of the one held before.
func (h *hammerer) hold(name string, s held) {
	if _, holds := h.held[name]; holds {
		h.close(name)
	}
	h.held[name] = s
}

func (h *hammerer) close(name string) {
	s := h.held[name]
	delete(h.held, name)
	begun := h.begin("close", name, s.since)
	h.end("close", begun, s.since, s.seg.Close(), nil)
}

func (h *hammerer) unlink(name string) {
	s := h.held[name]
	begun := h.begin("unlink", name, s.number)
	h.end("unlink", begun, s.number, s.seg.Unlink(), fs.ErrNotExist)
}

// begin writes down that a call comes, before it does, and returns its ticket.
func (h *hammerer) begin(what, name string, number uint64) uint64 {
	ticket := h.tickets.Add(1)
	fmt.Fprintf(h.book, "%d %s %s %d\n", ticket, what, name, number)
	return ticket
}

// end writes down what came of a call, after it. One error may come.
func (h *hammerer) end(what string, begun, number uint64, err, may error) {
	ticket := h.tickets.Add(1)
	switch {
	case err == nil:
		fmt.Fprintf(h.book, "%d done %d %d\n", ticket, begun, number)
	case may != nil && errors.Is(err, may):
		fmt.Fprintf(h.book, "%d refused %d %d\n", ticket, begun, number)
	default:
		h.expect(what, err)
	}
}

func (h *hammerer) expect(what string, err error) {
	if err != nil {
		fmt.Fprintf(h.book, "%d wrong %q\n", h.tickets.Add(1), fmt.Sprint(what, ": ", err))
	}
}

// stamp writes a number at both ends of every page.
func stamp(mem []byte, number uint64) {
	for page := range slices.Chunk(mem, os.Getpagesize()) {
		binary.NativeEndian.PutUint64(page, number)
		binary.NativeEndian.PutUint64(page[len(page)-8:], number)
	}
}

// stamped returns the number that stands in every page.
func stamped(mem []byte) (uint64, error) {
	number := binary.NativeEndian.Uint64(mem)
	if want := int(1+number/2%4) * os.Getpagesize(); len(mem) != want {
		return 0, fmt.Errorf("segment %d has %d bytes, not %d", number, len(mem), want)
	}
	for page := range slices.Chunk(mem, os.Getpagesize()) {
		for _, at := range []int{0, len(page) - 8} {
			if n := binary.NativeEndian.Uint64(page[at:]); n != number {
				return 0, fmt.Errorf("in segment %d stands %d", number, n)
			}
		}
	}
	return number, nil
}
