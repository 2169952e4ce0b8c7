package cli_test

import (
	"strings"
	"testing"
)

func TestDiff(t *testing.T) {
	s, _ := realShell(t)
	file := write(t, "web.yaml", web)
	diff := func(code int, file string, want ...string) string {
		t.Helper()
		r := s.run("diff", "-f", file)
		if r.code != code {
			t.Errorf("exit status %d, want %d\n%s%s", r.code, code, r.out, r.err)
		}
		for _, text := range want {
			if !strings.Contains(r.out+r.err, text) {
				t.Errorf("no %q in\n%s%s", text, r.out, r.err)
			}
		}
		return r.out
	}
	out := diff(1, file, "--- live: deployment.apps/web in namespace default\n+++ applied: ", "@@ -0,0 +1,", "+kind: Deployment")
	for _, noise := range []string{"uid", "creationTimestamp: \"20", "last-applied", "resourceVersion"} {
		if strings.Contains(out, noise) {
			t.Errorf("%s in\n%s", noise, out)
		}
	}
	s.fails([]string{"not found"}, "get", "deploy/web")
	s.ok("apply", "-f", file)
	same(t, diff(0, file), "")
	next := write(t, "web.yaml", strings.Replace(web, "web:1", "web:2", 1))
	out = diff(1, next, "-      - image: registry/web:1\n+      - image: registry/web:2\n")
	if strings.Count(out, "\n-")+strings.Count(out, "\n+") != 3 {
		t.Errorf("more than the image differs:\n%s", out)
	}
	same(t, diff(0, file), "")

	s.ok("create", "secret", "generic", "db", "--from-literal=password=sesame", "--from-literal=same=x", "--from-literal=old=y")
	secret := write(t, "s.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {password: open, same: x, more: z}\n")
	out = diff(1, secret, "-  password: '*** (before)'\n+  password: '*** (after)'", "+  more: '***'", "   same: '***'")
	for _, value := range []string{"sesame", "c2VzYW1l", "open", "b3Blbg"} {
		if strings.Contains(out, value) {
			t.Errorf("%s shows in\n%s", value, out)
		}
	}
	diff(2, write(t, "bad.yaml", strings.Replace(web, "registry/web:1", "''", 1)), "image")
	diff(2, "/does/not/exist", "no file or folder")
	diff(2, write(t, "ns.yaml", strings.Replace(web, "name: web", "name: web, namespace: nowhere", 1)))
}
