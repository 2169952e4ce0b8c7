package cli_test

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/fake"
	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

const web = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {app: web, tier: front}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: registry/web:1
        resources: {requests: {cpu: 1000m}}
`

const service = `---
apiVersion: v1
kind: Service
metadata: {name: web, creationTimestamp: null}
spec: {selector: {app: web}, ports: [{port: 80}]}
`

func TestApplyCreatesConfiguresAndLeavesAlone(t *testing.T) {
	api := server(t, "")
	s := newShell(t, api.Client())
	file := write(t, "web.yaml", web+service)
	same(t, s.ok("apply", "-f", file), "deployment.apps/web created\nservice/web created")
	before := api.Revision()
	same(t, s.ok("apply", "-f", file), "deployment.apps/web unchanged\nservice/web unchanged")
	if api.Revision() != before {
		t.Error("unchanged, and yet something was written")
	}
	changed := write(t, "web.yaml", strings.Replace(web, "web:1", "web:2", 1)+service)
	same(t, s.ok("apply", "-f", changed), "deployment.apps/web configured\nservice/web unchanged")
	got, err := client.Of[*appsv1.Deployment](s.client).Get(t.Context(), "default", "web")
	if err != nil {
		t.Fatal(err)
	}
	if image := got.GetSpec().GetTemplate().GetSpec().GetContainers()[0].GetImage(); image != "registry/web:2" {
		t.Error(image)
	}
}

func TestApplyKeepsWhatOthersSet(t *testing.T) {
	api := server(t, "")
	s := newShell(t, api.Client())
	deployments := client.Of[*appsv1.Deployment](s.client)
	s.ok("apply", "-f", write(t, "a.yaml", strings.Replace(web, "  replicas: 3\n", "", 1)))
	d, err := deployments.Get(t.Context(), "default", "web")
	if err != nil {
		t.Fatal(err)
	}
	d = proto.CloneOf(d)
	d.Spec.Replicas = proto.Int32(7)
	d.Metadata.Labels["added"] = "by others"
	d.Spec.Template.Spec.Containers = append(d.Spec.Template.Spec.Containers, &corev1.Container{Name: "injected", Image: "sidecar"})
	d.Spec.Template.Spec.Containers[0].ImagePullPolicy = "Always"
	if _, err := deployments.Update(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	// The label tier and the resources are no longer declared.
	next := strings.Replace(web, ", tier: front", "", 1)
	next = strings.Replace(next, "        resources: {requests: {cpu: 1000m}}\n", "", 1)
	next = strings.Replace(next, "  replicas: 3\n", "", 1)
	same(t, s.ok("apply", "-f", write(t, "a.yaml", next)), "deployment.apps/web configured")
	d, err = deployments.Get(t.Context(), "default", "web")
	if err != nil {
		t.Fatal(err)
	}
	labels, containers := d.GetMetadata().GetLabels(), d.GetSpec().GetTemplate().GetSpec().GetContainers()
	if d.GetSpec().GetReplicas() != 7 || labels["added"] == "" || labels["tier"] != "" || labels["app"] != "web" {
		t.Errorf("replicas %d, labels %v", d.GetSpec().GetReplicas(), labels)
	}
	if len(containers) != 2 || containers[0].GetImagePullPolicy() != "Always" || len(containers[0].GetResources().GetRequests()) != 0 {
		t.Errorf("containers %v", containers)
	}
}

func TestApplyTriesAgainAfterALostRace(t *testing.T) {
	api := server(t, "")
	s := newShell(t, api.Client())
	s.ok("apply", "-f", write(t, "a.yaml", web))
	raced := false
	api.Intercept(func(ctx context.Context, c fake.Call) error {
		if c.Verb != metav1.Verb_VERB_PATCH || raced {
			return nil
		}
		raced = true
		deployments := client.Of[*appsv1.Deployment](api.Client())
		d, err := deployments.Get(ctx, "default", "web")
		if err != nil {
			return err
		}
		d = proto.CloneOf(d)
		d.Metadata.Labels["raced"] = "yes"
		_, err = deployments.Update(ctx, d)
		return err
	})
	s.ok("apply", "-f", write(t, "a.yaml", strings.Replace(web, "web:1", "web:2", 1)))
	d, err := client.Of[*appsv1.Deployment](s.client).Get(t.Context(), "default", "web")
	if err != nil || !raced || d.GetMetadata().GetLabels()["raced"] != "yes" || d.GetSpec().GetTemplate().GetSpec().GetContainers()[0].GetImage() != "registry/web:2" {
		t.Errorf("raced %v: %v, %v", raced, d, err)
	}
}

func TestApplyOfWhatWasNotApplied(t *testing.T) {
	s := newShell(t, server(t, strings.Replace(web, "name: web\n", "name: web\n  namespace: default\n", 1)).Client())
	r := s.run("apply", "-f", write(t, "a.yaml", web))
	if r.code != 0 || !strings.Contains(r.err, "Warning: deployment.apps/web was not made by apply") || !strings.Contains(r.out, "configured") {
		t.Errorf("%+v", r)
	}
	if r = s.run("apply", "-f", write(t, "a.yaml", web)); r.err != "" || !strings.Contains(r.out, "unchanged") {
		t.Errorf("%+v", r)
	}
}

func TestApplyDryRun(t *testing.T) {
	api := server(t, "")
	s := newShell(t, api.Client())
	before := api.Revision()
	file := write(t, "web.yaml", web)
	same(t, s.ok("apply", "-f", file, "--dry-run=client"), "deployment.apps/web created (dry run)")
	same(t, s.ok("apply", "-f", file, "--dry-run=server"), "deployment.apps/web created (server dry run)")
	if api.Revision() != before {
		t.Error("something was written")
	}
	s.fails([]string{"--dry-run is none, client or server"}, "apply", "-f", file, "--dry-run=maybe")
}

func TestApplyReportsAllThatIsWrong(t *testing.T) {
	api := server(t, "")
	s := newShell(t, api.Client())
	bad := write(t, "bad.yaml", "apiVersion: v1\nkind: Pod\nspec:\n  containerz: []\n---\napiVersion: v1\nkind: ConfigMap\ndata: 3\n")
	s.fails([]string{`bad.yaml:4: spec.containerz: unknown field; did you mean "containers"?`, "bad.yaml:8: data: must be an object, not a number"}, "apply", "-f", bad)
	s.fails([]string{"there is no file or folder /none.yaml"}, "apply", "-f", "/none.yaml")
	s.fails([]string{`in namespace "shop", but --namespace says "other"`}, "apply", "-n", "other", "-f", write(t, "ns.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\n"))
	s.fails([]string{"give manifests with -f"}, "apply")
	s.fails([]string{"unknown output \"wide\""}, "apply", "-f", bad, "-o", "wide")
	// One object that is refused does not keep the others from being applied.
	api.Intercept(func(_ context.Context, c fake.Call) error {
		if c.Name == "bad" && c.Verb == metav1.Verb_VERB_CREATE {
			return apierror.Invalid("configmaps.core", "default", "bad", []apierror.FieldViolation{{Field: "data[x]", Description: "too long"}, {Field: "metadata.name", Description: "too short"}})
		}
		return nil
	})
	r := s.run("apply", "-f", write(t, "two.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: good}\n"))
	if r.code != 1 || !strings.Contains(r.out, "configmap/good created") || !strings.Contains(r.err, "two.yaml:1: ") || !strings.Contains(r.err, "\n  data[x]: too long\n  metadata.name: too short\n") {
		t.Errorf("%+v", r)
	}
}

func TestApplyFromStdinIntoANamespace(t *testing.T) {
	s := newShell(t, server(t, "").Client())
	s.in = web
	same(t, s.ok("apply", "-f", "-", "-n", "shop", "-o", "name"), "deployment.apps/web")
	if _, err := client.Of[*appsv1.Deployment](s.client).Get(t.Context(), "shop", "web"); err != nil {
		t.Error(err)
	}
}

func TestCreateAndReplace(t *testing.T) {
	s := newShell(t, server(t, "").Client())
	file := write(t, "a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: '1', z: '2'}\n")
	same(t, s.ok("create", "-f", file), "configmap/a created")
	s.fails([]string{"already exists", "`kaji apply` changes what exists"}, "create", "-f", file)
	same(t, s.ok("replace", "-f", write(t, "a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {z: '3'}\n")), "configmap/a replaced")
	same(t, s.ok("get", "cm/a", "-o", "jsonpath={.data}"), `{"z":"3"}`)
	s.fails([]string{"not found"}, "replace", "-f", write(t, "b.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n"))
	same(t, s.ok("create", "ns", "shop"), "namespace/shop created")
	if out := s.ok("create", "-f", write(t, "g.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: g-}\n")); !strings.HasPrefix(out, "configmap/g-") {
		t.Error(out)
	}
}
