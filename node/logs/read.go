package logs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Options say what of a log is wanted.
type Options struct {
	// Follow waits for more until the container has ended.
	Follow bool
	// Tail begins so many lines before the end; negative is from the beginning.
	Tail int64
	// Since leaves out what is older.
	Since time.Time
	// Timestamps puts the time before each line.
	Timestamps bool
	// Limit ends after so many bytes; 0 is without limit.
	Limit int64
	// Stream is stdout, stderr, or empty for both.
	Stream string
}

// ErrNotFound: there is no such log.
var ErrNotFound = errors.New("no such log")

// idle is how often a follower at the end asks whether the container still runs.
const idle = 500 * time.Millisecond

// Read gives a log to write, piece by piece, in whole lines of the file. Alive
// tells whether the container may write more. What write is given is its own only until it returns.
func Read(ctx context.Context, path string, o Options, alive func() bool, write func([]byte) error) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return ErrNotFound
	}
	if err != nil {
		return err
	}
	r := &reader{path: path, o: o, write: write, file: f, begun: true}
	defer func() { r.file.Close() }()
	if o.Tail >= 0 {
		st, err := f.Stat()
		if err != nil {
			return err
		}
		from, err := tailOffset(f, st.Size(), o.Tail)
		if err != nil {
			return err
		}
		if _, err := f.Seek(from, io.SeekStart); err != nil {
			return err
		}
	}
	if !o.Follow {
		return done(r.drain())
	}
	return done(r.follow(ctx, alive))
}

var errLimit = errors.New("limit reached")

func done(err error) error {
	if errors.Is(err, errLimit) {
		return nil
	}
	return err
}

type reader struct {
	path  string
	o     Options
	write func([]byte) error
	file  *os.File
	rest  []byte // of a line not yet written to its end
	sent  int64
	begun bool // the next text begins a line of output
}

// drain gives what is in the file by now.
func (r *reader) drain() error {
	in := bufio.NewReaderSize(r.file, 64<<10)
	var out bytes.Buffer
	for {
		b, err := in.ReadSlice('\n')
		switch {
		case err == nil:
			if len(r.rest) > 0 {
				b = append(r.rest, b...)
				r.rest = nil
			}
			if err := r.put(&out, b); err != nil {
				return errors.Join(r.flush(&out), err)
			}
			if out.Len() >= 32<<10 {
				if err := r.flush(&out); err != nil {
					return err
				}
			}
		case errors.Is(err, bufio.ErrBufferFull):
			r.rest = append(r.rest, b...)
		case errors.Is(err, io.EOF):
			r.rest = append(r.rest, b...)
			return r.flush(&out)
		default:
			return errors.Join(r.flush(&out), err)
		}
	}
}

func (r *reader) flush(out *bytes.Buffer) error {
	if out.Len() == 0 {
		return nil
	}
	err := r.write(out.Bytes())
	out.Reset()
	return err
}

// put adds one line of the file to what is given on.
func (r *reader) put(out *bytes.Buffer, b []byte) error {
	l, err := parse(b)
	if err != nil {
		return nil // torn by a crash: nothing to be had of it
	}
	if r.o.Stream != "" && string(l.stream) != r.o.Stream {
		return nil
	}
	if !r.o.Since.IsZero() {
		if t, err := l.time(); err == nil && t.Before(r.o.Since) {
			return nil
		}
	}
	var text []byte
	if r.o.Timestamps && r.begun {
		text = append(append(text, l.stamp...), ' ')
	}
	text = append(text, l.text...)
	if l.whole {
		text = append(text, '\n')
	}
	r.begun = l.whole
	if r.o.Limit > 0 && r.sent+int64(len(text)) >= r.o.Limit {
		out.Write(text[:r.o.Limit-r.sent])
		r.sent = r.o.Limit
		return errLimit
	}
	r.sent += int64(len(text))
	out.Write(text)
	return nil
}

// follow reads on as the file grows, and in the file that takes its place when it
// is rotated.
func (r *reader) follow(ctx context.Context, alive func() bool) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.Add(filepath.Dir(r.path)); err != nil {
		return err
	}
	tick := time.NewTicker(idle)
	defer tick.Stop()
	for {
		lives := alive() // before reading: what it wrote before its end is not missed
		if err := r.drain(); err != nil {
			return err
		}
		if r.rotated() {
			if err := r.reopen(); err != nil {
				return err
			}
			continue
		}
		if !lives {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.Events:
		case err := <-w.Errors:
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				return err
			}
		case <-tick.C:
		}
	}
}

func (r *reader) rotated() bool {
	at, err := os.Stat(r.path)
	if err != nil {
		return false // between two files, or gone with its pod
	}
	mine, err := r.file.Stat()
	return err == nil && !os.SameFile(at, mine)
}

// reopen goes on in the new file, after what was written to the old one since.
func (r *reader) reopen() error {
	if err := r.drain(); err != nil {
		return err
	}
	f, err := os.Open(r.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	r.file.Close()
	r.file, r.rest = f, nil
	return nil
}
