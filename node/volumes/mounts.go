package volumes

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// mountConfidential puts a tmpfs on the directory of a volume whose contents must not
// reach a disk. Where the kernel does not let the agent mount, the directories above
// (mode 0700) must do.
func (m *Manager) mountConfidential(dir string) error {
	if m.cfg.DisableTmpfs {
		return nil
	}
	mounted, err := isMountPoint(dir)
	if err != nil || mounted {
		return err
	}
	options := fmt.Sprintf("size=%d,mode=0755", payloadTmpfs)
	err = unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, options+",noswap")
	if errors.Is(err, unix.EINVAL) { // noswap came with Linux 6.4
		err = unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, options)
	}
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		m.log.Warn("no tmpfs for a secret volume: kept in a directory on disk", "path", dir, "error", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("tmpfs: %w", err)
	}
	return nil
}

// mountMemory makes an emptyDir in memory, of at most size bytes.
func (m *Manager) mountMemory(dir string, mode fs.FileMode, group *int64, size int64) error {
	if m.cfg.DisableTmpfs {
		return fmt.Errorf("emptyDir: medium Memory: mounting is switched off: %w", ErrUnsupported)
	}
	return mountEmpty(dir, "tmpfs", fmt.Sprintf("size=%d,%s", size, rootOptions(mode, group)))
}

// mountHugepages makes an emptyDir of huge pages. What may be used is held by
// the containers' limits.
func (m *Manager) mountHugepages(dir string, mode fs.FileMode, group *int64, page int64) error {
	if m.cfg.DisableTmpfs {
		return fmt.Errorf("emptyDir: medium HugePages: mounting is switched off: %w", ErrUnsupported)
	}
	return mountEmpty(dir, "hugetlbfs", fmt.Sprintf("pagesize=%d,%s", page, rootOptions(mode, group)))
}

// rootOptions give the root of a new file system its mode and group in the mount
// itself, so that no kill can come between.
func rootOptions(mode fs.FileMode, group *int64) string {
	if group == nil {
		return fmt.Sprintf("mode=%04o", mode.Perm())
	}
	return fmt.Sprintf("mode=%04o,gid=%d", mode.Perm()|0o2070, *group)
}

func mountEmpty(dir, kind, options string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	mounted, err := isMountPoint(dir)
	if err != nil || mounted {
		return err
	}
	if err := unix.Mount(kind, dir, kind, unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	return nil
}

// isMountPoint says whether something is mounted at the path itself, without
// following a symlink there.
func isMountPoint(path string) (bool, error) {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, unix.STATX_BASIC_STATS, &st)
	if err != nil {
		return false, &fs.PathError{Op: "statx", Path: path, Err: err}
	}
	if st.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT == 0 {
		return false, errors.New("volumes: the kernel does not tell mount points (Linux 5.8 or later is needed)")
	}
	return st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0, nil
}

// mountsBelow lists the mount points below a directory, in the order of mounting;
// one that is mounted on twice is there twice.
func mountsBelow(dir string) ([]string, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []string
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 5 {
			continue
		}
		if point := unescape.Replace(fields[4]); strings.HasPrefix(point, dir+"/") {
			out = append(out, point)
		}
	}
	return out, lines.Err()
}

// unescape undoes how mountinfo writes blanks.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
