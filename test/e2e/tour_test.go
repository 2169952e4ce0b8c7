package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// webPod is a pod of the example as `get -o json` tells it.
type webPod struct {
	Metadata struct{ Name, UID string }
	Spec     struct{ NodeName string }
	Status   struct {
		Phase, PodIP string
		Conditions   []struct{ Type, Status string }
	}
}

func (p webPod) ready() bool {
	for _, c := range p.Status.Conditions {
		if c.Type == "Ready" {
			return c.Status == "True"
		}
	}
	return false
}

func (c *Cluster) webPods() []webPod {
	c.t.Helper()
	var l struct{ Items []webPod }
	if err := json.Unmarshal([]byte(c.kaji("get", "pods", "-l", "app=web", "-o", "json")), &l); err != nil {
		c.t.Fatal(err)
	}
	return l.Items
}

// serves checks that exactly n pods of the example run, and that each answers for itself with the text.
func (c *Cluster) serves(n int, text string) error {
	pods := c.webPods()
	if len(pods) != n {
		return fmt.Errorf("%d pods, want %d", len(pods), n)
	}
	for _, p := range pods {
		if p.Status.Phase != "Running" || !p.ready() || p.Status.PodIP == "" {
			return fmt.Errorf("%s is %s, IP %q", p.Metadata.Name, p.Status.Phase, p.Status.PodIP)
		}
		body, err := get("http://" + p.Status.PodIP + ":8080/")
		if err != nil {
			return err
		}
		if !strings.Contains(body, p.Metadata.Name) || !strings.Contains(body, text) {
			return fmt.Errorf("%s answers %q, want its name and %q", p.Metadata.Name, body, text)
		}
	}
	return nil
}

// TestTour is the README's tour: a Deployment from nothing to nothing.
func TestTour(t *testing.T) {
	c := up(t)
	c.image("1")
	v2 := c.image("2")

	c.apply(c.webManifest())
	c.kaji("rollout", "status", "deployment/web", "--timeout=3m")
	until(t, "3 replicas serve", func() error { return c.serves(3, "version 1") })
	if out := c.kaji("get", "pods", "-l", "app=web", "-o", "wide"); strings.Count(out, "Running") != 3 || !strings.Contains(out, "node-1") {
		t.Errorf("get -o wide:\n%s", out)
	}

	pod := c.webPods()[0].Metadata.Name
	if out := c.kaji("exec", pod, "--", "sh", "-c", "echo in $HOSTNAME; /web version"); out != "in "+pod+"\n1\n" {
		t.Errorf("exec printed %q", out)
	}
	if _, err := c.try("exec", pod, "--", "sh", "-c", "exit 7"); exitCode(err) != 7 {
		t.Errorf("exec's exit status is not the command's: %v", err)
	}
	if out, err := c.tryIn("abc", "exec", "-i", pod, "--", "wc", "-c"); err != nil || strings.TrimSpace(out) != "3" {
		t.Errorf("exec -i: %q %v", out, err)
	}
	if out := c.kaji("logs", pod); !strings.Contains(out, "version 1 serves on :8080") {
		t.Errorf("logs:\n%s", out)
	}

	c.kaji("scale", "deployment/web", "--replicas=5")
	until(t, "5 replicas serve", func() error { return c.serves(5, "version 1") })
	c.kaji("scale", "deployment/web", "--replicas=2")
	until(t, "2 replicas serve", func() error { return c.serves(2, "version 1") })

	c.kaji("set", "image", "deployment/web", "web="+v2)
	c.kaji("rollout", "status", "deployment/web", "--timeout=3m")
	until(t, "version 2 serves", func() error { return c.serves(2, "version 2") })
	if out := c.kaji("rollout", "history", "deployment/web"); len(lines(out)) < 3 {
		t.Errorf("history:\n%s", out)
	}
	c.kaji("rollout", "undo", "deployment/web")
	c.kaji("rollout", "status", "deployment/web", "--timeout=3m")
	until(t, "version 1 serves again", func() error { return c.serves(2, "version 1") })

	c.apply(strings.ReplaceAll(c.webManifest(), "value: hello", "value: bonjour"))
	c.kaji("rollout", "status", "deployment/web", "--timeout=3m")
	until(t, "the new environment is in use", func() error { return c.serves(3, "bonjour from") })

	gone := c.webPods()[0].Metadata.Name
	c.kaji("delete", "pod", gone)
	until(t, "a new pod takes the place of the deleted one", func() error {
		for _, p := range c.webPods() {
			if p.Metadata.Name == gone {
				return fmt.Errorf("%s is still there", gone)
			}
		}
		return c.serves(3, "bonjour from")
	})
	if out := c.kaji("describe", "deployment", "web"); !strings.Contains(out, "ScalingReplicaSet") {
		t.Errorf("describe has no events:\n%s", out)
	}

	manifest := t.TempDir() + "/web.yaml"
	if err := os.WriteFile(manifest, []byte(c.webManifest()), 0o644); err != nil {
		t.Fatal(err)
	}
	c.kaji("delete", "-f", manifest)
	until(t, "no container is left", func() error { return c.noSandboxes() })
	if out := c.kaji("get", "all"); strings.Contains(out, "web") {
		t.Errorf("left in the API:\n%s", out)
	}
}

