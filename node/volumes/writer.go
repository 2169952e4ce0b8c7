package volumes

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A payload volume is laid out as in Kubernetes, so that programs that watch such
// volumes know what they see:
//
//	..2026_11_23_15_04_05.123456789/   all files of one version
//	..data -> ..2026_11_23_15_04_05.123456789
//	..data_tmp                         the next ..data, until it is renamed
//	key -> ..data/key                  one link for each first path element
//
// The rename of ..data is the moment at which the new version counts. Whatever was left by
// a kill before or after it is put right by the next write.
const (
	dataLink     = "..data"
	dataLinkNext = "..data_tmp"
	versionStamp = "..2006_01_02_15_04_05."
)

// writeAtomically makes the volume in dir hold exactly files. It writes nothing when it
// already does.
func writeAtomically(dir string, files map[string]file, group *int64) error {
	current, err := os.Readlink(filepath.Join(dir, dataLink))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if current == "" || !holds(filepath.Join(dir, current), files, group) {
		next, err := writeVersion(dir, files, group)
		if err != nil {
			return err
		}
		link := filepath.Join(dir, dataLinkNext)
		if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.Symlink(next, link); err != nil {
			return err
		}
		if err := os.Rename(link, filepath.Join(dir, dataLink)); err != nil {
			return err
		}
		current = next
	}
	return tidy(dir, current, files)
}

// writeVersion writes all files into a new directory and gives its name.
func writeVersion(dir string, files map[string]file, group *int64) (string, error) {
	made, err := os.MkdirTemp(dir, time.Now().UTC().Format(versionStamp))
	if err != nil {
		return "", err
	}
	if err := setOwner(made, 0o755, nil, group, true); err != nil {
		return "", err
	}
	for path, f := range files {
		full := filepath.Join(made, path)
		if err := makeParents(made, path, group); err != nil {
			return "", err
		}
		if err := os.WriteFile(full, f.data, 0o600); err != nil {
			return "", err
		}
		if err := setOwner(full, f.mode, f.user, group, false); err != nil {
			return "", err
		}
	}
	return filepath.Base(made), nil
}

func makeParents(root, path string, group *int64) error {
	for i, r := range path {
		if r != '/' {
			continue
		}
		dir := filepath.Join(root, path[:i])
		if err := os.Mkdir(dir, 0o755); errors.Is(err, fs.ErrExist) {
			continue
		} else if err != nil {
			return err
		}
		if err := setOwner(dir, 0o755, nil, group, true); err != nil {
			return err
		}
	}
	return nil
}

// setOwner sets mode, owner and group, past the umask. With a group, its members may
// read, and directories hand the group on.
func setOwner(path string, mode fs.FileMode, user, group *int64, dir bool) error {
	uid, gid := -1, -1
	if user != nil {
		uid = int(*user)
	}
	if group != nil {
		gid = int(*group)
	}
	if uid >= 0 || gid >= 0 {
		if err := os.Lchown(path, uid, gid); err != nil {
			return err
		}
	}
	return os.Chmod(path, effectiveMode(mode, group, dir))
}

func effectiveMode(mode fs.FileMode, group *int64, dir bool) fs.FileMode {
	if group == nil {
		return mode
	}
	if dir {
		return mode | 0o550 | fs.ModeSetgid
	}
	return mode | 0o440
}

// holds says whether a version on disk is what files says, to the owner.
func holds(version string, files map[string]file, group *int64) bool {
	found := 0
	err := filepath.WalkDir(version, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == version || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(version, path)
		if err != nil {
			return err
		}
		want, ok := files[name]
		if !ok || !d.Type().IsRegular() {
			return errDiffers
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		if st.Mode() != effectiveMode(want.mode, group, false) || st.Size() != int64(len(want.data)) || !owned(st, want.user, group) {
			return errDiffers
		}
		have, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !bytes.Equal(have, want.data) {
			return errDiffers
		}
		found++
		return nil
	})
	return err == nil && found == len(files)
}

var errDiffers = errors.New("differs")

func owned(st fs.FileInfo, user, group *int64) bool {
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	uid, gid := int64(os.Geteuid()), int64(os.Getegid())
	if user != nil {
		uid = *user
	}
	if group != nil {
		gid = *group
	}
	return int64(sys.Uid) == uid && int64(sys.Gid) == gid
}

// tidy makes the links that users see match files, and removes every version but the
// current one.
func tidy(dir, current string, files map[string]file) error {
	visible := map[string]bool{}
	for path := range files {
		name, _, _ := strings.Cut(path, "/")
		visible[name] = true
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		path := filepath.Join(dir, name)
		switch {
		case name == dataLink || name == current:
			continue
		case strings.HasPrefix(name, ".."):
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		case visible[name] && e.Type()&fs.ModeSymlink != 0:
			if to, err := os.Readlink(path); err == nil && to == filepath.Join(dataLink, name) {
				delete(visible, name)
				continue
			}
			fallthrough
		default:
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
	}
	for name := range visible {
		if err := os.Symlink(filepath.Join(dataLink, name), filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("link %s: %w", name, err)
		}
	}
	return nil
}
