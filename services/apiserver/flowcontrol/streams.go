package flowcontrol

import (
	"fmt"
	"sync"

	"kaji.dev/kaji/apierror"
)

// streams counts the streams that stay open: logs, exec, attach, port forwards.
type streams struct {
	perIdentity, most int

	mu       sync.Mutex
	open     map[string]int
	total    int
	rejected uint64
}

func (s *streams) begin(who string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var message string
	switch {
	case s.open[who] >= s.perIdentity:
		message = fmt.Sprintf("%q has %d streams open (logs, exec, attach, port forwards), as many as one identity may; close some", who, s.open[who])
	case s.total >= s.most:
		message = fmt.Sprintf("%d streams are open (logs, exec, attach, port forwards), as many as this server takes; try again, or another server", s.total)
	default:
		s.open[who]++
		s.total++
		return nil
	}
	s.rejected++
	return apierror.TooManyRequests(message, retryAfter())
}

func (s *streams) end(who string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total--
	if s.open[who]--; s.open[who] == 0 {
		delete(s.open, who)
	}
}
