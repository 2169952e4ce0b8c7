package main

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// disk measures what is below all: one append of 4 KiB and fdatasync at a time.
func disk(ctx context.Context, dir string, span time.Duration) (result, error) {
	f, err := os.Create(filepath.Join(dir, "disk"))
	if err != nil {
		return result{}, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	block := make([]byte, 4096)
	return during(ctx, 1, span, func(context.Context, int, int) error {
		if _, err := f.Write(block); err != nil {
			return err
		}
		return syscall.Fdatasync(int(f.Fd()))
	})
}
