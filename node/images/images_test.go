package images

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"kaji.dev/kaji/apierror"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/node/cri"
)

const box = "docker.io/library/box:latest"

// store is an image store that can be watched.
type store struct {
	mu      sync.Mutex
	have    map[string]bool
	pulls   []*cri.Auth
	looks   int
	pulling func(ctx context.Context, auth *cri.Auth) error
}

func (s *store) Image(_ context.Context, ref string) (*cri.Image, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looks++
	if !s.have[ref] {
		return nil, nil
	}
	return &cri.Image{ID: "id-" + ref}, nil
}

func (s *store) Pull(ctx context.Context, ref string, auth *cri.Auth) (string, error) {
	s.mu.Lock()
	s.pulls = append(s.pulls, auth)
	f := s.pulling
	s.mu.Unlock()
	if f != nil {
		if err := f(ctx, auth); err != nil {
			return "", err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.have[ref] = true
	return ref, nil
}

type secrets map[string]*corev1.Secret

func (s secrets) Get(_ context.Context, namespace, name string) (*corev1.Secret, error) {
	if v := s[name]; v != nil {
		return v, nil
	}
	return nil, apierror.NotFound("secrets.core", namespace, name)
}

func ask(image, policy string) *corev1.Container {
	return &corev1.Container{Name: "c", Image: image, ImagePullPolicy: policy}
}

var pod = &corev1.Pod{Metadata: &metav1.ObjectMeta{Name: "p", Namespace: "default"}, Spec: &corev1.PodSpec{}}

func quiet(bool, string, string) {}

func TestPolicies(t *testing.T) {
	for _, c := range []struct {
		name, image, policy string
		here                bool
		pulls               int
		reason              string
		events              []string
	}{
		{"always pulls what is there", "box", "Always", true, 1, "", []string{"Pulling", "Pulled"}},
		{"if not present takes what is there", "box", "IfNotPresent", true, 0, "", []string{"Pulled"}},
		{"if not present pulls", "box", "IfNotPresent", false, 1, "", []string{"Pulling", "Pulled"}},
		{"no policy is if not present", "box", "", false, 1, "", []string{"Pulling", "Pulled"}},
		{"never takes what is there", "box", "Never", true, 0, "", []string{"Pulled"}},
		{"never does not pull", "box", "Never", false, 0, ReasonNeverPull, []string{"ErrImageNeverPull"}},
		{"a name that is none", "Box Box", "Always", false, 0, ReasonInvalidName, []string{"InspectFailed"}},
	} {
		s := &store{have: map[string]bool{box: c.here}}
		var events []string
		got, err := New(s, secrets{}, 1, time.Now).Ensure(context.Background(), pod, ask(c.image, c.policy), func(_ bool, reason, _ string) { events = append(events, reason) })
		var typed *Error
		if c.reason == "" && (err != nil || got.Ref != "id-"+box) || c.reason != "" && (!errors.As(err, &typed) || typed.Reason != c.reason || typed.Message == "") {
			t.Errorf("%s: %+v %v", c.name, got, err)
		}
		if len(s.pulls) != c.pulls || !slices.Equal(events, c.events) {
			t.Errorf("%s: %d pulls, events %v", c.name, len(s.pulls), events)
		}
	}
}

func TestFailedPull(t *testing.T) {
	s := &store{have: map[string]bool{}, pulling: func(context.Context, *cri.Auth) error {
		return cri.NewError("PullImage", "", codes.NotFound, "no such image")
	}}
	_, err := New(s, secrets{}, 1, time.Now).Ensure(context.Background(), pod, ask("box", "Always"), quiet)
	var typed *Error
	if !errors.As(err, &typed) || typed.Reason != ReasonPull || typed.Message != `failed to pull image "box": no such image` || !cri.IsNotFound(err) {
		t.Errorf("%v", err)
	}
}

func TestLookUpsAreShared(t *testing.T) {
	now := time.Unix(1000, 0)
	s := &store{have: map[string]bool{box: true}}
	p := New(s, secrets{}, 1, func() time.Time { return now })
	get := func() {
		t.Helper()
		if _, err := p.Ensure(context.Background(), pod, ask("box", "IfNotPresent"), quiet); err != nil {
			t.Fatal(err)
		}
	}
	get()
	get()
	if s.looks != 1 {
		t.Errorf("%d look-ups at one time", s.looks)
	}
	now = now.Add(knownFor)
	get()
	if s.looks != 2 {
		t.Errorf("%d look-ups after a while", s.looks)
	}
	p.Forget("box")
	get()
	if s.looks != 3 {
		t.Errorf("%d look-ups after forgetting", s.looks)
	}
}

func TestPullsAreSharedAndBounded(t *testing.T) {
	var under, most atomic.Int32
	entered, release := make(chan struct{}, 10), make(chan struct{})
	s := &store{have: map[string]bool{}, pulling: func(context.Context, *cri.Auth) error {
		n := under.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		entered <- struct{}{}
		<-release
		under.Add(-1)
		return nil
	}}
	p := New(s, secrets{}, 2, time.Now)
	var wg sync.WaitGroup
	for _, image := range []string{"a", "a", "a", "b", "c"} {
		wg.Go(func() {
			if _, err := p.Ensure(context.Background(), pod, ask(image, "Always"), quiet); err != nil {
				t.Error(err)
			}
		})
	}
	<-entered
	<-entered
	close(release)
	wg.Wait()
	// The three who want a share a pull unless one came after it had ended.
	if n := len(s.pulls); n < 3 || n > 5 || most.Load() > 2 {
		t.Errorf("%d pulls, at most %d at a time", n, most.Load())
	}
}

func TestAPullThatNobodyWaitsForIsGivenUp(t *testing.T) {
	entered, cut := make(chan struct{}), make(chan struct{})
	s := &store{have: map[string]bool{}, pulling: func(ctx context.Context, _ *cri.Auth) error {
		close(entered)
		<-ctx.Done()
		close(cut)
		return ctx.Err()
	}}
	p := New(s, secrets{}, 1, time.Now)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		_, err := p.Ensure(ctx, pod, ask("box", "Always"), quiet)
		done <- err
	}()
	<-entered
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	<-cut
}

func TestCredentials(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString([]byte("user:pass:word"))
	secret := &corev1.Secret{Type: "kubernetes.io/dockerconfigjson", Data: map[string][]byte{".dockerconfigjson": []byte(`{"auths":{
		"https://reg.example.com/v2/": {"username":"whole","password":"p"},
		"reg.example.com/team": {"auth":"` + b64 + `"},
		"*.wild.example.com": {"username":"wild","password":"p"},
		"other.example.com": {"username":"other","password":"p"}}}`)}}
	old := &corev1.Secret{Type: "kubernetes.io/dockercfg", Data: map[string][]byte{".dockercfg": []byte(`{"https://index.docker.io/v1/":{"username":"hub","password":"p"}}`)}}
	p := New(&store{}, secrets{"new": secret, "old": old, "bad": {Type: "Opaque"}}, 1, time.Now)
	with := &corev1.Pod{Metadata: pod.Metadata, Spec: &corev1.PodSpec{ImagePullSecrets: []*corev1.LocalObjectReference{{Name: "missing"}, {Name: "bad"}, {Name: "new"}, {Name: "old"}}}}
	for ref, want := range map[string][]string{
		"reg.example.com/app:1":       {"whole"},
		"reg.example.com/team/app:1":  {"user", "whole"},
		"reg.example.com/teams/app:1": {"whole"},
		"a.wild.example.com/x:1":      {"wild"},
		"a.b.wild.example.com/x:1":    nil,
		"nowhere.example.com/x:1":     nil,
		"docker.io/library/box:1":     {"hub"},
	} {
		auths, err := p.credentials(context.Background(), with, ref)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range auths {
			got = append(got, a.Username)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", ref, got, want)
		}
		if len(auths) > 0 && auths[0].Username == "user" && auths[0].Password != "pass:word" {
			t.Errorf("%+v", auths[0])
		}
	}
}

func TestCredentialsAreTriedInTurn(t *testing.T) {
	s := &store{have: map[string]bool{}, pulling: func(_ context.Context, a *cri.Auth) error {
		if a == nil || a.Username != "b" {
			return errors.New("denied")
		}
		return nil
	}}
	p := New(s, secrets{"s": {Type: "kubernetes.io/dockerconfigjson", Data: map[string][]byte{".dockerconfigjson": []byte(`{"auths":{
		"docker.io/library/box": {"username":"a","password":"p"}, "docker.io/library": {"username":"b","password":"p"}}}`)}}}, 1, time.Now)
	with := &corev1.Pod{Metadata: pod.Metadata, Spec: &corev1.PodSpec{ImagePullSecrets: []*corev1.LocalObjectReference{{Name: "s"}}}}
	if _, err := p.Ensure(context.Background(), with, ask("box", "Always"), quiet); err != nil || len(s.pulls) != 2 {
		t.Errorf("%v after %d tries", err, len(s.pulls))
	}
}
