package volumes

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// killRoot names the directory in which the test binary, started by TestKill, mounts and
// unmounts until it is killed.
const killRoot = "KAJI_TEST_KILL_ROOT"

func TestMain(m *testing.M) {
	if root := os.Getenv(killRoot); root != "" {
		if err := mountForever(root); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

func killPod() (*corev1.Pod, *corev1.Container) {
	memory := volume("mem", &corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: "Memory"}})
	pod := newPod("u1", configMapVolume("cfg", "cfg"), secretVolume("sec", "sec"), emptyDirVolume("work"), memory)
	container := pod.GetSpec().GetContainers()[0]
	container.VolumeMounts = []*corev1.VolumeMount{
		{Name: "work", MountPath: "/w", SubPath: "a/b"},
		{Name: "cfg", MountPath: "/c", SubPath: "key"},
	}
	return pod, container
}

func killManager(root string) (*Manager, *objects[*corev1.ConfigMap], error) {
	configMaps := &objects[*corev1.ConfigMap]{kind: "configmaps", m: map[string]*corev1.ConfigMap{}}
	secrets := &objects[*corev1.Secret]{kind: "secrets", m: map[string]*corev1.Secret{}}
	configMaps.set("cfg", &corev1.ConfigMap{Data: map[string]string{"key": "0"}})
	secrets.set("sec", &corev1.Secret{Data: map[string][]byte{"pass": []byte("s")}})
	m, err := New(Config{Root: root, ConfigMaps: configMaps, Secrets: secrets}, nil)
	return m, configMaps, err
}

func mountForever(root string) error {
	m, configMaps, err := killManager(root)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	pod, container := killPod()
	ctx, info := context.Background(), memoryInfo()
	for i := 0; ; i++ {
		configMaps.set("cfg", &corev1.ConfigMap{Data: map[string]string{"key": strconv.Itoa(i), "other" + strconv.Itoa(i%3): ""}})
		made, err := m.Mount(ctx, pod, info)
		if err != nil {
			return err
		}
		if _, err := m.ContainerMounts(ctx, pod, container, made, nil); err != nil {
			return err
		}
		if i%3 == 2 {
			if err := m.Unmount(ctx, "u1"); err != nil {
				return err
			}
		}
	}
}

// However often the agent is killed in the middle of its work, the next one finishes it.
func TestKill(t *testing.T) {
	needMounts(t)
	w := newWorld(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for round := range 25 {
		cmd := exec.Command(os.Args[0], "-test.run=^$")
		cmd.Env = append(os.Environ(), killRoot+"="+w.root)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		if !lines.Scan() || lines.Text() != "ready" {
			t.Fatalf("the child did not start: %q", lines.Text())
		}
		// The one place where time is wanted: the kill shall come anywhere.
		time.Sleep(time.Duration(random.IntN(15_000)) * time.Microsecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			t.Errorf("the child says %q", lines.Text())
		}
		_ = cmd.Wait() // killed

		if round%2 == 0 {
			continue // killed again and again on the same directory
		}
		m, _, err := killManager(w.root)
		if err != nil {
			t.Fatal(err)
		}
		pod, container := killPod()
		made, err := m.Mount(t.Context(), pod, memoryInfo())
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		wantFiles(t, made["cfg"].HostPath, map[string]string{"key": "0"})
		wantFiles(t, made["sec"].HostPath, map[string]string{"pass": "s"})
		wantMode(t, made["work"].HostPath, 0o777)
		wantMode(t, made["mem"].HostPath, 0o777)
		mounts, err := m.ContainerMounts(t.Context(), pod, container, made, nil)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		wantMode(t, mounts[0].HostPath, 0o777)
		if data, err := os.ReadFile(mounts[1].HostPath); err != nil || string(data) != "0" {
			t.Errorf("round %d: the sub-path holds %q, %v", round, data, err)
		}
		if points, err := mountsBelow(w.podDir("u1")); err != nil || len(points) != 4 {
			t.Errorf("round %d: mounted are %v, %v; want four", round, points, err)
		}
		if entries, err := os.ReadDir(filepath.Join(w.podDir("u1"), "volumes")); err != nil || len(entries) != 4 {
			t.Errorf("round %d: on disk are %v, %v; want four", round, entries, err)
		}
		w.unmountOK("u1")
	}
}
