package main

import (
	"runtime"
	"sync"
)

// inParallel runs f over pieces [from, to) of n things on every core and
// returns the first error. After an error no further piece is begun.
func inParallel(n, piece int, f func(from, to int) error) error {
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
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
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
		})
	}
	group.Wait()
	return first
}
