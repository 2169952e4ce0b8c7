package volumes

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// mountHostPath checks a path of the host against its type, and makes it where the type
// says so. An unset type checks nothing. The path is never removed.
func mountHostPath(v *corev1.Volume) (Volume, error) {
	source := v.GetVolumeSource().GetHostPath()
	path := source.GetPath()
	if !filepath.IsAbs(path) || slices.Contains(strings.Split(path, "/"), "..") {
		return Volume{}, fmt.Errorf("hostPath %q is not an absolute path, or leads upwards", path)
	}
	path = filepath.Clean(path)
	if err := checkHostPath(path, source.GetType()); err != nil {
		return Volume{}, fmt.Errorf("hostPath: %w", err)
	}
	return Volume{Name: v.GetName(), HostPath: path}, nil
}

func checkHostPath(path, kind string) error {
	switch kind {
	case "":
		return nil
	case "DirectoryOrCreate":
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			if err := withoutUmask(func() error { return os.MkdirAll(path, 0o755) }); err != nil {
				return err
			}
		}
		kind = "Directory"
	case "FileOrCreate":
		// The directory must be there: a wrong path should not go unnoticed.
		err := withoutUmask(func() error {
			f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
			if err != nil {
				return err
			}
			return f.Close()
		})
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		kind = "File"
	}
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	mode, ok := st.Mode(), false
	switch kind {
	case "Directory":
		ok = mode.IsDir()
	case "File":
		ok = mode.IsRegular()
	case "Socket":
		ok = mode&fs.ModeSocket != 0
	case "CharDevice":
		ok = mode&fs.ModeCharDevice != 0
	case "BlockDevice":
		ok = mode&fs.ModeDevice != 0 && mode&fs.ModeCharDevice == 0
	default:
		return fmt.Errorf("type %q is not known", kind)
	}
	if !ok {
		return fmt.Errorf("%s is not a %s", path, kind)
	}
	return nil
}
