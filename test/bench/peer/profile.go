package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// profiled does a row's work and, when that is wanted, takes a CPU profile of the API server meanwhile.
func (b *bench) profiled(ctx context.Context, s side, row string, round int, work func() error) error {
	if b.p.profiles == "" || round > 0 || row == "memory" { // which restarts the server
		return work()
	}
	taken := make(chan error, 1)
	go func() {
		profile, err := s.debug(ctx, "/debug/pprof/profile?seconds=3")
		if err == nil {
			err = os.WriteFile(filepath.Join(b.p.profiles, fmt.Sprintf("%s-%s.pprof", s.name(), row)), profile, 0o600)
		}
		taken <- err
	}()
	err := work()
	return errors.Join(err, <-taken)
}
