package shm

import (
	"encoding/base32"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// maxNewName is what macOS leaves of its 31 bytes when the slash that Python
// puts in front is taken off.
const maxNewName = 30

const (
	newNamePrefix = "psm_" // as Python's own names begin
	nameChars     = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
)

// nameText writes 16 bytes as 26 lower-case characters in the order of the
// bytes, so that names sort as the UUIDs do.
var nameText = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// NewName returns a name that nobody has used: "psm_" and a version-7 UUID in
// 26 characters of base32hex (RFC 4648, section 7, in lower case, without
// padding), 30 characters in all. Names sort by the time they were made.
func NewName() string {
	// uuid.NewV7 fails only when the system has no random numbers to give;
	// crypto/rand ends the program in that case.
	id := uuid.Must(uuid.NewV7())
	return newNamePrefix + nameText.EncodeToString(id[:])
}

// checkNew says what is wrong with a segment that is to be made.
func checkNew(name string, size int) error {
	switch {
	case size <= 0:
		return invalid("its size is %d, it must be at least 1 byte", size)
	case name == "":
		return invalid("it has no name")
	case len(name) > maxNewName:
		return invalid("its name has %d characters, a new one may have %d: macOS holds no more", len(name), maxNewName)
	case name[0] == '.' || strings.HasPrefix(name, "sem."):
		return invalid("its name may not start with a dot or \"sem.\": those are hidden files and semaphores")
	}
	for _, c := range name {
		if !strings.ContainsRune(nameChars, c) {
			return invalid("its name may hold only A-Z a-z 0-9 . _ -, not %q", c)
		}
	}
	return nil
}

// checkName says what is wrong with the name of a segment that is to be found:
// it must be one single name, since it becomes part of a path.
func checkName(name string) error {
	switch {
	case name == "":
		return invalid("it has no name")
	case name == "." || name == "..":
		return invalid("that is a directory's name")
	case strings.Contains(name, "/"):
		return invalid("a segment's name has no slash: leave out the one that Python's _name and shm_open(3) put in front")
	case strings.Contains(name, "\x00"):
		return invalid("a segment's name has no NUL byte")
	}
	return nil
}

// fileName is a segment's name as the name of a file where those are compared
// without regard to case, or may not hold every character: macOS and Windows.
// What a segment is called stands in the file, so nobody needs the way back.
func fileName(name string) string {
	var b strings.Builder
	b.WriteString("s_") // so that no name is "nul" or "com1"
	for _, c := range []byte(name) {
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	b.WriteString(".shm") // so that none ends in a dot
	return b.String()
}
