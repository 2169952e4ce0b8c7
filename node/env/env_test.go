package env

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"

	"kaji.dev/kaji/apierror"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

type configMaps map[string]*corev1.ConfigMap

func (m configMaps) Get(_ context.Context, ns, name string) (*corev1.ConfigMap, error) {
	if o, ok := m[ns+"/"+name]; ok {
		return o, nil
	}
	return nil, apierror.NotFound("configmaps", ns, name)
}

type secrets map[string]*corev1.Secret

func (m secrets) Get(_ context.Context, ns, name string) (*corev1.Secret, error) {
	if o, ok := m[ns+"/"+name]; ok {
		return o, nil
	}
	return nil, apierror.NotFound("secrets", ns, name)
}

type files map[string]string

func (m files) ReadVolumeFile(_ context.Context, _, volume, path string, limit int64) ([]byte, error) {
	s, ok := m[volume+"/"+path]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	if int64(len(s)) > limit {
		return nil, errors.New("too large")
	}
	return []byte(s), nil
}

type broken struct{}

func (broken) Get(context.Context, string, string) (*corev1.ConfigMap, error) {
	return nil, errors.New("the API is away")
}

func ref(name string) *corev1.LocalObjectReference { return &corev1.LocalObjectReference{Name: name} }

var yes = true

func world() Getters {
	return Getters{
		ConfigMaps: configMaps{"shop/cfg": {Data: map[string]string{"a": "1", "b": "2", "log.level": "debug"}}},
		Secrets:    secrets{"shop/sec": {Data: map[string][]byte{"pass": []byte("s3cret"), "b": []byte("from-secret")}}},
		Files:      files{"work/env": "# made by init\nONE=1\n  TWO = two words \nQ='a\n$b'\n"},
	}
}

func resolve(t *testing.T, c *corev1.Container, g Getters) (string, error) {
	t.Helper()
	pod := &corev1.Pod{
		Metadata: &metav1.ObjectMeta{Name: "web", Namespace: "shop", Uid: "u1", Labels: map[string]string{"app": "web"}},
		Spec:     &corev1.PodSpec{NodeName: "n1", Containers: []*corev1.Container{c}},
	}
	info := PodInfo{PodIPs: []string{"10.0.0.1"}, HostIPs: []string{"192.0.2.1"}, Allocatable: map[string]resource.Quantity{"cpu": resource.MustParse("2")}}
	kvs, err := Resolve(t.Context(), pod, c, info, g)
	var out []string
	for _, kv := range kvs {
		out = append(out, kv.Name+"="+kv.Value)
	}
	return strings.Join(out, ";"), err
}

