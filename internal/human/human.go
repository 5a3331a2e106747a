// Package human writes quantities the way people read them.
package human

import "fmt"

// Bytes writes a number of bytes with a binary unit: "64.0 MiB".
func Bytes(n int64) string {
	if n > -1024 && n < 1024 {
		return fmt.Sprintf("%d bytes", n)
	}
	v, unit := float64(n)/1024, 0
	for ; (v >= 1023.95 || v <= -1023.95) && unit < 5; unit++ {
		v /= 1024
	}
	return fmt.Sprintf("%.1f %ciB", v, "KMGTPE"[unit])
}
