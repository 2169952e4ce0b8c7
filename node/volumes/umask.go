package volumes

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// withoutUmask runs f on a thread of its own whose umask is 0: what it makes has its mode from
// the first moment, so that a kill cannot leave a directory that its users may not enter. The
// umask of the process stays as it is.
func withoutUmask(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			done <- fmt.Errorf("unshare: %w", err)
			return
		}
		unix.Umask(0)
		done <- f()
	}()
	return <-done
}
