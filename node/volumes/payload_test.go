package volumes

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

func TestConfigMapVolume(t *testing.T) {
	w := newWorld(t)
	w.configMaps.set("cfg", &corev1.ConfigMap{Data: map[string]string{"a": "1", "b.conf": "2"}, BinaryData: map[string][]byte{"bin": {0, 1}}})
	items := volume("items", &corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
		LocalObjectReference: ref("cfg"), DefaultMode: ptr(int32(0o400)),
		Items: []*corev1.KeyToPath{{Key: "a", Path: "etc/a.txt"}, {Key: "bin", Path: "bin", Mode: ptr(int32(0o755))}},
	}})
	pod := newPod("u1", configMapVolume("all", "cfg"), items)
	v := w.mountOK(pod)
	wantFiles(t, v["all"].HostPath, map[string]string{"a": "1", "b.conf": "2", "bin": "\x00\x01"})
	wantMode(t, filepath.Join(v["all"].HostPath, "a"), 0o644)
	wantFiles(t, v["items"].HostPath, map[string]string{"etc/a.txt": "1", "bin": "\x00\x01"})
	wantMode(t, filepath.Join(v["items"].HostPath, "etc/a.txt"), 0o400)
	wantMode(t, filepath.Join(v["items"].HostPath, "bin"), 0o755)
	if !v["all"].ReadOnly {
		t.Error("a configMap volume must be read-only")
	}
	w.unmountOK("u1")
}

func TestPayloadErrors(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.DisableTmpfs = true })
	w.configMaps.set("cfg", &corev1.ConfigMap{Data: map[string]string{"a": "1"}})
	w.configMaps.set("huge", &corev1.ConfigMap{BinaryData: map[string][]byte{"a": make([]byte, maxPayload), "b": {1}}})
	source := func(s *corev1.ConfigMapVolumeSource) *corev1.VolumeSource { return &corev1.VolumeSource{ConfigMap: s} }
	projected := func(p ...*corev1.VolumeProjection) *corev1.VolumeSource {
		return &corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: p}}
	}
	for name, c := range map[string]struct {
		s    *corev1.VolumeSource
		want string
	}{
		"no config map":   {source(&corev1.ConfigMapVolumeSource{LocalObjectReference: ref("none")}), "none"},
		"no secret":       {&corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "none"}}, "none"},
		"no key":          {source(&corev1.ConfigMapVolumeSource{LocalObjectReference: ref("cfg"), Items: []*corev1.KeyToPath{{Key: "z", Path: "z"}}}), `"z"`},
		"path leads up":   {source(&corev1.ConfigMapVolumeSource{LocalObjectReference: ref("cfg"), Items: []*corev1.KeyToPath{{Key: "a", Path: "x/../../z"}}}), "upwards"},
		"path absolute":   {source(&corev1.ConfigMapVolumeSource{LocalObjectReference: ref("cfg"), Items: []*corev1.KeyToPath{{Key: "a", Path: "/etc/passwd"}}}), "relative"},
		"path reserved":   {source(&corev1.ConfigMapVolumeSource{LocalObjectReference: ref("cfg"), Items: []*corev1.KeyToPath{{Key: "a", Path: "..data"}}}), "..data"},
		"path not clean":  {source(&corev1.ConfigMapVolumeSource{LocalObjectReference: ref("cfg"), Items: []*corev1.KeyToPath{{Key: "a", Path: "x//y"}}}), "clean"},
		"file below file": {source(&corev1.ConfigMapVolumeSource{LocalObjectReference: ref("cfg"), Items: []*corev1.KeyToPath{{Key: "a", Path: "x"}, {Key: "a", Path: "x/y"}}}), "x/y"},
		"file over dir":   {source(&corev1.ConfigMapVolumeSource{LocalObjectReference: ref("cfg"), Items: []*corev1.KeyToPath{{Key: "a", Path: "x/y"}, {Key: "a", Path: "x"}}}), "x/y"},
		"too large":       {source(&corev1.ConfigMapVolumeSource{LocalObjectReference: ref("huge")}), "larger"},
		"field":           {&corev1.VolumeSource{DownwardApi: &corev1.DownwardAPIVolumeSource{Items: []*corev1.DownwardAPIVolumeFile{{Path: "f", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "spec.x"}}}}}, "spec.x"},
		"no field":        {&corev1.VolumeSource{DownwardApi: &corev1.DownwardAPIVolumeSource{Items: []*corev1.DownwardAPIVolumeFile{{Path: "f"}}}}, "fieldRef"},
		"token":           {projected(&corev1.VolumeProjection{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token"}}), "serviceAccountToken"},
		"trust bundle":    {projected(&corev1.VolumeProjection{ClusterTrustBundle: &corev1.ClusterTrustBundleProjection{Path: "ca"}}), "clusterTrustBundle"},
		"pod certificate": {projected(&corev1.VolumeProjection{PodCertificate: &corev1.PodCertificateProjection{}}), "podCertificate"},
	} {
		_, err := w.Mount(t.Context(), newPod("u1", volume("vol", c.s)), PodInfo{})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), `"vol"`) {
			t.Errorf("%s: %v; want an error with the volume's name and %s", name, err, c.want)
		}
	}
	w.unmountOK("u1")
}

