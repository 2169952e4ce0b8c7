package volumes

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	pathrs "github.com/cyphar/filepath-securejoin/pathrs-lite"
	"golang.org/x/sys/unix"

	"kaji.dev/kaji/node/env"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func (m *Manager) containerMounts(ctx context.Context, pod *corev1.Pod, uid string, container *corev1.Container, volumes map[string]Volume, vars []KeyValue) ([]Mount, error) {
	if err := validName(container.GetName()); err != nil {
		return nil, err
	}
	out := make([]Mount, 0, len(container.GetVolumeMounts()))
	for i, vm := range container.GetVolumeMounts() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		v, ok := volumes[vm.GetName()]
		if !ok {
			return nil, fmt.Errorf("volumeMounts: the pod has no volume %q", vm.GetName())
		}
		mount := Mount{HostPath: v.HostPath, ReadOnly: vm.GetReadOnly() || v.ReadOnly, SELinuxRelabel: v.SELinuxRelabel}
		sub, err := subPath(vm, vars)
		if err == nil && sub != "" {
			target := filepath.Join(m.podDir(uid), "subpaths", vm.GetName(), container.GetName(), strconv.Itoa(i))
			mount.HostPath, err = target, pinSubPath(v, sub, target)
		}
		if err != nil {
			return nil, fmt.Errorf("volumeMounts: %q at %s: %w", vm.GetName(), vm.GetMountPath(), err)
		}
		out = append(out, mount)
	}
	return out, nil
}

// subPath is the sub-path that a volumeMount means; empty for the whole volume.
func subPath(vm *corev1.VolumeMount, vars []KeyValue) (string, error) {
	sub, name := vm.GetSubPath(), "subPath"
	if expr := vm.GetSubPathExpr(); expr != "" {
		if sub != "" {
			return "", errors.New("subPath and subPathExpr exclude each other")
		}
		var missing []string
		if sub, missing = env.ExpandStrict(expr, vars); len(missing) > 0 {
			return "", fmt.Errorf("subPathExpr %q: no variable %s", expr, strings.Join(missing, ", "))
		}
		name = "subPathExpr"
		if sub == "" {
			return "", fmt.Errorf("subPathExpr %q is empty when expanded", expr)
		}
	}
	if sub == "" {
		return "", nil
	}
	if err := validRelative(sub); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	if sub = filepath.Clean(sub); sub == "." {
		return "", nil
	}
	return sub, nil
}

// pinSubPath finds (or makes, in a volume that can be written to) the sub-path, and
// bind-mounts what it found at target. The bind is made from an open handle: what the path
// leads to later makes no difference.
func pinSubPath(v Volume, sub, target string) error {
	from, err := openInRoot(v.HostPath, sub)
	if errors.Is(err, fs.ErrNotExist) && !v.ReadOnly {
		from, err = makeInRoot(v.HostPath, sub)
	}
	if err != nil {
		return fmt.Errorf("sub-path %q: %w", sub, err)
	}
	defer from.Close()
	st, err := from.Stat()
	if err != nil {
		return err
	}
	if st.Mode()&fs.ModeSymlink != 0 {
		return fmt.Errorf("sub-path %q is a symlink", sub)
	}
	if same, err := clearTarget(target, st); err != nil || same {
		return err
	}
	if err := makeTarget(target, st.IsDir()); err != nil {
		return err
	}
	source := "/proc/self/fd/" + strconv.Itoa(int(from.Fd()))
	if err := unix.Mount(source, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("sub-path %q: bind mount: %w", sub, err)
	}
	return nil
}

// clearTarget says whether target is already a bind mount of what is wanted, and
// removes whatever else is there.
func clearTarget(target string, want fs.FileInfo) (same bool, err error) {
	if _, err := os.Lstat(target); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	for {
		mounted, err := isMountPoint(target)
		if err != nil {
			return false, err
		}
		if !mounted {
			break
		}
		if have, err := os.Lstat(target); err == nil && os.SameFile(have, want) {
			return true, nil
		}
		if err := unmount(target); err != nil {
			return false, err
		}
	}
	return false, os.Remove(target)
}

func makeTarget(target string, dir bool) error {
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	if dir {
		return os.Mkdir(target, 0o755)
	}
	f, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	return f.Close()
}

// openInRoot opens a path (O_PATH) as if root were the root of the file system, so
// that no symlink and no race with a container that writes there leads out.
func openInRoot(root, path string) (*os.File, error) { return pathrs.OpenInRoot(root, path) }

// makeInRoot makes the directories of a path in the same way, with the volume's own
// permissions, and opens the last.
func makeInRoot(root, path string) (*os.File, error) {
	st, err := os.Stat(root)
	if err != nil {
		return nil, err
	}
	dir, err := os.OpenFile(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	var made *os.File
	err = withoutUmask(func() error {
		made, err = pathrs.MkdirAllHandle(dir, path, st.Mode().Perm())
		return err
	})
	return made, err
}

// reopen gives a handle for reading from one opened O_PATH.
func reopen(f *os.File) (*os.File, error) {
	return pathrs.Reopen(f, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC)
}
