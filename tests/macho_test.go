package tests

import (
	"bytes"
	"debug/macho"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed72196e11/shm/internal/testenv"
)

// TestMacSymbols builds programs for macOS and reads what they want of the
// system. One symbol that an older macOS lacks would keep a program from
// starting there: Go's linker knows no weak ones.
func TestMacSymbols(t *testing.T) {
	// Both use what the package uses of the standard library and of x/sys.
	const with = `package main

import (
	"os"

	"github.com/seed72196e11/shm"
)

func main() {
	seg, err := shm.Create(os.Args[1], 1, nil)
	shm.Prune()
	println(seg, err)
}`
	const without = `package main

import (
	"os"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"
)

func main() {
	os.ReadDir(os.Args[1])
	os.MkdirAll("", 0)
	os.Remove("")
	os.Geteuid()
	println(uuid.NewString())
	unix.Sysctl("")
	unix.FcntlFlock(0, 0, nil)
	unix.MmapPtr(0, 0, nil, 0, 0, 0)
	unix.MunmapPtr(nil, 0)
	unix.Mprotect(nil, 0)
	unix.Pread(0, nil, 0)
	unix.Pwrite(0, nil, 0)
	unix.Link("", "")
	unix.Lstat("", nil)
	unix.Fstat(0, nil)
	unix.Fchmod(0, 0)
	unix.Ftruncate(0, 0)
	unix.Getrlimit(0, nil)
}`
	for _, arch := range []string{"amd64", "arm64"} {
		t.Run(arch, func(t *testing.T) {
			t.Parallel()
			ours, theirs := macImports(t, arch, with), macImports(t, arch, without)
			const system = "/usr/lib/libSystem.B.dylib "
			// Go's runtime calls _exit and its syscall package exit, both by one
			// symbol: it is up to the linker which of them a program imports.
			theirs = append(theirs, system+"_exit", system+"__exit")
			require.Equal(t, []string{system + "_shm_open", system + "_shm_unlink"},
				slices.DeleteFunc(ours, func(s string) bool { return slices.Contains(theirs, s) }))
		})
	}
}

// macImports builds a program for macOS and returns the symbols that it binds,
// with their libraries.
func macImports(t *testing.T, arch, source string) []string {
	t.Helper()
	dir := testenv.TempDir(t)
	program, built := filepath.Join(dir, "main.go"), filepath.Join(dir, "main")
	require.NoError(t, os.WriteFile(program, []byte(source), 0o600))
	goTool(t, "darwin/"+arch, "build", "-o", built, program)
	f, err := macho.Open(built)
	require.NoError(t, err)
	defer f.Close()
	libraries, err := f.ImportedLibraries()
	require.NoError(t, err)
	symbols, err := f.ImportedSymbols()
	require.NoError(t, err)
	image, err := os.ReadFile(built)
	require.NoError(t, err)

	var imports []string
	for _, load := range f.Loads {
		const dyldInfo = 0x22 | 0x80000000 // LC_DYLD_INFO_ONLY
		if raw := load.Raw(); f.ByteOrder.Uint32(raw) == dyldInfo {
			from, size := f.ByteOrder.Uint32(raw[16:]), f.ByteOrder.Uint32(raw[20:])
			bindings(image[from:from+size], func(library int, symbol string) {
				imports = append(imports, libraries[library-1]+" "+symbol)
			})
		}
	}
	require.Len(t, imports, len(symbols), "some are bound in another way")
	slices.Sort(imports)
	return imports
}

// bindings reads what dyld is to do when the program is loaded (BIND_OPCODE_…
// in mach-o/loader.h).
func bindings(code []byte, bound func(library int, symbol string)) {
	number := func() (n int) {
		v, width := binary.Uvarint(code)
		code = code[width:]
		return int(v)
	}
	library, symbol := 0, ""
	for len(code) > 0 {
		op, low := code[0]&0xf0, int(code[0]&0x0f)
		code = code[1:]
		switch op {
		case 0x10:
			library = low
		case 0x20:
			library = number()
		case 0x40:
			end := bytes.IndexByte(code, 0)
			symbol, code = string(code[:end]), code[end+1:]
		case 0x60, 0x70, 0x80:
			number()
		case 0x90:
			bound(library, symbol)
		case 0xa0:
			bound(library, symbol)
			number()
		case 0xb0:
			bound(library, symbol)
		}
	}
}
