package apiserver_test

import (
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	autoscalingv1 "kaji.dev/kaji/gen/kaji/autoscaling/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/services/apiserver/apitest"
)

const declaredWeb = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {team: a}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: registry.example/web:1
        ports: [{containerPort: 80}]
        resources: {limits: {cpu: "0.5", memory: 1024Mi}}
`

func managerOf(m *metav1.ObjectMeta, name string) *metav1.ManagedFieldsEntry {
	for _, e := range m.GetManagedFields() {
		if e.GetManager() == name {
			return e
		}
	}
	return nil
}

func TestApplyADeployment(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := t.Context()
	deployments := client.Of[*appsv1.Deployment](s.Client())
	by := func(manager string) *metav1.ApplyOptions { return &metav1.ApplyOptions{FieldManager: manager} }
	first := check(deployments.Apply(ctx, "default", "web", []byte(declaredWeb), by("ci")))(t)
	if first.GetSpec().GetTemplate().GetSpec().GetRestartPolicy() != "Always" || first.GetMetadata().GetGeneration() != 1 {
		t.Errorf("defaults are missing: %v", first)
	}
	raw := string(managerOf(first.GetMetadata(), "ci").GetFieldsV1().GetRaw())
	if !strings.Contains(raw, `k:{\"containerPort\":80,\"protocol\":\"TCP\"}`) || strings.Contains(raw, "restartPolicy") {
		t.Errorf("ci owns %s", raw)
	}
	again := check(deployments.Apply(ctx, "default", "web", []byte(declaredWeb), by("ci")))(t)
	if !proto.Equal(first, again) {
		t.Errorf("applying the same again made\n%v of\n%v", again, first)
	}

	// Status is not owned, and writing it leaves the record alone.
	again.Status = &appsv1.DeploymentStatus{Replicas: 1}
	withStatus := check(deployments.UpdateStatus(ctx, again))(t)
	if len(withStatus.GetMetadata().GetManagedFields()) != 1 {
		t.Errorf("after a status: %v", withStatus.GetMetadata().GetManagedFields())
	}

	// Whoever scales owns the replicas from then on, and is told of.
	scale := &autoscalingv1.Scale{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "web"}, Spec: &autoscalingv1.ScaleSpec{Replicas: 5}}
	check(appsv1.NewDeploymentServiceClient(s.Client().Conn()).UpdateDeploymentScale(ctx, &appsv1.UpdateDeploymentScaleRequest{
		Object: scale, Options: &metav1.UpdateOptions{FieldManager: "autoscaler"},
	}))(t)
	_, err := deployments.Apply(ctx, "default", "web", []byte(declaredWeb), by("ci"))
	if !apierror.IsConflict(err) || len(err.(*apierror.Error).Violations) != 1 || err.(*apierror.Error).Violations[0].Field != "spec.replicas" ||
		!strings.Contains(err.Error(), "autoscaler") {
		t.Errorf("over a scale: %v", err)
	}
	kept := check(deployments.Apply(ctx, "default", "web", []byte(strings.Replace(declaredWeb, "  replicas: 2\n", "", 1)), by("ci")))(t)
	if kept.GetSpec().GetReplicas() != 5 || kept.GetStatus().GetReplicas() != 1 {
		t.Errorf("giving the replicas up made %v", kept)
	}

	// A patch is recorded too, in the name of the caller when it gives none.
	patched := check(deployments.Patch(ctx, "default", "web", strategicType, []byte(`{"metadata":{"labels":{"team":"b"}}}`), ""))(t)
	if strings.Contains(string(managerOf(patched.GetMetadata(), "ci").GetFieldsV1().GetRaw()), "f:team") {
		t.Errorf("ci still owns what was patched: %v", patched.GetMetadata().GetManagedFields())
	}
	if _, err := deployments.Apply(ctx, "default", "web", []byte(strings.Replace(declaredWeb, "  replicas: 2\n", "", 1)), by("ci")); !apierror.IsConflict(err) {
		t.Errorf("over a patch: %v", err)
	}
}

func TestWhatCannotBeApplied(t *testing.T) {
	s := apitest.Start(t, nil)
	maps := client.Of[*corev1.ConfigMap](s.Client())
	for what, c := range map[string]struct {
		patch  string
		reason apierror.Reason
	}{
		"unknown field":   {`{"apiVersion":"v1","kind":"ConfigMap","dta":{}}`, apierror.ReasonInvalid},
		"no kind":         {`{"data":{}}`, apierror.ReasonInvalid},
		"another kind":    {`{"apiVersion":"v1","kind":"Secret"}`, apierror.ReasonBadRequest},
		"another name":    {`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"b"}}`, apierror.ReasonBadRequest},
		"another place":   {`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"namespace":"b"}}`, apierror.ReasonBadRequest},
		"managed fields":  {`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"managedFields":[{"manager":"x"}]}}`, apierror.ReasonBadRequest},
		"two objects":     {"{apiVersion: v1, kind: ConfigMap}\n---\n{apiVersion: v1, kind: ConfigMap}\n", apierror.ReasonBadRequest},
		"a certain one":   {`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"uid":"x"}}`, apierror.ReasonNotFound},
		"an invalid name": {`{"apiVersion":"v1","kind":"ConfigMap","data":{"a/b":"x"}}`, apierror.ReasonInvalid},
	} {
		_, err := maps.Apply(t.Context(), "default", "a", []byte(c.patch), &metav1.ApplyOptions{FieldManager: "m"})
		if apierror.ReasonOf(err) != c.reason {
			t.Errorf("%s: %v, want %s", what, err, c.reason)
		}
	}
}