// grpcurl runs the tool with the flags that `kaji config grpcurl` prints.
func (c *Cluster) grpcurl(before, after []string) (string, error) {
	c.t.Helper()
	args := append([]string{"tool", "grpcurl"}, before...)
	args = append(args, strings.Fields(c.kaji("config", "grpcurl"))...)
	cmd := exec.Command("go", append(args, after...)...)
	cmd.Dir = repo
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestGrpcurl is what operators script with.
func TestGrpcurl(t *testing.T) {
	c := up(t)
	out, err := c.grpcurl(nil, []string{"list"})
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, s := range []string{
		"kaji.core.v1.PodService", "kaji.core.v1.NodeService", "kaji.apps.v1.DeploymentService", "kaji.coordination.v1.LeaseService",
		"kaji.node.v1.RuntimeClassService", "kaji.api.v1.ResourceService", "kaji.scheduler.v1.SchedulerService", "grpc.health.v1.Health",
	} {
		if !strings.Contains(out, s+"\n") {
			t.Errorf("%s is not listed:\n%s", s, out)
		}
	}
	out, err = c.grpcurl([]string{"-d", `{"object":{"metadata":{"name":"made","namespace":"default"},"data":{"a":"b"}}}`}, []string{"kaji.core.v1.ConfigMapService/CreateConfigMap"})
	if err != nil || !strings.Contains(out, `"resourceVersion"`) {
		t.Errorf("create: %v\n%s", err, out)
	}
	out, err = c.grpcurl([]string{"-d", `{"namespace":"default"}`}, []string{"kaji.core.v1.ConfigMapService/ListConfigMaps"})
	if err != nil || !strings.Contains(out, `"made"`) {
		t.Errorf("list: %v\n%s", err, out)
	}
	out, err = c.grpcurl([]string{"-d", `{"namespace":"default"}`}, []string{"kaji.core.v1.PodService/ListPods"})
	if err != nil {
		t.Errorf("list pods: %v\n%s", err, out)
	}
	bad := `{"object":{"metadata":{"name":"Not A Name","namespace":"default"},"spec":{"containers":[{"name":"x"}],"restartPolicy":"Sometimes"}}}`
	out, err = c.grpcurl([]string{"-d", bad}, []string{"kaji.core.v1.PodService/CreatePod"})
	if err == nil || !strings.Contains(out, "InvalidArgument") {
		t.Fatalf("a bad pod: %v\n%s", err, out)
	}
	for _, field := range []string{"metadata.name", "spec.containers[0].image", "spec.restartPolicy"} {
		if !strings.Contains(out, `"field": "`+field+`"`) {
			t.Errorf("no violation of %s:\n%s", field, out)
		}
	}
}
