package wal

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// FS is the folder that a log is in.
type FS interface {
	// List gives the names of the files, in no order.
	List() ([]string, error)
	// Create makes a file of zeros with room for size bytes. It fails when there is one of that name.
	Create(name string, size int64) (File, error)
	// Open opens a file for reading and writing.
	Open(name string) (File, error)
	// Remove takes a file away.
	Remove(name string) error
	// Sync makes durable which files there are.
	Sync() error
}

// File is a file in FS.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync makes durable what was written.
	Sync() error
	// Size is how many bytes can be read.
	Size() (int64, error)
}

// Dir is a folder of the operating system.
type Dir string

var _ FS = Dir("")

// List implements FS.
func (d Dir) List() ([]string, error) {
	entries, err := os.ReadDir(string(d))
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

// Create implements FS.
func (d Dir) Create(name string, size int64) (File, error) {
	path := filepath.Join(string(d), name)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Fallocate(int(f.Fd()), 0, 0, size)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		err = f.Truncate(size) // The room is not kept then, and a full disk is met later.
	}
	if err != nil {
		return nil, errors.Join(&os.PathError{Op: "fallocate", Path: path, Err: err}, f.Close(), os.Remove(path))
	}
	return osFile{f}, nil
}

// Open implements FS.
func (d Dir) Open(name string) (File, error) {
	f, err := os.OpenFile(filepath.Join(string(d), name), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// Remove implements FS.
func (d Dir) Remove(name string) error { return os.Remove(filepath.Join(string(d), name)) }

// Sync implements FS.
func (d Dir) Sync() error {
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

type osFile struct{ *os.File }

// Sync is fdatasync: times of access and change need not be on disk.
func (f osFile) Sync() error {
	for {
		if err := syscall.Fdatasync(int(f.Fd())); !errors.Is(err, syscall.EINTR) {
			if err != nil {
				return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
			}
			return nil
		}
	}
}

// Size implements File.
func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
