package admin

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/raftstore"
	"kaji.dev/kaji/raftstore/mvcc"
)

// copyTimeout is how long a copy may take.
const copyTimeout = 30 * time.Minute

// stdio stands for standard output as the name of a file.
const stdio = "-"

func (o Options) save() *cobra.Command {
	s := &connected{Options: o}
	var overwrite bool
	c := &cobra.Command{
		Use:   "save FILE",
		Short: "Save a copy of the store to a file",
		Long: `Save a copy of the store to a file, or to standard output for -. The store goes on meanwhile; the copy has all that was written before it was
begun. It is written beside the file, its checksum is compared and it is synced to the disk before it gets the name, so that what has the name is
whole. It holds all objects, Secrets among them: keep it as safe as those.`,
		Example: `  kaji store snapshot save /backup/kaji-$(date +%F).snapshot
  kaji store snapshot save - | ssh backup 'cat > kaji.snapshot'`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			path := args[0]
			if path == stdio {
				return s.ask(c, func(ctx context.Context, client *raftstore.Client, _ Connection) error {
					_, err := client.Snapshot(ctx, c.OutOrStdout())
					return err
				})
			}
			if _, err := os.Lstat(path); err == nil && !overwrite {
				return fmt.Errorf("%s is there already: choose another name, or --overwrite it", path)
			} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			return s.ask(c, func(ctx context.Context, client *raftstore.Client, _ Connection) error {
				sum, err := saveTo(ctx, c, client, path)
				if err != nil {
					return err
				}
				fmt.Fprintf(c.OutOrStdout(), "%s: revision %d, %d keys, %s\n", path, sum.Revision, sum.Keys, size(sum.Bytes))
				return nil
			})
		},
	}
	s.bind(c, copyTimeout)
	c.Flags().BoolVar(&overwrite, "overwrite", false, "replace a file of that name")
	return c
}

// saveTo writes a copy, reads it again from the file, and only then gives it its name.
func saveTo(ctx context.Context, c *cobra.Command, client *raftstore.Client, path string) (sum mvcc.Summary, err error) {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".unfinished-*")
	if err != nil {
		return sum, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close(), os.Remove(file.Name()))
		}
	}()
	buffered := bufio.NewWriterSize(file, 1<<20)
	if _, err = client.Snapshot(ctx, countedWriter{buffered, &counter{progress: newProgress(c), verb: "copied"}}); err != nil {
		return sum, err
	}
	if err = errors.Join(buffered.Flush(), file.Sync()); err != nil {
		return sum, err
	}
	if _, err = file.Seek(0, io.SeekStart); err != nil {
		return sum, err
	}
	if sum, err = mvcc.Verify(file); err != nil {
		return sum, err
	}
	if err = file.Close(); err != nil {
		return sum, err
	}
	if err = os.Rename(file.Name(), path); err != nil {
		return sum, err
	}
	return sum, syncDir(filepath.Dir(path))
}

// syncDir makes durable which files there are.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// description is what a file holds.
type description struct {
	File            string `json:"file"`
	Format          uint32 `json:"format"`
	Revision        int64  `json:"revision"`
	CompactRevision int64  `json:"compactRevision"`
	Keys            int64  `json:"keys"`
	Leases          int64  `json:"leases"`
	Bytes           int64  `json:"bytes"`
	SHA256          string `json:"sha256"`
}

// verify reads a copy in a file to its end.
func verify(c *cobra.Command, path string) (*description, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	hash := sha256.New()
	counted := countedReader{file, &counter{progress: newProgress(c), verb: "read"}}
	sum, err := mvcc.Verify(io.TeeReader(counted, hash))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &description{
		File: path, Format: sum.Version, Revision: sum.Revision, CompactRevision: sum.Compacted, Keys: sum.Keys, Leases: sum.Leases,
		Bytes: sum.Bytes, SHA256: fmt.Sprintf("%x", hash.Sum(nil)),
	}, nil
}
