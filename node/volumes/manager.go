package volumes

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// Manager owns the pods' directories. Make it with New.
type Manager struct {
	cfg Config
	log hclog.Logger

	mu    sync.Mutex
	locks map[string]*podLock
}

// podLock serializes the calls of one pod and goes when nobody holds or awaits it.
type podLock struct {
	sync.Mutex
	users int
}

func newManager(cfg Config, log hclog.Logger) (*Manager, error) {
	if log == nil {
		log = hclog.NewNullLogger()
	}
	m := &Manager{cfg: cfg, log: log, locks: map[string]*podLock{}}
	// Secrets are below: nobody but the agent and the runtime looks in here.
	if err := os.MkdirAll(m.podsDir(), 0o700); err != nil {
		return nil, fmt.Errorf("volumes: %w", err)
	}
	return m, nil
}

func (m *Manager) lock(podUID string) (unlock func()) {
	m.mu.Lock()
	l := m.locks[podUID]
	if l == nil {
		l = &podLock{}
		m.locks[podUID] = l
	}
	l.users++
	m.mu.Unlock()
	l.Lock()
	return func() {
		l.Unlock()
		m.mu.Lock()
		defer m.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(m.locks, podUID)
		}
	}
}

// Mount makes all volumes of the pod, or finds them already made, and brings
// their contents up to date. The result is by volume name. On error what was made
// stays, for the next try or for Unmount.
func (m *Manager) Mount(ctx context.Context, pod *corev1.Pod, info PodInfo) (map[string]Volume, error) {
	uid, err := podUID(pod)
	if err != nil {
		return nil, err
	}
	defer m.lock(uid)()
	if err := m.makePodDir(uid); err != nil {
		return nil, err
	}
	volumes := make(map[string]Volume, len(pod.GetSpec().GetVolumes()))
	for _, v := range pod.GetSpec().GetVolumes() {
		made, err := m.mount(ctx, pod, info, v)
		if err != nil {
			return nil, fmt.Errorf("volume %q: %w", v.GetName(), err)
		}
		volumes[v.GetName()] = made
	}
	return volumes, nil
}

// Refresh brings the contents of mounted configMap, secret, downwardAPI and
// projected volumes up to date. Containers see either all old files of a volume
// or all new ones. Volumes whose source is gone keep their last contents; the error
// then names all of them. Sub-path mounts keep what they were made with.
func (m *Manager) Refresh(ctx context.Context, pod *corev1.Pod, info PodInfo) error {
	uid, err := podUID(pod)
	if err != nil {
		return err
	}
	defer m.lock(uid)()
	return m.refresh(ctx, pod, info)
}

// Unmount removes everything of the pod from disk and from the mount table. It is
// no error when there is nothing.
func (m *Manager) Unmount(ctx context.Context, podUID string) error {
	if err := validName(podUID); err != nil {
		return fmt.Errorf("pod uid: %w", err)
	}
	defer m.lock(podUID)()
	return m.removePod(ctx, podUID)
}

// PodUIDs lists the pods that have a directory on disk, sorted.
func (m *Manager) PodUIDs() ([]string, error) {
	entries, err := os.ReadDir(m.podsDir())
	if err != nil {
		return nil, fmt.Errorf("volumes: %w", err)
	}
	var uids []string
	for _, e := range entries {
		if e.IsDir() && validName(e.Name()) == nil {
			uids = append(uids, e.Name())
		}
	}
	slices.Sort(uids)
	return uids, nil
}

// ContainerMounts resolves the container's volumeMounts, in their order: volumes is
// what Mount gave, env the container's resolved environment. Sub-paths are looked up
// inside the volume, with no symlink leading out of it, and pinned by a bind mount, so
// that a later change of the volume cannot redirect them.
func (m *Manager) ContainerMounts(ctx context.Context, pod *corev1.Pod, container *corev1.Container, volumes map[string]Volume, env []KeyValue) ([]Mount, error) {
	uid, err := podUID(pod)
	if err != nil {
		return nil, err
	}
	defer m.lock(uid)()
	return m.containerMounts(ctx, pod, uid, container, volumes, env)
}