func TestResolve(t *testing.T) {
	value := func(name, v string) *corev1.EnvVar { return &corev1.EnvVar{Name: name, Value: v} }
	from := func(name string, s *corev1.EnvVarSource) *corev1.EnvVar {
		return &corev1.EnvVar{Name: name, ValueFrom: s}
	}
	cmKey := func(name, key string, optional *bool) *corev1.EnvVarSource {
		return &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: ref(name), Key: key, Optional: optional}}
	}
	secKey := func(name, key string, optional *bool) *corev1.EnvVarSource {
		return &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: ref(name), Key: key, Optional: optional}}
	}
	file := func(path, key string, optional *bool) *corev1.EnvVarSource {
		return &corev1.EnvVarSource{FileKeyRef: &corev1.FileKeySelector{VolumeName: "work", Path: path, Key: key, Optional: optional}}
	}
	field := func(path string) *corev1.EnvVarSource {
		return &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}
	}
	cmFrom := &corev1.EnvFromSource{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: ref("cfg")}}
	secFrom := &corev1.EnvFromSource{Prefix: "P_", SecretRef: &corev1.SecretEnvSource{LocalObjectReference: ref("sec")}}
	for name, c := range map[string]struct {
		c    *corev1.Container
		want string
	}{
		"nothing":              {&corev1.Container{}, ""},
		"values in order":      {&corev1.Container{Env: []*corev1.EnvVar{value("Z", "1"), value("A", "")}}, "Z=1;A="},
		"reference backwards":  {&corev1.Container{Env: []*corev1.EnvVar{value("A", "1"), value("B", "$(A)$(C)"), value("C", "3")}}, "A=1;B=1$(C);C=3"},
		"escaped":              {&corev1.Container{Env: []*corev1.EnvVar{value("A", "1"), value("B", "$$(A)")}}, "A=1;B=$(A)"},
		"own earlier value":    {&corev1.Container{Env: []*corev1.EnvVar{value("A", "1"), value("A", "$(A)2")}}, "A=12"},
		"envFrom sorted":       {&corev1.Container{EnvFrom: []*corev1.EnvFromSource{cmFrom}}, "a=1;b=2;log.level=debug"},
		"envFrom prefix":       {&corev1.Container{EnvFrom: []*corev1.EnvFromSource{secFrom}}, "P_b=from-secret;P_pass=s3cret"},
		"env beats envFrom":    {&corev1.Container{EnvFrom: []*corev1.EnvFromSource{cmFrom}, Env: []*corev1.EnvVar{value("a", "$(b)!")}}, "a=2!;b=2;log.level=debug"},
		"later envFrom wins":   {&corev1.Container{EnvFrom: []*corev1.EnvFromSource{cmFrom, {SecretRef: &corev1.SecretEnvSource{LocalObjectReference: ref("sec")}}}}, "a=1;b=from-secret;log.level=debug;pass=s3cret"},
		"optional envFrom":     {&corev1.Container{EnvFrom: []*corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: ref("none"), Optional: &yes}}, {SecretRef: &corev1.SecretEnvSource{LocalObjectReference: ref("none"), Optional: &yes}}}}, ""},
		"keys":                 {&corev1.Container{Env: []*corev1.EnvVar{from("X", cmKey("cfg", "a", nil)), from("Y", secKey("sec", "pass", nil))}}, "X=1;Y=s3cret"},
		"optional keys":        {&corev1.Container{Env: []*corev1.EnvVar{from("X", cmKey("cfg", "zz", &yes)), from("Y", cmKey("none", "a", &yes)), from("Z", secKey("none", "a", &yes)), from("W", secKey("sec", "a", &yes))}}, ""},
		"values not expanded":  {&corev1.Container{Env: []*corev1.EnvVar{from("X", file("env", "Q", nil)), value("b", "1")}}, "X=a\n$b;b=1"},
		"file keys":            {&corev1.Container{Env: []*corev1.EnvVar{from("X", file("env", "ONE", nil)), from("Y", file("env", "TWO", nil)), from("N", file("env", "NO", &yes)), from("M", file("none", "NO", &yes))}}, "X=1;Y=two words"},
		"fields":               {&corev1.Container{Env: []*corev1.EnvVar{from("IP", field("status.podIP")), from("APP", field("metadata.labels['app']")), value("URL", "http://$(IP)")}}, "IP=10.0.0.1;APP=web;URL=http://10.0.0.1"},
		"resource of the node": {&corev1.Container{Env: []*corev1.EnvVar{from("CPUS", &corev1.EnvVarSource{ResourceFieldRef: &corev1.ResourceFieldSelector{Resource: "limits.cpu"}})}}, "CPUS=2"},
	} {
		c.c.Name = "c"
		if got, err := resolve(t, c.c, world()); err != nil || got != c.want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, c.want)
		}
	}

	for name, c := range map[string]struct {
		v    *corev1.EnvVar
		want []string
	}{
		"no config map":   {from("X", cmKey("none", "a", nil)), []string{"X", "none"}},
		"no key":          {from("X", cmKey("cfg", "zz", nil)), []string{"X", "cfg", "zz"}},
		"no secret":       {from("X", secKey("none", "a", nil)), []string{"X", "none"}},
		"no secret key":   {from("X", secKey("sec", "zz", nil)), []string{"X", "sec", "zz"}},
		"no file":         {from("X", file("none", "a", nil)), []string{"X", "none"}},
		"no key in file":  {from("X", file("env", "a", nil)), []string{"X", "env", `"a"`}},
		"field":           {from("X", field("status.nope")), []string{"X", "status.nope"}},
		"empty valueFrom": {from("X", &corev1.EnvVarSource{}), []string{"X"}},
		"name with =":     {value("A=B", ""), []string{"A=B"}},
		"no name":         {value("", "x"), nil},
	} {
		_, err := resolve(t, &corev1.Container{Name: "c", Env: []*corev1.EnvVar{c.v}}, world())
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, part := range c.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: the error %q does not name %s", name, err, part)
			}
		}
	}
	if _, err := resolve(t, &corev1.Container{EnvFrom: []*corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: ref("none")}}}}, world()); !apierror.IsNotFound(err) {
		t.Errorf("envFrom of a missing object: %v, want NotFound kept in the chain", err)
	}
	// Optional means that the object may be missing, not that the API may be away.
	g := world()
	g.ConfigMaps = broken{}
	for name, c := range map[string]*corev1.Container{
		"key":  {Env: []*corev1.EnvVar{from("X", cmKey("cfg", "a", &yes))}},
		"from": {EnvFrom: []*corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: ref("cfg"), Optional: &yes}}}},
	} {
		if got, err := resolve(t, c, g); err == nil {
			t.Errorf("optional %s while the API is away: %q, want an error", name, got)
		}
	}
}

func TestNeedsNetwork(t *testing.T) {
	with := func(path string) *corev1.Container {
		return &corev1.Container{Env: []*corev1.EnvVar{{Name: "X", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}}}}
	}
	if !NeedsNetwork(with("status.podIP")) || NeedsNetwork(with("metadata.name")) {
		t.Error("only status.podIP and podIPs need the network")
	}
}

func TestEnvFileErrors(t *testing.T) {
	for name, in := range map[string]string{"no equals": "A\n", "open quote": "A='x\ny", "after quote": "A='x' y", "no name": "=x", "nul": "A=\x00"} {
		if v, ok, err := envFileValue([]byte(in), "A"); err == nil {
			t.Errorf("%s: %q, %v; want an error", name, v, ok)
		}
	}
	if v, _, _ := envFileValue([]byte("A=1\nA=2\n"), "A"); v != "1" {
		t.Errorf("of two definitions the first counts, got %q", v)
	}
}
