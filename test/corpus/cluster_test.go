package corpus

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"kaji.dev/kaji/cli"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/config"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/apiserver/apitest"
)

// cluster is an API server of its own, and the command line that talks to it.
type cluster struct {
	t      *testing.T
	api    *client.Client
	config string
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	server := apitest.Start(t, nil)
	c := &cluster{t: t, api: server.Client(), config: filepath.Join(t.TempDir(), "config")}
	files := server.Files(identity.Identity{Name: identity.Admin, Groups: []string{identity.GroupMasters}})
	if err := config.Write(c.config, "test", []string{server.Address}, files); err != nil {
		t.Fatal(err)
	}
	return c
}

// kaji runs a command and returns its exit status and what it wrote.
func (c *cluster) kaji(args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	root := cli.NewRootCommand(cli.Options{Streams: cli.Streams{In: strings.NewReader(""), Out: &o, Err: &e},
		Connect: func(client.Config) (*client.Client, error) { return c.api, nil }})
	root.SetArgs(append([]string{"--config", c.config}, args...))
	code = cli.Execute(c.t.Context(), root)
	return code, o.String(), e.String()
}

// must runs a command that has to succeed.
func (c *cluster) must(args ...string) (out, errs string) {
	c.t.Helper()
	code, out, errs := c.kaji(args...)
	if code != 0 {
		c.t.Fatalf("kaji %s ends with %d:\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out, errs
}

// get reads an object back.
func (c *cluster) get(d document) kind.Object {
	c.t.Helper()
	o, err := client.ForKind(c.api, d.kind()).Get(c.t.Context(), d.inNamespace(), d.name)
	if err != nil {
		c.t.Fatal(err)
	}
	return o
}

// versions is the resourceVersion of every object.
func (c *cluster) versions(docs []document) []string {
	c.t.Helper()
	out := make([]string, len(docs))
	for i, d := range docs {
		out[i] = c.get(d).GetMetadata().GetResourceVersion()
	}
	return out
}