func TestOptionalSources(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.DisableTmpfs = true })
	w.configMaps.set("cfg", &corev1.ConfigMap{Data: map[string]string{"a": "1"}})
	yes := ptr(true)
	pod := newPod("u1",
		volume("cm", &corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: ref("none"), Optional: yes}}),
		volume("sec", &corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "none", Optional: yes}}),
		volume("key", &corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: ref("cfg"), Optional: yes, Items: []*corev1.KeyToPath{{Key: "a", Path: "a"}, {Key: "z", Path: "z"}}}}),
	)
	v := w.mountOK(pod)
	wantFiles(t, v["cm"].HostPath, map[string]string{})
	wantFiles(t, v["sec"].HostPath, map[string]string{})
	wantFiles(t, v["key"].HostPath, map[string]string{"a": "1"})

	w.configMaps.set("none", &corev1.ConfigMap{Data: map[string]string{"late": "x"}})
	if err := w.Refresh(t.Context(), pod, PodInfo{}); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, v["cm"].HostPath, map[string]string{"late": "x"})
}

func TestRefresh(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.DisableTmpfs = true })
	w.configMaps.set("cfg", &corev1.ConfigMap{Data: map[string]string{"a": "1"}})
	w.configMaps.set("gone", &corev1.ConfigMap{Data: map[string]string{"g": "1"}})
	labels := volume("labels", &corev1.VolumeSource{DownwardApi: &corev1.DownwardAPIVolumeSource{Items: []*corev1.DownwardAPIVolumeFile{{Path: "labels", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.labels"}}}}})
	pod := newPod("u1", configMapVolume("gone", "gone"), configMapVolume("cfg", "cfg"), labels)
	if !NeedsRefresh(pod) || NeedsRefresh(newPod("u2", emptyDirVolume("e"))) {
		t.Error("NeedsRefresh is for volumes made of API objects")
	}
	v := w.mountOK(pod)
	wantFiles(t, v["labels"].HostPath, map[string]string{"labels": `app="web"`})

	// What a container has open as a directory is what it mounted: the update must show there.
	mounted, err := os.OpenRoot(v["cfg"].HostPath)
	if err != nil {
		t.Fatal(err)
	}
	defer mounted.Close()
	w.configMaps.set("cfg", &corev1.ConfigMap{Data: map[string]string{"a": "2", "b": "3"}})
	w.configMaps.drop("gone")
	pod.Metadata.Labels["app"] = "shop"
	err = w.Refresh(t.Context(), pod, PodInfo{})
	if err == nil || !strings.Contains(err.Error(), `"gone"`) {
		t.Errorf("Refresh with a missing object: %v; want an error that names it", err)
	}
	if data, err := mounted.ReadFile("a"); err != nil || string(data) != "2" {
		t.Errorf("through the mount a is %q, %v; want 2", data, err)
	}
	wantFiles(t, v["cfg"].HostPath, map[string]string{"a": "2", "b": "3"})
	wantFiles(t, v["gone"].HostPath, map[string]string{"g": "1"})
	wantFiles(t, v["labels"].HostPath, map[string]string{"labels": `app="shop"`})
}

type tokens struct{ n int }

func (s *tokens) Token(_ context.Context, pod *corev1.Pod, audience string, lifetime time.Duration) (string, error) {
	if s.n++; s.n > 2 {
		return "", errors.New("no more tokens")
	}
	return pod.GetMetadata().GetName() + "/" + audience + "/" + lifetime.String(), nil
}

func TestProjectedVolume(t *testing.T) {
	needMounts(t)
	source := &tokens{}
	w := newWorld(t, func(c *Config) { c.Tokens = source })
	w.configMaps.set("cfg", &corev1.ConfigMap{Data: map[string]string{"a": "1", "z": "9"}})
	w.secrets.set("sec", &corev1.Secret{Data: map[string][]byte{"pass": []byte("s")}})
	pod := newPod("u1", volume("all", &corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		DefaultMode: ptr(int32(0o440)), DefaultUser: ptr(int64(1234)),
		Sources: []*corev1.VolumeProjection{
			{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: ref("cfg"), Items: []*corev1.KeyToPath{{Key: "a", Path: "cfg/a", User: ptr(int64(77))}}}},
			{Secret: &corev1.SecretProjection{LocalObjectReference: ref("sec")}},
			{DownwardApi: &corev1.DownwardAPIProjection{Items: []*corev1.DownwardAPIVolumeFile{
				{Path: "name", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}},
				{Path: "mem", ResourceFieldRef: &corev1.ResourceFieldSelector{ContainerName: "main", Resource: "limits.memory", Divisor: &metav1.Quantity{String_: "1Mi"}}, Mode: ptr(int32(0o400))},
			}}},
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token", Audience: "vault", ExpirationSeconds: ptr(int64(600))}},
		},
	}}))
	pod.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: ptr(int64(500))}
	info := PodInfo{Allocatable: map[string]resource.Quantity{"memory": resource.MustParse("1Gi")}}
	v, err := w.Mount(t.Context(), pod, info)
	if err != nil {
		t.Fatal(err)
	}
	dir := v["all"].HostPath
	wantFiles(t, dir, map[string]string{"cfg/a": "1", "pass": "s", "name": "web", "mem": "1024", "token": "web/vault/10m0s"})
	wantMode(t, filepath.Join(dir, "pass"), 0o440)
	wantMode(t, filepath.Join(dir, "mem"), 0o400)
	wantMode(t, filepath.Join(dir, "token"), 0o600)
	wantOwner(t, filepath.Join(dir, "pass"), 1234, 0)
	wantOwner(t, filepath.Join(dir, "cfg/a"), 77, 0)
	wantOwner(t, filepath.Join(dir, "token"), 500, 0)
	if mounted, err := isMountPoint(dir); err != nil || !mounted {
		t.Errorf("a volume with a secret in it must be a tmpfs (%v)", err)
	}
	before, _ := os.Readlink(filepath.Join(dir, dataLink))
	if err := w.Refresh(t.Context(), pod, info); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.Readlink(filepath.Join(dir, dataLink)); after != before {
		t.Error("nothing changed, but the volume was written again")
	}
	if err := w.Refresh(t.Context(), pod, info); err == nil {
		t.Error("a token source that fails must be told")
	}
	wantFiles(t, dir, map[string]string{"cfg/a": "1", "pass": "s", "name": "web", "mem": "1024", "token": "web/vault/10m0s"})
	w.unmountOK("u1")
}

