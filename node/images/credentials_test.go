package images

import (
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/node/cri"
)

// TestServerIsLeftOpen: a runtime takes a server for a URL, and refuses host:port with "first path segment in URL
// cannot contain colon".
func TestServerIsLeftOpen(t *testing.T) {
	secret := &corev1.Secret{Type: "kubernetes.io/dockerconfigjson", Data: map[string][]byte{
		".dockerconfigjson": []byte(`{"auths":{"127.0.0.1:5000":{"username":"u","password":"p:w"}}}`),
	}}
	got := match(entries(secret), "127.0.0.1:5000/private/image:1")
	if len(got) != 1 || got[0] != (cri.Auth{Username: "u", Password: "p:w"}) {
		t.Errorf("%+v", got)
	}
}
