package config_test

import (
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kaji.dev/kaji/client/config"
	"kaji.dev/kaji/identity"
)

// pki makes the files of an admin.
func pki(t *testing.T) identity.Files {
	t.Helper()
	ca, err := identity.NewCA("test")
	if err != nil {
		t.Fatal(err)
	}
	files := identity.FilesIn(t.TempDir(), "admin")
	if err := files.Ensure(ca, identity.Request{Name: identity.Admin, Groups: []string{identity.GroupMasters}}); err != nil {
		t.Fatal(err)
	}
	return files
}

func TestWriteThenConnect(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "config")
	files := pki(t)
	if err := config.Write(path, "kaji", []string{"127.0.0.1:7443"}, files); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode: %v, %v", info.Mode(), err)
	}
	f, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	c, namespace, err := f.ClientConfig("")
	if err != nil {
		t.Fatal(err)
	}
	if namespace != "default" || len(c.Endpoints) != 1 || c.Endpoints[0] != "127.0.0.1:7443" || c.TLS == nil {
		t.Errorf("got %+v in %q", c, namespace)
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

func TestWriteKeepsTheRest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	files := pki(t)
	for _, name := range []string{"a", "b", "a"} {
		if err := config.Write(path, name, []string{"127.0.0.1:1"}, files); err != nil {
			t.Fatal(err)
		}
	}
	f, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Contexts) != 2 || len(f.Users) != 2 || len(f.Clusters) != 2 || f.CurrentContext != "a" {
		t.Fatalf("got %+v", f)
	}
	f.Contexts[0].Namespace = "mine"
	if err := f.Save(""); err != nil {
		t.Fatal(err)
	}
	if err := config.Write(path, "a", []string{"127.0.0.1:2"}, files); err != nil {
		t.Fatal(err)
	}
	if f, _ = config.Load(path); f.Contexts[0].Namespace != "mine" || f.Clusters[0].Endpoints[0] != "127.0.0.1:2" {
		t.Errorf("got %+v %+v", f.Contexts[0], f.Clusters[0])
	}
	if err := config.Remove(path, "a"); err != nil {
		t.Fatal(err)
	}
	if f, _ = config.Load(path); len(f.Contexts) != 1 || f.CurrentContext != "" {
		t.Errorf("after removal: %+v", f)
	}
}

func TestInlineData(t *testing.T) {
	files := pki(t)
	read := func(path string) string {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(b)
	}
	path := filepath.Join(t.TempDir(), "config")
	f := &config.File{CurrentContext: "c"}
	f.SetCluster(&config.Cluster{Name: "k", Endpoints: []string{"[::1]:1"}, CAData: read(files.CA), ServerName: "api.test"})
	f.SetUser(&config.User{Name: "u", CertData: read(files.Cert), KeyData: read(files.Key)})
	f.SetContext(&config.Context{Name: "c", Cluster: "k", User: "u", Namespace: "n"})
	if err := f.Save(path); err != nil {
		t.Fatal(err)
	}
	f, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	c, namespace, err := f.ClientConfig("c")
	if err != nil || namespace != "n" || c.TLS.ServerName != "api.test" || len(c.TLS.Certificates) != 1 {
		t.Fatalf("got %+v in %q, %v", c, namespace, err)
	}
	written, _, name, err := f.Materials("")
	if err != nil || name != "api.test" {
		t.Fatal(name, err)
	}
	if err := written.Validate(); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(written.Key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's mode: %v, %v", info.Mode(), err)
	}
}

func TestRelativePathsCountFromTheFile(t *testing.T) {
	files := pki(t)
	dir := filepath.Dir(files.CA)
	text := "clusters: [{name: k, endpoints: ['h:1'], certificate-authority: ca.crt}]\n" +
		"users: [{name: u, client-certificate: admin.crt, client-key: admin.key}]\n" +
		"contexts: [{name: c, cluster: k, user: u}]\ncurrent-context: c\n"
	path := filepath.Join(dir, "config")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.ClientConfig(""); err != nil {
		t.Error(err)
	}
}

func TestErrorsSayWhatIsMissing(t *testing.T) {
	for name, c := range map[string]struct{ text, context, want string }{
		"no context":      {"", "", "no context is current"},
		"unknown context": {"contexts: [{name: prod, cluster: k, user: u}]\n", "prdo", `did you mean "prod"?`},
		"no cluster":      {"contexts: [{name: c, cluster: k, user: u}]\n", "c", `there is no cluster "k"`},
		"no user":         {"clusters: [{name: k}]\ncontexts: [{name: c, cluster: k, user: u}]\n", "c", `there is no user "u"`},
		"nothing in them": {"clusters: [{name: k}]\nusers: [{name: u}]\ncontexts: [{name: c, cluster: k, user: u}]\n", "c", "cluster \"k\" has no endpoints\ncluster k has no certificate-authority\nuser u has no client-certificate\nuser u has no client-key"},
		"not base64":      {"clusters: [{name: k, endpoints: ['h:1'], certificate-authority-data: '*'}]\nusers: [{name: u, client-certificate: a, client-key: b}]\ncontexts: [{name: c, cluster: k, user: u}]\n", "c", "certificate-authority-data is not base64"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := config.Load(path)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := f.ClientConfig(c.context); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	t.Setenv(config.Env, path)
	if _, err := config.Load(""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(path, []byte("contexts: []\ncontext: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(""); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("unknown field: %v", err)
	}
}
