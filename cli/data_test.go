package cli

import (
	"encoding/json"
	"strings"
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	schedulerv1 "kaji.dev/kaji/gen/kaji/scheduler/v1"
)

func TestDataIsForPrograms(t *testing.T) {
	for format, want := range map[string]string{
		"json": "{\n  \"a\": [\n    1\n  ],\n  \"b\": \"x\"\n}\n",
		"yaml": "a:\n- 1\nb: x\n",
	} {
		var b strings.Builder
		d := data{format: format}
		if err := d.write(&b, map[string]any{"b": "x", "a": []int{1}}); err != nil || b.String() != want {
			t.Errorf("%s: %q, %v", format, b.String(), err)
		}
	}
}

func TestWhyForPrograms(t *testing.T) {
	pod := &corev1.Pod{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "big"}, Status: &corev1.PodStatus{Phase: "Pending"}}
	answer := &schedulerv1.ExplainResponse{Message: "0/1 nodes are available", Nodes: []*schedulerv1.NodeVerdict{{NodeName: "n1", Reasons: []*schedulerv1.Reason{{Plugin: "NodeResourcesFit", Message: "Insufficient cpu"}}}}}
	var b strings.Builder
	if err := dataWhy(&b, &data{format: "json"}, pod, answer); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Pod, Phase, Text string
		Remedies         []string
		Scheduling       struct {
			Message string
			Nodes   []struct{ NodeName string }
		}
	}
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatalf("%v: %s", err, b.String())
	}
	if got.Pod != "big" || got.Scheduling.Message != answer.Message || len(got.Scheduling.Nodes) != 1 || got.Scheduling.Nodes[0].NodeName != "n1" || !strings.Contains(got.Text, "Insufficient cpu") || len(got.Remedies) == 0 {
		t.Errorf("%s", b.String())
	}
}
