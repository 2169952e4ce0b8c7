package e2e

import (
	"strings"
)

// logsFollow follows pods that come, go and are restarted.
func logsFollow(r *rig) {
	r.run(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: talk}
spec:
  replicas: 1
  selector: {matchLabels: {app: talk}}
  template:
    metadata: {labels: {app: talk}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: main
        image: IMAGE
        command: [sh, -c, 'echo first of $HOSTNAME; while [ ! -e /tmp/end ]; do sleep 0.1; done']
`)
	r.kaji("rollout", "status", "deployment/talk", "--timeout=3m")
	names := func() []string {
		return strings.Fields(r.kaji("get", "pods", "-l", "app=talk", "-o", "jsonpath={.items[*].metadata.name}"))
	}
	first := names()[0]
	c := r.console("logs", "-f", "deployment/talk", "--all-pods")
	c.shows("[pod/" + first + "/main] first of " + first)
	r.kaji("scale", "deployment/talk", "--replicas=2")
	r.kaji("rollout", "status", "deployment/talk", "--timeout=3m")
	for _, name := range names() {
		c.shows("[pod/" + name + "/main] first of " + name)
	}
	r.kaji("delete", "pod", first, "--now")
	r.kaji("rollout", "status", "deployment/talk", "--timeout=3m")
	for _, name := range names() {
		c.shows("[pod/" + name + "/main] first of " + name)
	}
	c.types("\x03")
	c.ends(130)
	r.kaji("delete", "deployment/talk")
}
