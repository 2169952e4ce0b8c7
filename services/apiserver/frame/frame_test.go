package frame_test

import (
	"bytes"
	"strconv"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"pgregory.net/rapid"

	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/services/apiserver/frame"
)

const podURL = "type.googleapis.com/kaji.core.v1.Pod"

func drawPod(t *rapid.T) *corev1.Pod {
	return &corev1.Pod{
		Metadata: &metav1.ObjectMeta{
			Name:   rapid.StringMatching("[a-z]{0,200}").Draw(t, "name"),
			Labels: rapid.MapOf(rapid.StringMatching("[a-z]{1,5}"), rapid.StringMatching("[a-z]{0,200}")).Draw(t, "labels"),
		},
		Spec: &corev1.PodSpec{NodeName: rapid.StringMatching("[a-z]{0,9}").Draw(t, "node")},
	}
}

func encode(t *rapid.T, m proto.Message) []byte {
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func decode(t *rapid.T, m *frame.Message, into proto.Message) {
	b := m.Bytes()
	if len(b) != m.Len() {
		t.Fatalf("%d bytes, Len says %d", len(b), m.Len())
	}
	if err := proto.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

func equal(t *rapid.T, got, want proto.Message) {
	if !proto.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

// What is put together from bytes reads as what the generated code would have written.
func TestFramesReadAsMessages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var raws [][]byte
		var pods []*corev1.Pod
		var anys []*anypb.Any
		for range rapid.IntRange(1, 4).Draw(t, "pods") {
			pod, revision := drawPod(t), rapid.Int64Min(0).Draw(t, "revision")
			raw := frame.AppendRevision(frame.AppendRevision(encode(t, pod), 7), revision)
			pod.Metadata.ResourceVersion = strconv.FormatInt(revision, 10)
			raws, pods = append(raws, raw), append(pods, pod)
			anys = append(anys, &anypb.Any{TypeUrl: podURL, Value: raw})
		}

		pod := &corev1.Pod{}
		decode(t, frame.Object("", raws[0]), pod)
		equal(t, pod, pods[0])
		packed := &anypb.Any{}
		decode(t, frame.Object(podURL, raws[0]), packed)
		equal(t, packed, anys[0])

		added := metav1.EventType_EVENT_TYPE_ADDED
		event := &corev1.WatchPodsResponse{}
		decode(t, frame.Event(added, "", raws[0]), event)
		equal(t, event, &corev1.WatchPodsResponse{Type: added, Object: pods[0]})
		packedEvent := &apiv1.ResourceServiceWatchResponse{}
		decode(t, frame.Event(added, podURL, raws[0]), packedEvent)
		equal(t, packedEvent, &apiv1.ResourceServiceWatchResponse{Type: added, Object: anys[0]})

		meta := &metav1.ListMeta{ResourceVersion: "9", Continue: "x"}
		list := &corev1.PodList{}
		decode(t, frame.List(encode(t, meta), "", raws), list)
		equal(t, list, &corev1.PodList{Metadata: meta, Items: pods})
		packedList := &apiv1.ResourceServiceListResponse{}
		decode(t, frame.List(encode(t, meta), podURL, raws), packedList)
		equal(t, packedList, &apiv1.ResourceServiceListResponse{Metadata: meta, Items: anys})
	})
}

func TestCodecSendsFramesAsTheyAreAndMessagesAsProtobuf(t *testing.T) {
	c := frame.Codec()
	pod := &corev1.Pod{Metadata: &metav1.ObjectMeta{Name: "web"}}
	raw, err := proto.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{pod, frame.New(raw[:3], raw[3:])} {
		b, err := c.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		got := &corev1.Pod{}
		if err := c.Unmarshal(b, got); err != nil || !proto.Equal(got, pod) {
			t.Errorf("%T reads back as %v, %v", v, got, err)
		}
	}
}

func TestMarksComeOffAsTheyWentOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pod, mark := drawPod(t), rapid.Uint64Min(1).Draw(t, "mark")
		raw := encode(t, pod)
		marked := frame.AppendMark(append([]byte(nil), raw...), mark)
		if len(marked) != len(raw)+frame.MarkSize {
			t.Fatalf("%d bytes for a mark", len(marked)-len(raw))
		}
		if err := proto.Unmarshal(marked, &corev1.Pod{}); err != nil {
			t.Fatalf("marked bytes are no pod: %v", err)
		}
		if got, m := frame.CutMark(marked); m != mark || string(got) != string(raw) {
			t.Fatalf("got mark %d and %q", m, got)
		}
		if got, m := frame.CutMark(raw); m != 0 || string(got) != string(raw) {
			t.Fatalf("found a mark where none is: %d", m)
		}
	})
}

// A version comes off as it went on, and nothing else is taken for one.
func TestVersionsOfStoredBytes(t *testing.T) {
	object := []byte{0x0a, 0x02, 0x0a, 0x00}
	for _, version := range []string{"v1", "v2beta10"} {
		got, said := frame.CutVersion(append(frame.AppendVersion(nil, version), object...))
		if said != version || !bytes.Equal(got, object) {
			t.Errorf("%s came back as %q, %x", version, said, got)
		}
	}
	for _, b := range [][]byte{nil, object, {0xfa}, {0xfa, 0xff, 0xff, 0xff, 0x0f}, {0xfa, 0xff, 0xff, 0xff, 0x0f, 9}, {0xfa, 0x01, 0x00}} {
		if got, version := frame.CutVersion(b); version != "" || !bytes.Equal(got, b) {
			t.Errorf("%x is taken for version %q, %x", b, version, got)
		}
	}
}
