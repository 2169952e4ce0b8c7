package logs

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Rotator bounds the size of logs: a log over MaxBytes is put aside under a name
// with the time in it, older parts are compressed, and of all parts the newest
// MaxFiles stay.
type Rotator struct {
	MaxBytes int64
	MaxFiles int
	Now      func() time.Time
}

// Rotate rotates one log if it is too large. Reopen makes the writer open the path
// anew; if that fails, the log goes on in the old file under the old name.
func (r Rotator) Rotate(ctx context.Context, path string, reopen func(context.Context) error) error {
	st, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) || err == nil && st.Size() < r.MaxBytes {
		return nil
	}
	if err != nil {
		return err
	}
	parts := rotatedParts(path)
	for _, p := range parts {
		switch {
		case strings.HasSuffix(p, ".tmp"): // a compression that was cut short
			if err := os.Remove(p); err != nil {
				return err
			}
		case !strings.HasSuffix(p, ".gz"):
			if err := compress(p); err != nil {
				return err
			}
		}
	}
	parts = rotatedParts(path)
	for len(parts) > max(0, r.MaxFiles-2) { // beside the one put aside now and the one written to
		if err := os.Remove(parts[0]); err != nil && !os.IsNotExist(err) {
			return err
		}
		parts = parts[1:]
	}
	aside := path + "." + r.Now().UTC().Format("20060102-150405.000")
	if err := os.Rename(path, aside); err != nil {
		return err
	}
	if err := reopen(ctx); err != nil {
		return fmt.Errorf("log %s: %w", path, errors.Join(err, os.Rename(aside, path)))
	}
	return nil
}

func compress(path string) (err error) {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	tmp := path + ".tmp"
	out, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	z := gzip.NewWriter(out)
	_, err = io.Copy(z, in)
	if err = errors.Join(err, z.Close(), out.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	if err := os.Rename(tmp, path+".gz"); err != nil {
		return err
	}
	return os.Remove(path)
}
