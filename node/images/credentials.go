package images

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path"
	"sort"
	"strings"

	"github.com/distribution/reference"

	"kaji.dev/kaji/apierror"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/node/cri"
)

// dockerConfig is the file that docker login writes, as far as it matters.
type dockerConfig struct {
	Auths map[string]dockerAuth `json:"auths"`
}

type dockerAuth struct {
	Username      string `json:"username"`
	Password      string `json:"password"`
	Auth          string `json:"auth"`
	IdentityToken string `json:"identitytoken"`
	RegistryToken string `json:"registrytoken"`
}

// credentials finds what the pod's pull secrets say about the image's registry,
// the most particular first. A secret that is missing or that cannot be read is passed over, as the image
// may be public.
func (p *Puller) credentials(ctx context.Context, pod *corev1.Pod, ref string) ([]cri.Auth, error) {
	var out []entry
	for _, r := range pod.GetSpec().GetImagePullSecrets() {
		secret, err := p.secrets.Get(ctx, pod.GetMetadata().GetNamespace(), r.GetName())
		if apierror.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("pull secret %q: %w", r.GetName(), err)
		}
		out = append(out, entries(secret)...)
	}
	return match(out, ref), nil
}

type entry struct {
	where string // host[:port][/path], the host possibly with * in it
	auth  cri.Auth
}

func entries(s *corev1.Secret) []entry {
	var auths map[string]dockerAuth
	switch s.GetType() {
	case "kubernetes.io/dockerconfigjson":
		var c dockerConfig
		if json.Unmarshal(s.GetData()[".dockerconfigjson"], &c) != nil {
			return nil
		}
		auths = c.Auths
	case "kubernetes.io/dockercfg":
		if json.Unmarshal(s.GetData()[".dockercfg"], &auths) != nil {
			return nil
		}
	}
	out := make([]entry, 0, len(auths))
	for where, a := range auths {
		// The server is left open: the entry has been matched here, and runtimes want a URL there, of the very host they
		// talk to, where these files say host:port, patterns, or docker.io's old address.
		e := entry{where: clean(where), auth: cri.Auth{Username: a.Username, Password: a.Password, IdentityToken: a.IdentityToken, RegistryToken: a.RegistryToken}}
		if a.Auth != "" && a.Username == "" {
			if b, err := base64.StdEncoding.DecodeString(a.Auth); err == nil {
				if user, pass, ok := strings.Cut(string(b), ":"); ok {
					e.auth.Username, e.auth.Password = user, strings.Trim(pass, "\x00")
				}
			}
		}
		out = append(out, e)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].where > out[j].where })
	return out
}

// clean takes the scheme and the API version off a registry's address.
func clean(where string) string {
	for _, scheme := range []string{"https://", "http://"} {
		where = strings.TrimPrefix(where, scheme)
	}
	where = strings.TrimSuffix(where, "/")
	for _, version := range []string{"/v1", "/v2"} {
		where = strings.TrimSuffix(where, version)
	}
	if where == "index.docker.io" {
		return "docker.io"
	}
	return where
}

// match gives the entries that are about the image, the longest path first.
func match(all []entry, ref string) []cri.Auth {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return nil
	}
	var hits []entry
	for _, e := range all {
		host, dir, _ := strings.Cut(e.where, "/")
		if !hostMatches(host, reference.Domain(named)) {
			continue
		}
		if p := reference.Path(named); dir == "" || p == dir || strings.HasPrefix(p, dir+"/") {
			hits = append(hits, e)
		}
	}
	sort.SliceStable(hits, func(i, j int) bool { return len(hits[i].where) > len(hits[j].where) })
	out := make([]cri.Auth, 0, len(hits))
	for _, h := range hits {
		out = append(out, h.auth)
	}
	return out
}

// hostMatches compares part by part, so that * never reaches over a dot.
func hostMatches(pattern, host string) bool {
	pp, hp := strings.Split(pattern, "."), strings.Split(host, ".")
	if len(pp) != len(hp) {
		return false
	}
	for i := range pp {
		if ok, err := path.Match(pp[i], hp[i]); err != nil || !ok {
			return false
		}
	}
	return true
}
