package e2e

import (
	"fmt"
	"syscall"
	"testing"

	"kaji.dev/kaji/deploy/supervise"
)

// TestSupervisorAndRuntimeDie: an up takes over what lives on, and a down clears away what nobody watches any more.
// That nothing is left is checked when the cluster goes down.
func TestSupervisorAndRuntimeDie(t *testing.T) {
	r := newRig(t)
	r.run(`
apiVersion: v1
kind: Pod
metadata: {name: lives}
spec:
  volumes: [{name: m, emptyDir: {medium: Memory}}]
  containers:
  - name: main
    image: IMAGE
    command: [sh, -c, 'trap "" TERM; while :; do sleep 1; done']
    ports: [{containerPort: 80, hostPort: ` + fmt.Sprint(r.cfg.BasePort+901) + `}]
    volumeMounts: [{name: m, mountPath: /m}]
`)
	before := containerIDs(r.ready("lives"))
	r.crash()
	r.kaji("up", "--dir="+r.cfg.Dir)
	until(t, "exec works again", func() error {
		out, err := r.try("exec", "lives", "--", "echo", "well")
		if err != nil || out != "well\n" {
			return fmt.Errorf("%q %v", out, err)
		}
		return nil
	})
	if now := containerIDs(r.ready("lives")); now != before {
		t.Errorf("containers are %s, were %s", now, before)
	}
	r.crash()
}

// crash kills the supervisor and the runtime, in this order, so that nobody starts the runtime again.
func (r *rig) crash() {
	r.t.Helper()
	for _, name := range []string{"supervisor", "containerd"} {
		pid := supervise.Running(r.cfg.RunDir())[name]
		if pid == 0 {
			r.t.Fatalf("%s does not run", name)
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			r.t.Fatal(err)
		}
		until(r.t, name+" is dead", func() error {
			if supervise.Running(r.cfg.RunDir())[name] == pid {
				return fmt.Errorf("%d runs", pid)
			}
			return nil
		})
	}
}