// Managers that apply to one object at the same time all get their fields in, the one that creates it among them.
func TestManagersApplyAtOnce(t *testing.T) {
	s := apitest.Start(t, nil)
	maps := client.Of[*corev1.ConfigMap](s.Client())
	var running sync.WaitGroup
	for _, name := range strings.Split("abcdefgh", "") {
		running.Go(func() {
			declared := `{"apiVersion":"v1","kind":"ConfigMap","data":{"` + name + `":"1"}}`
			if _, err := maps.Apply(t.Context(), "default", "shared", []byte(declared), &metav1.ApplyOptions{FieldManager: name}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	running.Wait()
	got := check(maps.Get(t.Context(), "default", "shared"))(t)
	if len(got.GetData()) != 8 || len(got.GetMetadata().GetManagedFields()) != 8 {
		t.Errorf("it has %v of %v", got.GetData(), got.GetMetadata().GetManagedFields())
	}
}

// Creating and updating in a manager's name is recorded; without a name nothing is.
func TestWritesAreRecordedForManagers(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := t.Context()
	maps := client.Of[*corev1.ConfigMap](s.Client())
	if m := check(maps.Create(ctx, configMap("plain", nil)))(t); len(m.GetMetadata().GetManagedFields()) != 0 {
		t.Errorf("nobody asked for %v", m.GetMetadata().GetManagedFields())
	}
	m := check(maps.CreateWith(ctx, configMap("a", map[string]string{"x": "1", "y": "1"}), &metav1.CreateOptions{FieldManager: "maker"}))(t)
	m.Data["y"] = "2"
	m = check(maps.UpdateWith(ctx, m, &metav1.UpdateOptions{FieldManager: "hand"}))(t)
	for manager, want := range map[string]string{"maker": `{"f:data":{".":{},"f:x":{}}}`, "hand": `{"f:data":{"f:y":{}}}`} {
		if e := managerOf(m.GetMetadata(), manager); string(e.GetFieldsV1().GetRaw()) != want || e.GetOperation() != "Update" {
			t.Errorf("%s owns %s, want %s", manager, e.GetFieldsV1().GetRaw(), want)
		}
	}
	long := &metav1.UpdateOptions{FieldManager: strings.Repeat("m", 129)}
	if _, err := maps.UpdateWith(ctx, m, long); apierror.ReasonOf(err) != apierror.ReasonBadRequest {
		t.Errorf("a manager with a long name: %v", err)
	}
}

// The same apply is worked out once; every change of the object by others is noticed all the same.
func TestApplyingTheSameOverAndOver(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := t.Context()
	deployments := client.Of[*appsv1.Deployment](s.Client())
	apply := func(options *metav1.ApplyOptions) (*appsv1.Deployment, error) {
		options.FieldManager = "ci"
		return deployments.Apply(ctx, "default", "web", []byte(declaredWeb), options)
	}
	revision := func() int64 {
		return check(s.Store.Range(ctx, &storev1.RangeRequest{Key: []byte("/"), CountOnly: true}))(t).GetRevision()
	}
	first := check(apply(&metav1.ApplyOptions{}))(t)
	was := revision()
	for i := range 4 {
		if again := check(apply(&metav1.ApplyOptions{}))(t); !proto.Equal(first, again) {
			t.Fatalf("apply %d made\n%v of\n%v", i, again, first)
		}
	}
	if now := revision(); now != was {
		t.Errorf("the store went from revision %d to %d", was, now)
	}
	// What another adds stays; what the manager wants is there: nothing to change, at another revision.
	labelled := proto.CloneOf(first)
	labelled.Metadata.Labels["other"] = "x"
	labelled = check(deployments.UpdateWith(ctx, labelled, &metav1.UpdateOptions{FieldManager: "hand"}))(t)
	for range 2 {
		if again := check(apply(&metav1.ApplyOptions{}))(t); !proto.Equal(labelled, again) {
			t.Errorf("with another's label apply made\n%v of\n%v", again, labelled)
		}
	}
	// What another changes of it is a conflict each time, and is put right by force.
	scaled := proto.CloneOf(labelled)
	five := int32(5)
	scaled.Spec.Replicas = &five
	check(deployments.UpdateWith(ctx, scaled, &metav1.UpdateOptions{FieldManager: "hand"}))(t)
	for range 2 {
		if _, err := apply(&metav1.ApplyOptions{}); !apierror.IsConflict(err) {
			t.Errorf("over another's replicas: %v", err)
		}
	}
	if forced := check(apply(&metav1.ApplyOptions{Force: true}))(t); forced.GetSpec().GetReplicas() != 2 {
		t.Errorf("forced: %v", forced.GetSpec())
	}
	// An object that was deleted is made anew.
	if err := deployments.Delete(ctx, "default", "web", nil); err != nil {
		t.Fatal(err)
	}
	if anew := check(apply(&metav1.ApplyOptions{}))(t); anew.GetMetadata().GetUid() == first.GetMetadata().GetUid() {
		t.Errorf("after the delete: %v", anew.GetMetadata())
	}
	// Nobody is answered who may not apply.
	if _, err := client.Of[*appsv1.Deployment](s.As(identity.Identity{Name: "eve"})).Apply(
		ctx, "default", "web", []byte(declaredWeb), &metav1.ApplyOptions{FieldManager: "ci"}); !apierror.IsForbidden(err) {
		t.Errorf("eve: %v", err)
	}
}