func TestSecretVolume(t *testing.T) {
	needMounts(t)
	w := newWorld(t)
	w.secrets.set("sec", &corev1.Secret{Data: map[string][]byte{"pass": []byte("s3cret")}})
	pod := newPod("u1", secretVolume("sec", "sec"))
	for range 2 { // the second finds all in place
		dir := w.mountOK(pod)["sec"].HostPath
		wantFiles(t, dir, map[string]string{"pass": "s3cret"})
		points, err := mountsBelow(w.podDir("u1"))
		if err != nil || len(points) != 1 || points[0] != dir {
			t.Errorf("mounts are %v, %v; want one tmpfs at %s", points, err, dir)
		}
	}
	wantMode(t, w.podsDir(), 0o700)
	w.unmountOK("u1")
}

func TestFSGroup(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("changing owners takes root")
	}
	w := newWorld(t)
	w.configMaps.set("cfg", &corev1.ConfigMap{Data: map[string]string{"a": "1"}})
	pod := newPod("u1", volume("cfg", &corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: ref("cfg"), DefaultMode: ptr(int32(0o400)), Items: []*corev1.KeyToPath{{Key: "a", Path: "d/a"}}}}), emptyDirVolume("work"))
	pod.Spec.SecurityContext = &corev1.PodSecurityContext{FsGroup: ptr(int64(2000))}
	v := w.mountOK(pod)
	wantOwner(t, filepath.Join(v["cfg"].HostPath, "d/a"), 0, 2000)
	wantMode(t, filepath.Join(v["cfg"].HostPath, "d/a"), 0o440)
	wantOwner(t, filepath.Join(v["cfg"].HostPath, "d"), 0, 2000)
	wantMode(t, filepath.Join(v["cfg"].HostPath, "d"), 0o755|os.ModeSetgid)
	wantOwner(t, v["work"].HostPath, 0, 2000)
	wantMode(t, v["work"].HostPath, 0o777|os.ModeSetgid)
	before, _ := os.Readlink(filepath.Join(v["cfg"].HostPath, dataLink))
	w.mountOK(pod)
	if after, _ := os.Readlink(filepath.Join(v["cfg"].HostPath, dataLink)); after != before {
		t.Error("with an fsGroup the same contents were written again")
	}
	w.unmountOK("u1")
}
