package volumes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// removePod unmounts all there is below the pod's directory, then deletes it. It never
// deletes through a mount: a bind mount may lead to data of the host.
func (m *Manager) removePod(ctx context.Context, uid string) error {
	dir := m.podDir(uid)
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := unmountBelow(ctx, dir); err != nil {
		return err
	}
	return removeTree(m.podsDir(), uid)
}

func unmountBelow(ctx context.Context, dir string) error {
	// mountinfo has the real paths.
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	points, err := mountsBelow(real)
	if err != nil {
		return err
	}
	for _, point := range slices.Backward(points) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := unmount(point); err != nil {
			return err
		}
	}
	left, err := mountsBelow(real)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return fmt.Errorf("volumes: still mounted: %s", left[0])
	}
	return nil
}

// unmount takes a mount away; one that is still in use goes from sight now and for
// good when its last user ends.
func unmount(path string) error {
	err := unix.Unmount(path, unix.UMOUNT_NOFOLLOW)
	if errors.Is(err, unix.EBUSY) {
		err = unix.Unmount(path, unix.UMOUNT_NOFOLLOW|unix.MNT_DETACH)
	}
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) { // not mounted: gone with another
		return nil
	}
	if err != nil {
		return fmt.Errorf("volumes: unmount %s: %w", path, err)
	}
	return nil
}

// removeTree deletes a directory and all below it, but fails where it would cross into
// another mount.
func removeTree(parent, name string) error {
	dir, err := unix.Open(parent, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &fs.PathError{Op: "open", Path: parent, Err: err}
	}
	defer unix.Close(dir)
	if err := removeAt(dir, name); err != nil {
		return fmt.Errorf("volumes: remove %s: %w", filepath.Join(parent, name), err)
	}
	return nil
}

// removeAt deletes one entry of the directory that dirfd is.
func removeAt(dirfd int, name string) error {
	err := unix.Unlinkat(dirfd, name, 0)
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	if !errors.Is(err, unix.EISDIR) && !errors.Is(err, unix.EPERM) {
		return &fs.PathError{Op: "unlink", Path: name, Err: err}
	}
	fd, err := unix.Openat2(dirfd, name, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_BENEATH,
	})
	if errors.Is(err, unix.EXDEV) {
		return &fs.PathError{Op: "remove", Path: name, Err: errors.New("is a mount point")}
	}
	if err != nil {
		return &fs.PathError{Op: "open", Path: name, Err: err}
	}
	d := os.NewFile(uintptr(fd), name)
	defer d.Close()
	for {
		removed := 0
		for {
			names, err := d.Readdirnames(256)
			for _, child := range names {
				if err := removeAt(fd, child); err != nil {
					return err
				}
				removed++
			}
			if err != nil { // io.EOF at the end
				break
			}
		}
		err := unix.Unlinkat(dirfd, name, unix.AT_REMOVEDIR)
		if err == nil || errors.Is(err, unix.ENOENT) {
			return nil
		}
		// Reading a directory that shrinks may skip entries: look again.
		if !errors.Is(err, unix.ENOTEMPTY) || removed == 0 {
			return &fs.PathError{Op: "rmdir", Path: name, Err: err}
		}
		if _, err := d.Seek(0, io.SeekStart); err != nil {
			return err
		}
	}
}
