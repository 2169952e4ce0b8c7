package leader

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
)

// Identity names the process that listens on an address. At any time no other process has the same name, since no other
// can listen there: same boot of the same kernel, same network namespace, same address. A process that was killed
// and is started again has its old name, though, so it takes up its own Lease at once in place of waiting for it
// to expire.
func Identity(listens string) (string, error) {
	host, err := os.Hostname()
	if err != nil {
		return "", err
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", err
	}
	network, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(strings.TrimSpace(string(boot)) + network + listens))
	return fmt.Sprintf("%s_%s", host, hex.EncodeToString(sum[:6])), nil
}
