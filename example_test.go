//go:build linux || windows

package shm_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"math"
	"os"
	"os/signal"

	"github.com/seed72196e11/shm"
)

// One process makes a segment and hands its name on; any other opens it.
func Example() {
	seg, err := shm.Create("", 1<<20, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer seg.Close()
	defer seg.Unlink()
	copy(seg.Bytes(), "hello")

	// In another process, with nothing but the name:
	other, err := shm.Open(seg.Name(), &shm.Options{ReadOnly: true})
	if err != nil {
		log.Fatal(err)
	}
	defer other.Close()
	fmt.Println(other.Size(), string(other.Bytes()[:5]))
	// Output: 1048576 hello
}

// Init fills the memory before the name exists, so no reader can meet a
// segment that is half filled.
func ExampleCreate_init() {
	seg, err := shm.Create("", 5, &shm.Options{
		Init: func(mem []byte) error {
			copy(mem, "ready")
			return nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer seg.Close()
	defer seg.Unlink()
	fmt.Println(string(seg.Bytes()))
	// Output: ready
}

// What is wanted may not be there, and errors say so in the system's words.
func ExampleOpen_notExist() {
	_, err := shm.Open("nobody.made.this", nil)
	fmt.Println(errors.Is(err, fs.ErrNotExist))
	// Output: true
}

// Of all processes that ask, one creates and the others attach.
func ExampleOpenOrCreate() {
	name := shm.NewName()
	defer shm.Unlink(name)
	for range 2 {
		seg, created, err := shm.OpenOrCreate(name, 100, nil)
		if err != nil {
			log.Fatal(err)
		}
		defer seg.Close()
		fmt.Println(created, seg.Size())
	}
	// Output:
	// true 100
	// false 100
}

// Of a segment that lives until the last Close nothing is left when its users
// are done, in whatever order they finish.
func ExampleLifetime() {
	seg, err := shm.Create("", 100, &shm.Options{Lifetime: shm.UntilLastClose})
	if err != nil {
		log.Fatal(err)
	}
	other, err := shm.Open(seg.Name(), nil) // in another process
	if err != nil {
		log.Fatal(err)
	}
	seg.Close()
	info, err := shm.Stat(other.Name())
	fmt.Println(info.Lifetime, info.Users, err)
	other.Close()
	_, err = shm.Stat(other.Name())
	fmt.Println(errors.Is(err, fs.ErrNotExist))
	// Output:
	// until last close 1 <nil>
	// true
}

// What is made through a Scope goes with it: here at the end of the function,
// and on Ctrl-C.
func ExampleScope() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	scope := shm.NewScope(ctx)
	defer scope.Close()

	for range 3 {
		seg, err := scope.Create("", 1<<16, nil)
		if err != nil {
			log.Fatal(err)
		}
		defer seg.Close()
		// hand seg.Name() to a worker process …
	}
	// … and wait for the workers, or for ctx.
	// Output:
}

// Too little memory is an error, at once and with the numbers, instead of a
// killed process later.
func ExampleNoSpaceError() {
	_, err := shm.Create("", math.MaxInt, nil)
	var space *shm.NoSpaceError
	if errors.As(err, &space) {
		fmt.Printf("%d bytes wanted, %d free in %s\n", space.Need, space.Free, space.Where)
	}
}

// A fault in shared memory, here a write to a read-only segment, is an error
// inside Guard.
func ExampleGuard() {
	seg, err := shm.Create("", 10, &shm.Options{
		ReadOnly: true,
		Init:     func([]byte) error { return nil },
	})
	if err != nil {
		log.Fatal(err)
	}
	defer seg.Close()
	defer seg.Unlink()
	err = shm.Guard(func() error {
		seg.Bytes()[3] = 1
		return nil
	})
	fmt.Println(errors.Is(err, shm.ErrFault))
	// Output: true
}
