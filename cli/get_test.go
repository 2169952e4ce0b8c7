package cli_test

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

const running = `apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: default, creationTimestamp: "2026-11-23T11:58:00Z", labels: {app: web}}
spec: {nodeName: n1, containers: [{name: web, image: i}]}
status: {phase: Running, podIP: 10.0.0.1, containerStatuses: [{name: web, ready: true, state: {running: {}}}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web-2, namespace: default, creationTimestamp: "2026-11-23T11:00:00Z", labels: {app: web}, managedFields: [{manager: x}]}
spec: {containers: [{name: web, image: i}]}
status: {phase: Pending}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, creationTimestamp: "2026-11-22T11:00:00Z"}
spec: {nodeName: n2, containers: [{name: db, image: i}]}
status: {phase: Running}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default, creationTimestamp: "2026-11-23T11:00:00Z"}
spec: {type: ClusterIP, clusterIP: 10.96.0.1, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Node
metadata: {name: n1, creationTimestamp: "2026-11-23T11:00:00Z"}
status: {conditions: [{type: Ready, status: "True"}]}
`

func TestGetTables(t *testing.T) {
	s := newShell(t, server(t, running).Client())
	for args, want := range map[string]string{
		"get pods": "NAME    READY   STATUS    RESTARTS   AGE\nweb-1   1/1     Running   0          2m\nweb-2   0/1     Pending   0          60m\n",
		"get po web-2 -o wide": "NAME    READY   STATUS    RESTARTS   AGE   IP       NODE     NOMINATED NODE   READINESS GATES\n" +
			"web-2   0/1     Pending   0          60m   <none>   <none>   <none>           <none>\n",
		"get pod/web-1 --no-headers":                         "web-1   1/1   Running   0     2m\n",
		"get pods -A -l !app":                                "NAMESPACE   NAME   READY   STATUS    RESTARTS   AGE\nshop        db     0/1     Running   0          25h\n",
		"get pods -n shop --no-headers":                      "db    0/1   Running   0     25h\n",
		"get pods --field-selector spec.nodeName=n1 -o name": "pod/web-1\n",
		"get pods -l app=web --show-labels --no-headers":     "web-1   1/1   Running   0     2m    app=web\nweb-2   0/1   Pending   0     60m   app=web\n",
		"get pods -L app --no-headers":                       "web-1   1/1   Running   0     2m    web\nweb-2   0/1   Pending   0     60m   web\n",
		"get all": "NAME        READY   STATUS    RESTARTS   AGE\npod/web-1   1/1     Running   0          2m\npod/web-2   0/1     Pending   0          60m\n\n" +
			"NAME          TYPE        CLUSTER-IP   EXTERNAL-IP   PORT(S)   AGE\nservice/web   ClusterIP   10.96.0.1    <none>        80/TCP    60m\n",
		"get pods --sort-by .metadata.creationTimestamp -o name":                          "pod/web-2\npod/web-1\n",
		"get svc,nodes -o name":                                                           "service/web\nnode/n1\n",
		"get pod web-1 -o custom-columns=NAME:.metadata.name,IP:.status.podIP,X:.nothing": "NAME    IP         X\nweb-1   10.0.0.1   <none>\n",
	} {
		t.Run(args, func(t *testing.T) { same(t, newShell(t, s.client).ok(strings.Fields(args)...), want) })
	}
}

func TestGetObjects(t *testing.T) {
	s := newShell(t, server(t, running).Client())
	same(t, s.ok("get", "pods", "-o", "jsonpath={range .items[*]}{.metadata.name}={.status.phase} {end}"), "web-1=Running web-2=Pending")
	same(t, s.ok("get", "pod", "web-1", "-o", "jsonpath=.status.podIP"), "10.0.0.1")
	same(t, s.ok("get", "pod", "web-1", "-o", "jsonpath={.status.containerStatuses[?(@.ready==true)].name}"), "web")
	out := s.ok("get", "pod", "web-2", "-o", "yaml")
	if !strings.HasPrefix(out, "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web-2\n") || strings.Contains(out, "managedFields") {
		t.Error(out)
	}
	if out := s.ok("get", "pod", "web-2", "-o", "yaml", "--show-managed-fields"); !strings.Contains(out, "managedFields") {
		t.Error(out)
	}
	// What get writes, apply takes.
	list := s.ok("get", "pods", "-o", "json")
	if !strings.Contains(list, `"kind": "List"`) {
		t.Error(list)
	}
	s.in = list
	if out := s.ok("apply", "-f", "-", "--dry-run=client"); strings.Count(out, "(dry run)") != 2 {
		t.Error(out)
	}
}

