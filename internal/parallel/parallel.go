// Package parallel spreads work over the cores.
package parallel

import (
	"runtime"
	"sync"
)

// Pieces calls f for the pieces [from, to) of n things, one goroutine to a
// core, and returns the first error. After an error no further piece is begun.
func Pieces(n, piece int, f func(from, to int) error) error {
	var (
		mu    sync.Mutex
		next  int
		first error
		group sync.WaitGroup
	)
	take := func() (from, to int, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		from, to = next, min(n, next+piece)
		next = to
		return from, to, from < n && first == nil
	}
	work := func() {
		for {
			from, to, ok := take()
			if !ok {
				return
			}
			if err := f(from, to); err != nil {
				mu.Lock()
				if first == nil {
					first = err
				}
				mu.Unlock()
				return
			}
		}
	}
	for range min(runtime.GOMAXPROCS(0), (n+piece-1)/piece) {
		group.Go(work)
	}
	group.Wait()
	return first
}
