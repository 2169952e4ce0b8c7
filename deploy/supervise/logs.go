package supervise

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"
)

const (
	// maxLog is how long the log of a process becomes; twice that is kept of each.
	maxLog = 64 << 20
	// logCheck is how often that is looked at.
	logCheck = time.Minute
)

// boundLogs keeps the logs from filling the disk until ctx ends.
func (s *Supervisor) boundLogs(ctx context.Context) {
	tick := time.NewTicker(logCheck)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := s.rotate(maxLog); err != nil {
				s.Log.Error("cannot shorten the logs", "error", err)
			}
		}
	}
}

// rotate puts the contents of logs longer than limit aside, in place of what was put aside before. The files stay the
// same, since processes have them open; they append, so that they go on at the new end. What is printed between the copy
// and the cut is lost.
func (s *Supervisor) rotate(limit int64) error {
	files, err := filepath.Glob(filepath.Join(s.LogDir, "*.log"))
	if err != nil {
		return err
	}
	var errs []error
	for _, f := range files {
		if info, err := os.Stat(f); err == nil && info.Size() > limit {
			errs = append(errs, putAside(f, limit))
		}
	}
	return errors.Join(errs...)
}

// putAside copies the last bytes of a log, no more than limit, and cuts it to nothing. A disk that is too full for the
// copy is all the more reason for the cut.
func putAside(path string, limit int64) error {
	log, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer log.Close()
	return errors.Join(copyEnd(log, path+".1", limit), log.Truncate(0))
}

func copyEnd(log *os.File, to string, limit int64) error {
	if _, err := log.Seek(-limit, io.SeekEnd); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, log)
	return errors.Join(err, out.Close())
}
