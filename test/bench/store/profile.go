package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"time"
)

// profiled does a row's work and, when that is wanted, takes CPU profiles of the leader and of this process meanwhile.
func (b *bench) profiled(ctx context.Context, s side, row string, round int, work func() error) error {
	if b.p.profiles == "" || round > 0 {
		return work()
	}
	leader, err := findLeader(ctx, s)
	if err != nil {
		return err
	}
	file := func(of string) string {
		side := strings.ReplaceAll(s.name(), " ", "-")
		return filepath.Join(b.p.profiles, fmt.Sprintf("%s-%s-%s.pprof", row, side, of))
	}
	taken := make(chan error, 1)
	go func() {
		seconds := max(1, int((b.p.span + warmUp).Round(time.Second).Seconds()))
		profile, err := s.debug(ctx, leader, fmt.Sprintf("/debug/pprof/profile?seconds=%d", seconds))
		if err == nil {
			err = os.WriteFile(file("leader"), profile, 0o600)
		}
		taken <- err
	}()
	var own bytes.Buffer
	if err := pprof.StartCPUProfile(&own); err != nil {
		return errors.Join(err, <-taken)
	}
	err = work()
	pprof.StopCPUProfile()
	return errors.Join(err, <-taken, os.WriteFile(file("client"), own.Bytes(), 0o600))
}
