package volumes

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"kaji.dev/kaji/node/downward"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// emptyDirMode lets every user write, as there is no telling whom the containers
// run as.
const emptyDirMode = 0o777

// mountEmptyDir makes an empty directory once; what containers did with it since
// stays as it is.
func (m *Manager) mountEmptyDir(pod *corev1.Pod, info PodInfo, v *corev1.Volume) (Volume, error) {
	source := v.GetVolumeSource().GetEmptyDir()
	dir := m.volumeDir(pod.GetMetadata().GetUid(), v.GetName())
	made := Volume{Name: v.GetName(), HostPath: dir, SELinuxRelabel: true}
	mode := os.FileMode(emptyDirMode)
	if source != nil && source.Mode != nil {
		mode = os.FileMode(source.GetMode()) & 0o777
	}
	switch medium := source.GetMedium(); {
	case medium == "":
		return made, makeEmptyDir(dir, mode, fsGroup(pod))
	case medium == "Memory":
		size, err := memorySize(pod, info, source)
		if err != nil {
			return Volume{}, err
		}
		return made, m.mountMemory(dir, mode, fsGroup(pod), size)
	case medium == "HugePages" || strings.HasPrefix(medium, "HugePages-"):
		page, err := hugepageSize(pod, medium)
		if err != nil {
			return Volume{}, err
		}
		return made, m.mountHugepages(dir, mode, fsGroup(pod), page)
	default:
		return Volume{}, fmt.Errorf("emptyDir: medium %q is not known", medium)
	}
}

// makeEmptyDir makes the directory under another name first, so that one that is there
// under its name is complete.
func makeEmptyDir(dir string, mode os.FileMode, group *int64) error {
	if st, err := os.Lstat(dir); err == nil {
		if !st.IsDir() {
			return fmt.Errorf("%s is not a directory", dir)
		}
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// ".new." cannot begin a volume's name.
	draft := filepath.Join(filepath.Dir(dir), ".new."+filepath.Base(dir))
	if err := os.RemoveAll(draft); err != nil {
		return err
	}
	if err := os.Mkdir(draft, 0o700); err != nil {
		return err
	}
	if group != nil {
		if err := os.Lchown(draft, -1, int(*group)); err != nil {
			return err
		}
		mode |= fs.ModeSetgid | 0o070
	}
	if err := os.Chmod(draft, mode); err != nil { // past the umask
		return err
	}
	return os.Rename(draft, dir)
}

// memorySize is the size of a memory-backed volume in bytes: the smallest of its sizeLimit,
// the pod's memory limit (when every container has one) and the node's memory.
// Nothing known is an error: without a bound it could take half of the machine.
func memorySize(pod *corev1.Pod, info PodInfo, source *corev1.EmptyDirVolumeSource) (int64, error) {
	node := info.Allocatable["memory"]
	size := node.Value()
	smaller := func(v int64) {
		if v > 0 && (size == 0 || v < size) {
			size = v
		}
	}
	limit, err := downward.Quantity(source.GetSizeLimit())
	if err != nil {
		return 0, fmt.Errorf("emptyDir: sizeLimit %q: %w", source.GetSizeLimit().GetString_(), err)
	}
	smaller(limit.Value())
	smaller(podMemoryLimit(pod))
	if size == 0 {
		return 0, errors.New("emptyDir: medium Memory needs a sizeLimit, a memory limit, or a node that says how much it has")
	}
	return size, nil
}

// podMemoryLimit is 0 when some container may use all there is.
func podMemoryLimit(pod *corev1.Pod) int64 {
	if q, err := downward.Quantity(pod.GetSpec().GetResources().GetLimits()["memory"]); err == nil && !q.IsZero() {
		return q.Value()
	}
	var sum, peak int64
	for _, c := range pod.GetSpec().GetContainers() {
		q, err := downward.Quantity(c.GetResources().GetLimits()["memory"])
		if err != nil || q.IsZero() {
			return 0
		}
		sum += q.Value()
	}
	for _, c := range pod.GetSpec().GetInitContainers() {
		q, err := downward.Quantity(c.GetResources().GetLimits()["memory"])
		if err != nil || q.IsZero() {
			return 0
		}
		if c.GetRestartPolicy() == "Always" {
			sum += q.Value()
		} else {
			peak = max(peak, q.Value())
		}
	}
	return max(sum, peak)
}

// hugepageSize is the page size that a HugePages medium means. Without a size in
// its name it is the only one that the pod's containers ask for.
func hugepageSize(pod *corev1.Pod, medium string) (int64, error) {
	asked := map[string]bool{}
	for _, list := range [][]*corev1.Container{pod.GetSpec().GetInitContainers(), pod.GetSpec().GetContainers()} {
		for _, c := range list {
			for name := range c.GetResources().GetRequests() {
				if size, ok := strings.CutPrefix(name, "hugepages-"); ok {
					asked[size] = true
				}
			}
			for name := range c.GetResources().GetLimits() {
				if size, ok := strings.CutPrefix(name, "hugepages-"); ok {
					asked[size] = true
				}
			}
		}
	}
	size, explicit := strings.CutPrefix(medium, "HugePages-")
	if !explicit {
		if len(asked) != 1 {
			return 0, fmt.Errorf("emptyDir: medium HugePages takes a pod that asks for one size of huge pages; this asks for %d", len(asked))
		}
		for size = range asked {
		}
	} else if !asked[size] {
		return 0, fmt.Errorf("emptyDir: medium %s: no container asks for hugepages-%s", medium, size)
	}
	q, err := resource.ParseQuantity(size)
	if err != nil || q.Sign() <= 0 {
		return 0, fmt.Errorf("emptyDir: medium %q names no page size", medium)
	}
	return q.Value(), nil
}
