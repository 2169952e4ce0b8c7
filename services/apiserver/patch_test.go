package apiserver_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	autoscalingv1 "kaji.dev/kaji/gen/kaji/autoscaling/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/services/apiserver/apitest"
)

const (
	mergeType = metav1.PatchType_PATCH_TYPE_MERGE
	jsonType  = metav1.PatchType_PATCH_TYPE_JSON

	strategicType = metav1.PatchType_PATCH_TYPE_STRATEGIC
)

// Forty copies of an object into itself would be an object of a trillion times its size.
func TestAPatchCannotGrowWithoutBound(t *testing.T) {
	s := apitest.Start(t, nil)
	deployments := client.Of[*appsv1.Deployment](s.Client())
	check(deployments.Create(t.Context(), newDeployment("web", 2)))(t)
	var copies []string
	for i := range 40 {
		copies = append(copies, fmt.Sprintf(`{"op":"copy","from":"/metadata","path":"/metadata/copy%d"}`, i))
	}
	for what, patch := range map[string]string{
		"copies":     "[" + strings.Join(copies, ",") + "]",
		"operations": "[" + strings.TrimSuffix(strings.Repeat(`{"op":"test","path":"/spec/replicas","value":2},`, 10_001), ",") + "]",
	} {
		_, err := deployments.Patch(t.Context(), "default", "web", jsonType, []byte(patch), "")
		if apierror.ReasonOf(err) != apierror.ReasonBadRequest {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestPatch(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := context.Background()
	deployments := client.Of[*appsv1.Deployment](s.Client())
	made := check(deployments.Create(ctx, newDeployment("web", 2)))(t)
	for _, c := range []struct {
		name        string
		kind        metav1.PatchType
		patch       string
		subresource string
		reason      apierror.Reason
		looks       func(d *appsv1.Deployment) bool
	}{
		{name: "merge sets and removes", kind: mergeType, patch: `{"metadata":{"annotations":{"a":"b"}},"spec":{"replicas":3,"minReadySeconds":null}}`,
			looks: func(d *appsv1.Deployment) bool {
				return d.GetSpec().GetReplicas() == 3 && d.GetMetadata().GetAnnotations()["a"] == "b"
			}},
		{name: "merge removes a key", kind: mergeType, patch: `{"metadata":{"annotations":{"a":null}}}`,
			looks: func(d *appsv1.Deployment) bool { return len(d.GetMetadata().GetAnnotations()) == 0 }},
		{name: "json", kind: jsonType, patch: `[{"op":"test","path":"/spec/replicas","value":3},{"op":"replace","path":"/spec/replicas","value":4}]`,
			looks: func(d *appsv1.Deployment) bool { return d.GetSpec().GetReplicas() == 4 }},
		{name: "json test fails", kind: jsonType, patch: `[{"op":"test","path":"/spec/replicas","value":3}]`, reason: apierror.ReasonInvalid},
		{name: "status through the status", kind: mergeType, subresource: "status", patch: `{"status":{"replicas":4},"spec":{"replicas":99}}`,
			looks: func(d *appsv1.Deployment) bool {
				return d.GetStatus().GetReplicas() == 4 && d.GetSpec().GetReplicas() == 4
			}},
		{name: "status not through the object", kind: mergeType, patch: `{"status":{"replicas":5}}`,
			looks: func(d *appsv1.Deployment) bool { return d.GetStatus().GetReplicas() == 4 }},
		{name: "scale", kind: mergeType, subresource: "scale", patch: `{"spec":{"replicas":6}}`,
			looks: func(d *appsv1.Deployment) bool { return d.GetSpec().GetReplicas() == 6 }},
		{name: "strategic", kind: strategicType, patch: `{"spec":{"template":{"spec":{"containers":[{"name":"main","env":[{"name":"A","value":"1"}]}]}}}}`,
			looks: func(d *appsv1.Deployment) bool {
				c := d.GetSpec().GetTemplate().GetSpec().GetContainers()
				return len(c) == 1 && c[0].GetImage() == "registry.test/web:1" && c[0].GetEnv()[0].GetValue() == "1"
			}},
		{name: "strategic scale", kind: strategicType, subresource: "scale", patch: `{"spec":{"replicas":7}}`,
			looks: func(d *appsv1.Deployment) bool { return d.GetSpec().GetReplicas() == 7 }},
		{name: "strategic without a key", kind: strategicType, patch: `{"spec":{"template":{"spec":{"containers":[{"image":"x"}]}}}}`, reason: apierror.ReasonBadRequest},
		{name: "an unknown type", kind: 99, patch: `{}`, reason: apierror.ReasonBadRequest},
		{name: "no json", kind: mergeType, patch: `{`, reason: apierror.ReasonBadRequest},
		{name: "no object", kind: mergeType, patch: `[]`, reason: apierror.ReasonBadRequest},
		{name: "wrong type", kind: mergeType, patch: `{"spec":{"replicas":"many"}}`, reason: apierror.ReasonInvalid},
		{name: "against the rules", kind: mergeType, patch: `{"spec":{"replicas":-1}}`, reason: apierror.ReasonInvalid},
		{name: "another name", kind: mergeType, patch: `{"metadata":{"name":"other"}}`, reason: apierror.ReasonBadRequest},
		{name: "an old version", kind: mergeType, patch: `{"metadata":{"resourceVersion":"` + made.GetMetadata().GetResourceVersion() + `"}}`, reason: apierror.ReasonConflict},
		{name: "an unknown part", kind: mergeType, subresource: "soul", patch: `{}`, reason: apierror.ReasonBadRequest},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := deployments.Patch(ctx, "default", "web", c.kind, []byte(c.patch), c.subresource)
			if apierror.ReasonOf(err) != c.reason {
				t.Fatalf("got %v, want %q", err, c.reason)
			}
			if err == nil && !c.looks(got) {
				t.Errorf("it became %v", got)
			}
		})
	}
	if _, err := deployments.Patch(ctx, "default", "absent", mergeType, []byte(`{}`), ""); !apierror.IsNotFound(err) {
		t.Errorf("patch of what is not there: %v", err)
	}
}

func TestScale(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := context.Background()
	api := appsv1.NewDeploymentServiceClient(s.Client().Conn())
	made := check(api.CreateDeployment(ctx, &appsv1.CreateDeploymentRequest{Object: newDeployment("web", 2)}))(t)
	scale := check(api.GetDeploymentScale(ctx, &metav1.GetRequest{Namespace: "default", Name: "web"}))(t)
	if scale.GetSpec().GetReplicas() != 2 || scale.GetStatus().GetSelector() != "app=web" || scale.GetMetadata().GetUid() != made.GetMetadata().GetUid() {
		t.Errorf("the scale is %v", scale)
	}
	old := proto.CloneOf(scale)
	scale.Spec.Replicas = 0
	scale = check(api.UpdateDeploymentScale(ctx, &appsv1.UpdateDeploymentScaleRequest{Object: scale}))(t)
	d := check(api.GetDeployment(ctx, &metav1.GetRequest{Namespace: "default", Name: "web"}))(t)
	if scale.GetSpec().GetReplicas() != 0 || d.GetSpec().GetReplicas() != 0 || d.GetSpec().Replicas == nil || d.GetMetadata().GetGeneration() != 2 {
		t.Errorf("after scaling to 0: %v, %v", scale, d.GetSpec())
	}
	if _, err := api.UpdateDeploymentScale(ctx, &appsv1.UpdateDeploymentScaleRequest{Object: old}); !apierror.IsConflict(apierror.FromStatus(err)) {
		t.Errorf("an old scale: %v", err)
	}
	negative := &autoscalingv1.Scale{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "web"}, Spec: &autoscalingv1.ScaleSpec{Replicas: -1}}
	if _, err := api.UpdateDeploymentScale(ctx, &appsv1.UpdateDeploymentScaleRequest{Object: negative}); !apierror.IsInvalid(apierror.FromStatus(err)) {
		t.Errorf("a negative scale: %v", err)
	}
}
