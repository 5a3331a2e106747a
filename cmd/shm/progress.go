package main

import (
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows how far a piece of work is, on a terminal only. Written to, by
// any number of goroutines, it counts bytes.
type progress struct {
	out     io.Writer
	visible bool

	mu  sync.Mutex
	bar *progressbar.ProgressBar
}

func newProgress(out io.Writer) *progress {
	f, ok := out.(*os.File)
	return &progress{out: out, visible: ok && term.IsTerminal(int(f.Fd()))}
}

// start begins the next piece of work, of at most so many bytes.
func (p *progress) start(what string, size int) {
	p.stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.visible && size > 0 {
		p.bar = progressbar.NewOptions(size,
			progressbar.OptionSetWriter(p.out),
			progressbar.OptionSetDescription(printable(what)),
			progressbar.OptionSetWidth(30),
			progressbar.OptionClearOnFinish(),
			progressbar.OptionThrottle(100*time.Millisecond))
	}
}

func (p *progress) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.bar.Add(len(b))
	}
	return len(b), nil
}

// stop ends the piece of work and wipes the line.
func (p *progress) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.bar.Clear()
		p.bar = nil
	}
}
