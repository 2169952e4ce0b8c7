package conformance

import (
	"strings"
	"testing"

	"kaji.dev/kaji/apierror"

	"google.golang.org/protobuf/proto"
)

func testCreate(t *testing.T, s *suite) {
	created := s.createMap(t, "a", nil)
	m := created.GetMetadata()
	if m.GetUid() == "" || m.GetResourceVersion() == "" || m.GetCreationTimestamp() == nil {
		t.Errorf("the server left metadata empty: %v", m)
	}
	read := must(s.maps.Get(s.ctx, s.namespace, "a"))(t)
	if !proto.Equal(read, created) {
		t.Errorf("read %v, created %v", read, created)
	}
	if _, err := s.maps.Create(s.ctx, s.newMap("a", nil)); !apierror.IsAlreadyExists(err) {
		t.Errorf("a second one of the name: %v", err)
	}
	if _, err := s.maps.Get(s.ctx, s.namespace, "b"); !apierror.IsNotFound(err) {
		t.Errorf("an absent one: %v", err)
	}
	if err := s.maps.Delete(s.ctx, s.namespace, "b", nil); !apierror.IsNotFound(err) {
		t.Errorf("deleting an absent one: %v", err)
	}
	absent := s.newMap("b", nil)
	if _, err := s.maps.Update(s.ctx, absent); !apierror.IsNotFound(err) {
		t.Errorf("updating an absent one: %v", err)
	}
	if _, err := s.maps.Create(s.ctx, created); !apierror.IsAlreadyExists(err) && apierror.ReasonOf(err) != apierror.ReasonBadRequest && !apierror.IsInvalid(err) {
		t.Errorf("creating with a resourceVersion: %v", err)
	}
}

func testGenerateName(t *testing.T, s *suite) {
	seen := map[string]bool{}
	for range 20 {
		m := s.newMap("", nil)
		m.Metadata.GenerateName = "web-"
		created := must(s.maps.Create(s.ctx, m))(t)
		name := created.GetMetadata().GetName()
		if !strings.HasPrefix(name, "web-") || len(name) <= len("web-") || seen[name] {
			t.Errorf("generated %q", name)
		}
		seen[name] = true
	}
}

func testConflict(t *testing.T, s *suite) {
	first := s.createMap(t, "a", nil)
	change := proto.CloneOf(first)
	change.Data["key"] = "changed"
	second := must(s.maps.Update(s.ctx, change))(t)
	if second.GetMetadata().GetResourceVersion() == first.GetMetadata().GetResourceVersion() {
		t.Error("a change kept its resourceVersion")
	}
	if _, err := s.maps.Update(s.ctx, change); !apierror.IsConflict(err) {
		t.Errorf("an update of an old version: %v", err)
	}
	same := must(s.maps.Update(s.ctx, second))(t)
	if !proto.Equal(same, second) {
		t.Errorf("an update that changes nothing made %v of %v", same, second)
	}
	blind := s.newMap("a", nil)
	blind.Data["key"] = "blind"
	if got := must(s.maps.Update(s.ctx, blind))(t); got.GetData()["key"] != "blind" || got.GetMetadata().GetUid() != first.GetMetadata().GetUid() {
		t.Errorf("an update without a version made %v", got)
	}
	stranger := s.newMap("a", nil)
	stranger.Metadata.Uid = "00000000-0000-0000-0000-000000000000"
	if _, err := s.maps.Update(s.ctx, stranger); !apierror.IsConflict(err) && !apierror.IsInvalid(err) {
		t.Errorf("an update of another uid: %v", err)
	}
}

func testStatus(t *testing.T, s *suite) {
	pod := s.createPod(t, "a")
	if pod.GetStatus().GetPhase() != "Pending" {
		t.Errorf("a new pod's phase is %q", pod.GetStatus().GetPhase())
	}
	change := proto.CloneOf(pod)
	change.Status.Phase = "Running"
	change.Metadata.Labels = map[string]string{"a": "b"}
	updated := must(s.pods.UpdateStatus(s.ctx, change))(t)
	if updated.GetStatus().GetPhase() != "Running" || updated.GetMetadata().GetGeneration() != pod.GetMetadata().GetGeneration() {
		t.Errorf("after a status update: %v", updated)
	}
	change = proto.CloneOf(updated)
	change.Status.Phase = "Failed"
	change.Metadata.Labels = map[string]string{"c": "d"}
	updated = must(s.pods.Update(s.ctx, change))(t)
	if updated.GetStatus().GetPhase() != "Running" || updated.GetMetadata().GetLabels()["c"] != "d" {
		t.Errorf("an update changed the status, or nothing: %v", updated)
	}
	change = proto.CloneOf(pod)
	change.Status.Phase = "Failed"
	if _, err := s.pods.UpdateStatus(s.ctx, change); !apierror.IsConflict(err) {
		t.Errorf("a status update of an old version: %v", err)
	}
	if _, err := s.maps.UpdateStatus(s.ctx, s.newMap("a", nil)); apierror.ReasonOf(err) != apierror.ReasonBadRequest {
		t.Errorf("the status of a kind without one: %v", err)
	}
}
