package e2e

import (
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"
)

// sleepers is a deployment of a name, that sleeps.
func sleepers(name, image string, replicas int) string {
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s}
spec:
  replicas: %[3]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      containers: [{name: web, image: %[2]s}]
`, name, image, replicas)
}

// appContainers are the containers that run of an app's pods, as the runtime knows them: those of the pods that the API has.
func (c *Cluster) appContainers(app string) (map[string]string, error) {
	all, err := c.containers()
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, uid := range strings.Fields(c.kaji("get", "pods", "-l", "app="+app, "-o", "jsonpath={.items[*].metadata.uid}")) {
		for key, id := range all {
			if strings.HasPrefix(key, uid+"/") {
				out[key] = id
			}
		}
	}
	return out, nil
}

// TestRestoreUnderACluster takes a cluster back to a copy of its store, as docs/store/restore.md says. Nobody is restarted for it: API server, controllers,
// scheduler and agents read the world afresh. What is in both states is not touched; what was deleted since comes back; what came since goes.
func TestRestoreUnderACluster(t *testing.T) {
	c := up(t, "--separate", "--members=3", "--nodes=2")
	image := c.image("1")
	c.apply(sleepers("steady", image, 2))
	c.apply(sleepers("deleted", image, 2))
	c.kaji("create", "configmap", "settings", "--from-literal=v=old")
	for _, name := range []string{"steady", "deleted"} {
		c.kaji("rollout", "status", "deployment/"+name, "--timeout=3m")
	}
	steady, err := c.appContainers("steady")
	if err != nil || len(steady) != 2 {
		t.Fatalf("%v, %v", steady, err)
	}
	// No flags: the context that `kaji up` wrote names the store.
	contains(t, "status", c.kaji("store", "status"), "store-1", "store-2", "store-3", "leader")
	file := filepath.Join(t.TempDir(), "backup.snapshot")
	c.kaji("store", "snapshot", "save", file)

	c.kaji("delete", "deployment", "deleted", "--timeout=2m")
	until(t, "the pods of what was deleted are gone", func() error {
		if out := c.kaji("get", "pods", "-l", "app=deleted", "-o", "name"); out != "" {
			return fmt.Errorf("%s", out)
		}
		return nil
	})
	c.apply(sleepers("later", image, 2))
	c.kaji("rollout", "status", "deployment/later", "--timeout=3m")
	later, err := c.appContainers("later")
	if err != nil || len(later) != 2 {
		t.Fatalf("%v, %v", later, err)
	}
	c.kaji("create", "configmap", "settings-2", "--from-literal=v=new")

	c.kaji("store", "snapshot", "restore", file, "--yes")

	until(t, "what was deleted runs again", func() error {
		now, err := c.appContainers("deleted")
		if err == nil && len(now) != 2 {
			err = fmt.Errorf("containers: %v", now)
		}
		return err
	})
	c.kaji("rollout", "status", "deployment/deleted", "--timeout=3m")
	until(t, "what came later is gone", func() error {
		all, err := c.containers()
		if err != nil {
			return err
		}
		for key := range later {
			if id, there := all[key]; there {
				return fmt.Errorf("container %s of %s runs", id, key)
			}
		}
		return nil
	})
	if out, err := c.try("get", "deployment", "later"); err == nil {
		t.Errorf("what came later is there: %s", out)
	}
	if out, err := c.try("get", "configmap", "settings-2"); err == nil {
		t.Errorf("what came later is there: %s", out)
	}
	contains(t, "settings", c.kaji("get", "configmap", "settings", "-o", "yaml"), "old")
	// Whatever runs in both states went on.
	if now, err := c.appContainers("steady"); err != nil || !maps.Equal(now, steady) {
		t.Errorf("bystanders' containers are %v, were %v, %v", now, steady, err)
	}
	// And everybody works on.
	c.apply(sleepers("after", image, 2))
	c.kaji("rollout", "status", "deployment/after", "--timeout=3m")
	c.kaji("scale", "deployment/steady", "--replicas=3")
	c.kaji("rollout", "status", "deployment/steady", "--timeout=3m")
	until(t, "all nodes are Ready", func() error {
		if out := c.kaji("get", "nodes"); strings.Contains(out, "NotReady") {
			return fmt.Errorf("%s", out)
		}
		return nil
	})
	contains(t, "check", c.kaji("store", "check"), "the same on store-1, store-2, store-3")
}
