package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func mounts(r *rig) {
	host := r.hostDirectory()
	if err := os.WriteFile(filepath.Join(host, "theirs"), []byte("node"), 0o644); err != nil {
		r.t.Fatal(err)
	}
	r.run(`
apiVersion: v1
kind: ConfigMap
metadata: {name: mounts}
data: {a: va, b.txt: vb}
binaryData: {bin: AAEC}
---
apiVersion: v1
kind: Secret
metadata: {name: mounts}
stringData: {pw: s3cret}
---
apiVersion: v1
kind: Pod
metadata: {name: mounts, labels: {l: label}}
spec:
  volumes:
  - {name: cm, configMap: {name: mounts, defaultMode: 0400}}
  - {name: items, configMap: {name: mounts, items: [{key: a, path: deep/er/a, mode: 0755}]}}
  - {name: none, configMap: {name: absent, optional: true}}
  - {name: secret, secret: {secretName: mounts}}
  - {name: empty, emptyDir: {}}
  - {name: memory, emptyDir: {medium: Memory, sizeLimit: 8Mi}}
  - {name: host, hostPath: {path: ` + host + `, type: Directory}}
  - name: down
    downwardAPI:
      items:
      - {path: labels, fieldRef: {fieldPath: metadata.labels}}
      - {path: cpu, resourceFieldRef: {containerName: main, resource: limits.cpu, divisor: 1m}}
  - name: all
    projected:
      sources:
      - {configMap: {name: mounts, items: [{key: a, path: x/cm}]}}
      - {secret: {name: mounts, items: [{key: pw, path: x/secret}]}}
      - {downwardAPI: {items: [{path: name, fieldRef: {fieldPath: metadata.name}}]}}
  terminationGracePeriodSeconds: 0
  containers:
  - name: main
    image: IMAGE
    command: [sleep, "1000"]
    resources: {limits: {memory: 64Mi, cpu: 500m}, requests: {memory: 32Mi, cpu: 250m}}
    env: [{name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
    volumeMounts:
    - {name: cm, mountPath: /cm}
    - {name: items, mountPath: /items}
    - {name: none, mountPath: /none}
    - {name: cm, mountPath: /etc/one, subPath: a}
    - {name: secret, mountPath: /secret, readOnly: true}
    - {name: empty, mountPath: /empty}
    - {name: empty, mountPath: /sub, subPath: sub/dir}
    - {name: empty, mountPath: /expr, subPathExpr: "of-$(POD)"}
    - {name: memory, mountPath: /memory}
    - {name: host, mountPath: /host}
    - {name: down, mountPath: /down}
    - {name: all, mountPath: /all}
  - name: other
    image: IMAGE
    command: [sleep, "1000"]
    volumeMounts: [{name: empty, mountPath: /empty, readOnly: true}]
`)
	r.ready("mounts")
	for command, want := range map[string]string{
		"cat /cm/a /cm/b.txt; od -An -tx1 /cm/bin; stat -Lc %a /cm/a": "vavb 00 01 02\n400\n",
		"cat /items/deep/er/a; stat -Lc %a /items/deep/er/a":          "va755\n",
		"ls /none | wc -l":                                 "0\n",
		"cat /etc/one /secret/pw":                          "vas3cret",
		"touch /secret/x 2>/dev/null || echo read-only":    "read-only\n",
		"cat /all/x/cm /all/x/secret /all/name":            "vas3cretmounts",
		"cat /down/labels; cat /down/cpu":                  `l="label"500`,
		"touch /sub/a /expr/b; find /empty -type f | sort": "/empty/of-mounts/b\n/empty/sub/dir/a\n",
		"df -k /memory | awk 'NR==2 {print $1, $2}'":       "tmpfs 8192\n",
		"cat /host/theirs; echo -n pod > /host/ours":       "node",
		// What is asked for is what the cgroup has, in version 1 or 2.
		"cd /sys/fs/cgroup; cat memory.max 2>/dev/null || cat memory/memory.limit_in_bytes":                                    "67108864\n",
		"cd /sys/fs/cgroup; cat cpu.max 2>/dev/null || echo $(cat cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us)":                 "50000 100000\n",
		"cd /sys/fs/cgroup; if [ -e cpu.weight ]; then [ $(cat cpu.weight) -lt 100 ] && echo 256; else cat cpu/cpu.shares; fi": "256\n",
	} {
		if out, err := r.try("exec", "mounts", "-c", "main", "--", "sh", "-c", command); err != nil || out != want {
			r.t.Errorf("%s: %q %v, want %q", command, out, err, want)
		}
	}
	if b, err := os.ReadFile(filepath.Join(host, "ours")); err != nil || string(b) != "pod" {
		r.t.Errorf("hostPath: %q %v", b, err)
	}
	if out := r.kaji("exec", "mounts", "-c", "other", "--", "sh", "-c", "ls /empty/sub/dir; touch /empty/x 2>/dev/null || echo read-only"); out != "a\nread-only\n" {
		r.t.Errorf("the other container sees %q", out)
	}
	r.remove("mounts")
}

// volumesFollow checks that what is mounted changes with what it came from, except under a sub-path.
func volumesFollow(r *rig) {
	manifest := `
apiVersion: v1
kind: ConfigMap
metadata: {name: follow}
data: {a: %s, %s: x}
`
	r.run(fmt.Sprintf(manifest, "old", "gone") + `---
apiVersion: v1
kind: Pod
metadata: {name: follow, labels: {l: old}}
spec:
  volumes:
  - {name: cm, configMap: {name: follow}}
  - {name: down, downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}}
  terminationGracePeriodSeconds: 0
  containers:
  - name: main
    image: IMAGE
    command: [sleep, "1000"]
    volumeMounts:
    - {name: cm, mountPath: /cm}
    - {name: cm, mountPath: /one, subPath: a}
    - {name: down, mountPath: /down}
`)
	before := r.ready("follow")
	r.kaji("label", "pod", "follow", "l=new", "--overwrite")
	begun := time.Now()
	shows := func(command, want string) {
		r.t.Helper()
		until(r.t, command, func() error {
			out, err := r.try("exec", "follow", "--", "sh", "-c", command)
			if err == nil && out != want {
				err = fmt.Errorf("%q, want %q", out, want)
			}
			return err
		})
	}
	shows("cat /down/labels", `l="new"`)
	if took := time.Since(begun); took > 20*time.Second {
		r.t.Errorf("new labels took %v to show", took)
	}
	r.apply(fmt.Sprintf(manifest, "new", "added"))
	shows("cat /cm/a; ls /cm", "newa\nadded\n")
	shows("cat /one", "old")
	after := r.ready("follow")
	if was, is := containerIDs(before), containerIDs(after); was != is {
		r.t.Errorf("containers were restarted: %s, were %s", is, was)
	}
	r.remove("follow")
}

func containerIDs(p *corev1.Pod) string {
	var ids []string
	for _, c := range p.GetStatus().GetContainerStatuses() {
		ids = append(ids, c.GetContainerId())
	}
	return strings.Join(ids, " ")
}

// fresh is a pod as the API has it now; nil when it has none.
func (r *rig) fresh(name string) *corev1.Pod {
	p, err := client.Of[*corev1.Pod](r.api).Get(r.t.Context(), "default", name)
	if err != nil {
		return nil
	}
	return p
}