// ReadVolumeFile reads a file of a mounted volume, following no symlink out of
// it. A file over the limit is an error.
func (m *Manager) ReadVolumeFile(_ context.Context, podUID, volume, path string, limit int64) ([]byte, error) {
	for _, name := range []string{podUID, volume} {
		if err := validName(name); err != nil {
			return nil, err
		}
	}
	if err := validRelative(path); err != nil {
		return nil, err
	}
	f, err := openInRoot(m.volumeDir(podUID, volume), path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	r, err := reopen(f)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return data, nil
}

// WriteHosts writes the pod's managed /etc/hosts and gives its path. The file is
// written in place: it is bind-mounted into containers, which keep the inode.
func (m *Manager) WriteHosts(podUID string, content []byte) (string, error) {
	if err := validName(podUID); err != nil {
		return "", fmt.Errorf("pod uid: %w", err)
	}
	defer m.lock(podUID)()
	if err := m.makePodDir(podUID); err != nil {
		return "", err
	}
	path := filepath.Join(m.podDir(podUID), "etc-hosts")
	if old, err := os.ReadFile(path); err == nil && string(old) == string(content) {
		return path, nil
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		return "", fmt.Errorf("hosts file: %w", err)
	}
	return path, os.Chmod(path, 0o644)
}

// TerminationLog makes the file that a container's terminationMessagePath is
// mounted from, and gives its path. One file per attempt, so that the
// message of the last run is there until the pod goes.
func (m *Manager) TerminationLog(podUID, container string, attempt uint32) (string, error) {
	path, err := m.terminationLogPath(podUID, container, attempt)
	if err != nil {
		return "", err
	}
	defer m.lock(podUID)()
	if err := m.makePodDir(podUID); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", fmt.Errorf("termination log: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return "", fmt.Errorf("termination log: %w", err)
	}
	defer f.Close()
	// Whatever user the container runs as may write its last words.
	if err := f.Chmod(0o666); err != nil {
		return "", fmt.Errorf("termination log: %w", err)
	}
	return path, nil
}

// ReadTerminationLog gives what the container wrote, the last 4096 bytes of it;
// nothing when there is no such file.
func (m *Manager) ReadTerminationLog(podUID, container string, attempt uint32) (string, error) {
	path, err := m.terminationLogPath(podUID, container, attempt)
	if err != nil {
		return "", err
	}
	const limit = 4096
	f, err := os.Open(path)
	if err != nil {
		if os.IsNotExist(err) {
			return "", nil
		}
		return "", fmt.Errorf("termination log: %w", err)
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil {
		return "", fmt.Errorf("termination log: %w", err)
	} else if st.Size() > limit {
		if _, err := f.Seek(st.Size()-limit, io.SeekStart); err != nil {
			return "", fmt.Errorf("termination log: %w", err)
		}
	}
	data, err := io.ReadAll(io.LimitReader(f, limit))
	if err != nil {
		return "", fmt.Errorf("termination log: %w", err)
	}
	return string(data), nil
}

func (m *Manager) terminationLogPath(podUID, container string, attempt uint32) (string, error) {
	for _, name := range []string{podUID, container} {
		if err := validName(name); err != nil {
			return "", err
		}
	}
	return filepath.Join(m.podDir(podUID), "containers", container, fmt.Sprintf("termination-%d.log", attempt)), nil
}

func (m *Manager) podsDir() string          { return filepath.Join(m.cfg.Root, "pods") }
func (m *Manager) podDir(uid string) string { return filepath.Join(m.podsDir(), uid) }
func (m *Manager) volumeDir(uid, volume string) string {
	return filepath.Join(m.podDir(uid), "volumes", volume)
}

func (m *Manager) makePodDir(uid string) error {
	if err := os.MkdirAll(filepath.Join(m.podDir(uid), "volumes"), 0o755); err != nil {
		return fmt.Errorf("volumes: %w", err)
	}
	return nil
}

func podUID(pod *corev1.Pod) (string, error) {
	uid := pod.GetMetadata().GetUid()
	if err := validName(uid); err != nil {
		return "", fmt.Errorf("pod uid: %w", err)
	}
	return uid, nil
}

// validName accepts one plain path element.
func validName(name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") || len(name) > 253 {
		return fmt.Errorf("%q cannot name a directory", name)
	}
	return nil
}

// validRelative accepts a path that stays below where it starts.
func validRelative(path string) error {
	if path == "" || filepath.IsAbs(path) || strings.ContainsRune(path, 0) {
		return fmt.Errorf("%q is not a relative path", path)
	}
	if slices.Contains(strings.Split(path, "/"), "..") {
		return fmt.Errorf("%q leads upwards: %w", path, fs.ErrInvalid)
	}
	return nil
}
