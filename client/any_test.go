package client_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/anypb"
)

// A program handles objects of kinds it has never heard of.
func TestUnknownKinds(t *testing.T) {
	known, err := client.Pack(configMap("a", "0"))
	if err != nil {
		t.Fatal(err)
	}
	unknown := &anypb.Any{TypeUrl: "type.googleapis.com/kaji.future.v1.Machine", Value: known.GetValue()}
	if m, err := client.MetadataOf(unknown); err != nil || m.GetName() != "a" || m.GetNamespace() != "default" {
		t.Errorf("metadata %v, %v", m, err)
	}
	if _, err := client.Unpack(unknown); apierror.ReasonOf(err) != apierror.ReasonBadRequest {
		t.Errorf("unpacked what is not known: %v", err)
	}
	for _, broken := range [][]byte{{0x0a}, {0x0a, 5, 1}, {0xff}, {0x0a, 2, 0xff, 0xff}} {
		if _, err := client.MetadataOf(&anypb.Any{Value: broken}); apierror.ReasonOf(err) != apierror.ReasonBadRequest {
			t.Errorf("%x: %v", broken, err)
		}
	}
	if _, err := client.AnyOf(client.New(nil), "kaji.core.v1.Pod").Create(t.Context(), known, nil); apierror.ReasonOf(err) != apierror.ReasonBadRequest {
		t.Errorf("an object of another kind: %v", err)
	}
}

// upgraded is a server that has one kind, and another one later.
type upgraded struct {
	grpc.ClientConnInterface
	asked int
	kinds []*apiv1.KindInfo
}

func (u *upgraded) Invoke(_ context.Context, _ string, _, reply any, _ ...grpc.CallOption) error {
	u.asked++
	reply.(*apiv1.DiscoverResponse).Kinds = u.kinds
	return nil
}

func TestDiscoveryAsksAgainOnAMiss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		info := func(apiVersion, kind, plural string) *apiv1.KindInfo {
			return &apiv1.KindInfo{Type: "kaji." + kind, Options: &metav1.ResourceOptions{ApiVersion: apiVersion, Kind: kind, Plural: plural}}
		}
		server := &upgraded{kinds: []*apiv1.KindInfo{info("metrics/v1", "Pod", "pods"), info("v1", "Pod", "pods")}}
		d := client.NewDiscovery(client.New(server))
		look := func(word, want string, asked int) {
			t.Helper()
			k, err := d.Lookup(t.Context(), word)
			if got := k.GetOptions().GetApiVersion(); got != want || (err == nil) != (want != "") {
				t.Errorf("%s is of %q, %v; want %q", word, got, err, want)
			}
			if server.asked != asked {
				t.Errorf("after %s the server was asked %d times, want %d", word, server.asked, asked)
			}
		}
		look("pods", "v1", 1) // the core group's words win
		look("pods.metrics", "metrics/v1", 1)
		look("machines", "", 1) // asked a moment ago
		server.kinds = append(server.kinds, info("future/v1", "Machine", "machines"))
		look("machines", "", 1)
		time.Sleep(time.Minute)
		look("POD", "v1", 1)
		look("machines", "future/v1", 2)
		look("tables", "", 2)
	})
}

func TestWarningsReachTheirCall(t *testing.T) {
	ctx := client.WithWarnings(t.Context(), func(string) { t.Error("warned of nothing") })
	n := newNetwork(t)
	address, _ := n.listen("127.0.0.1:0")
	if _, err := client.Of[*corev1.ConfigMap](n.dial(address)).Create(ctx, configMap("a", "0")); err != nil {
		t.Fatal(err)
	}
}