func TestGetErrors(t *testing.T) {
	s := newShell(t, server(t, running).Client())
	s.fails([]string{`web-3" not found`, `did you mean "web-1"?`}, "get", "pod", "web-3")
	s.fails([]string{`there is no kind "pdos"`, `did you mean "pods"?`}, "get", "pdos")
	s.fails([]string{"what? name a kind"}, "get")
	s.fails([]string{"unknown output"}, "get", "pods", "-o", "xml")
	s.fails([]string{"jsonpath"}, "get", "pods", "-o", "jsonpath={.items[")
	s.fails([]string{"not both"}, "get", "pods", "web-1", "-l", "app=web")
	s.fails([]string{"unknown flag: --labels", "`kaji get --help`"}, "get", "pods", "--labels")
	s.fails([]string{"unknown command \"gte\""}, "gte", "pods")
	s.fails([]string{"field"}, "get", "pods", "--field-selector", "spec.colour=red")
	if r := s.run("get", "deploy"); r.code != 0 || !strings.Contains(r.err, "No deployments found in default namespace.") {
		t.Errorf("%+v", r)
	}
	if r := s.run("get", "pod", "none", "--ignore-not-found"); r != (result{}) {
		t.Errorf("%+v", r)
	}
	// What was found is shown beside the error.
	if r := s.run("get", "pod", "web-1", "none"); r.code != 1 || !strings.Contains(r.out, "web-1") {
		t.Errorf("%+v", r)
	}
}

func TestGetWatch(t *testing.T) {
	api := server(t, running)
	s := newShell(t, api.Client())
	ctx, stop := context.WithCancel(t.Context())
	out, errs := newBuffer(), newBuffer()
	code := s.start(ctx, out, errs, "get", "pods", "-w", "-l", "app=web")
	out.await(t, "web-2")
	pods := client.Of[*corev1.Pod](s.client)
	change := func(phase string) {
		t.Helper()
		p, err := pods.Get(t.Context(), "default", "web-2")
		if err != nil {
			t.Fatal(err)
		}
		p = proto.CloneOf(p)
		p.Status.Phase = phase
		if _, err := pods.UpdateStatus(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	change("Running")
	out.await(t, "web-2   0/1     Running")
	api.BreakWatches() // taken up again
	change("Failed")
	out.await(t, "web-2   0/1     Failed")
	stop()
	if c := code(); c != 0 && c != 130 {
		t.Errorf("exit status %d: %s", c, errs)
	}
	if strings.Count(out.String(), "NAME") != 1 {
		t.Errorf("headings:\n%s", out)
	}
}

func TestGetEventsByTime(t *testing.T) {
	s := newShell(t, server(t, `apiVersion: v1
kind: Event
metadata: {name: a, namespace: default}
involvedObject: {kind: Pod, name: web-1}
lastTimestamp: "2026-11-23T11:59:00Z"
reason: Later
---
apiVersion: v1
kind: Event
metadata: {name: b, namespace: default}
involvedObject: {kind: Node, name: n1}
lastTimestamp: "2026-11-23T11:50:00Z"
reason: Earlier
`).Client())
	same(t, s.ok("get", "events", "--no-headers"), "10m   <none>   Earlier   node/n1     <none>\n60s   <none>   Later     pod/web-1   <none>")
	if r := s.run("events", "--for", "pod/web-1", "--no-headers"); r.code != 0 || strings.Contains(r.out, "Earlier") || !strings.Contains(r.out, "Later") {
		t.Errorf("%+v", r)
	}
}
