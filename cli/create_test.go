package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kaji.dev/kaji/identity"
)

// TestCreateByFlags makes objects without manifests on a real API server, which fills in and checks.
func TestCreateByFlags(t *testing.T) {
	s, api := realShell(t)
	dir := t.TempDir()
	put := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plain, odd, env := put("app.conf", "a=1\n"), put("odd", "\xff\xfe"), put("vars", "# comment\n\nA=x=y\nNOT_SET_ANYWHERE\n")

	same(t, s.ok("create", "ns", "shop"), "namespace/shop created")
	same(t, s.ok("create", "sa", "builder"), "serviceaccount/builder created")
	same(t, s.ok("create", "deployment", "web", "--image=registry.local:5000/team/web:1", "-r", "2", "--port=8080", "--", "serve", "--fast"), "deployment.apps/web created")
	same(t, s.ok("get", "deploy/web", "-o", "jsonpath={.spec.replicas} {.spec.selector.matchLabels.app} {.spec.template.spec.containers[0].name} {.spec.template.spec.containers[0].command} {.spec.template.spec.containers[0].ports[0].containerPort}"),
		`2 web web ["serve","--fast"] 8080`)
	same(t, s.ok("create", "cm", "settings", "--from-literal=list=a,b=c", "--from-file="+plain, "--from-file=odd.bin="+odd, "--from-env-file="+env), "configmap/settings created")
	same(t, s.ok("get", "cm/settings", "-o", "jsonpath={.data} {.binaryData}"), `{"A":"x=y","app.conf":"a=1\n","list":"a,b=c"} {"odd.bin":"//4="}`)
	same(t, s.ok("create", "secret", "generic", "db", "--from-literal=password=sesame"), "secret/db created")
	same(t, s.ok("get", "secret/db", "-o", "jsonpath={.type} {.data.password}"), "Opaque c2VzYW1l")
	s.ok("create", "secret", "docker-registry", "pull", "--docker-server=r.local", "--docker-username=u", "--docker-password=p")
	if out := s.ok("get", "secret/pull", "-o", `jsonpath={.type} {.data.\.dockerconfigjson}`); !strings.HasPrefix(out, "kubernetes.io/dockerconfigjson ey") {
		t.Error(out)
	}
	pair := api.Files(identity.Identity{Name: "web"})
	same(t, s.ok("create", "secret", "tls", "web", "--cert="+pair.Cert, "--key="+pair.Key), "secret/web created")
	s.fails([]string{"no certificate with its key"}, "create", "secret", "tls", "bad", "--cert="+plain, "--key="+pair.Key)
	same(t, s.ok("create", "service", "clusterip", "web", "--tcp=80:8080", "--tcp=443:https"), "service/web created")
	same(t, s.ok("get", "svc/web", "-o", "jsonpath={.spec.selector.app} {.spec.ports[*].name} {.spec.ports[*].targetPort}"), "web 80-8080 443-https 8080 https")
	same(t, s.ok("create", "service", "clusterip", "db", "--clusterip=None"), "service/db created")
	same(t, s.ok("run", "one", "--image=web:1", "--env=A=b,c", "--restart=Never", "--port=80", "-l", "a=b,c=d", "--command", "--", "sleep", "1"), "pod/one created")
	same(t, s.ok("get", "pod/one", "-o", "jsonpath={.metadata.labels} {.spec.restartPolicy} {.spec.containers[0].command} {.spec.containers[0].env[0].value}"),
		`{"a":"b","c":"d"} Never ["sleep","1"] b,c`)
	same(t, s.ok("run", "two", "--image=web:1", "--", "x"), "pod/two created")
	same(t, s.ok("get", "pod/two", "-o", "jsonpath={.metadata.labels} {.spec.containers[0].args}"), `{"run":"two"} ["x"]`)
	// What is shown can be applied.
	s.in = s.ok("create", "deploy", "next", "--image=a:1,b:2", "--dry-run=client", "-o", "yaml")
	s.fails([]string{"not found"}, "get", "deploy/next")
	same(t, s.ok("apply", "-f", "-"), "deployment.apps/next created")
	same(t, s.ok("create", "deploy", "third", "--image=a:1", "--dry-run=server"), "deployment.apps/third created (server dry run)")
	s.fails([]string{"not found"}, "get", "deploy/third")
}

func TestCreateByFlagsRefuses(t *testing.T) {
	s := newShell(t, server(t, running).Client())
	for want, args := range map[string]string{
		"cannot be created by flags":       "create pod x",
		`required flag(s) "image"`:         "create deployment web",
		"give one name":                    "create deployment web more --image=i",
		"for one image only":               "create deployment web --image=a,b -- run",
		"not of the form KEY=VALUE":        "create cm x --from-literal=a",
		`"a" is given twice`:               "create cm x --from-literal=a=b --from-literal=a=c",
		"no such file":                     "create cm x --from-file=/does/not/exist",
		"is not a number from 1 to 65535":  "create service clusterip x --tcp=0",
		"--tcp=PORT is needed":             "create service clusterip x",
		"which type of service?":           "create service",
		"which type of secret?":            "create secret",
		`no secret of type "other"`:        "create secret other x",
		"--restart is Always":              "run x --image=i --restart=Sometimes",
		"--command needs one":              "run x --image=i --command",
		"not of the form NAME=VALUE":       "run x --image=i --env=a",
		"expose one object":                "expose pods",
		"has no pods to expose":            "expose node n1",
		"name no ports":                    "expose pod web-1 --name=x",
		"give --requests or --limits":      "set resources pod/web-1",
		`cpu: "lots" is no quantity`:       "set resources pod/web-1 --limits=cpu=lots",
		"not of the form NAME=QUANTITY":    "set resources pod/web-1 --limits=cpu",
		`there is no container "sidecar"`:  "set resources pod/web-1 -c sidecar --limits=cpu=1",
		"--port is a number from 1 to 655": "expose pod web-1 --name=x --port=70000",
	} {
		s.fails([]string{want}, strings.Fields(args)...)
	}
}

func TestExpose(t *testing.T) {
	s, _ := realShell(t)
	s.ok("create", "deployment", "web", "--image=web:1", "--port=8080")
	same(t, s.ok("expose", "deployment/web"), "service/web created")
	same(t, s.ok("get", "svc/web", "-o", "jsonpath={.spec.selector} {.spec.ports[0].port} {.spec.ports[0].targetPort}"), `{"app":"web"} 8080 8080`)
	same(t, s.ok("expose", "deploy", "web", "--name=front", "--port=80", "--target-port=8080", "--port-name=http"), "service/front created")
	same(t, s.ok("get", "svc/front", "-o", "jsonpath={.metadata.labels.app} {.spec.ports[0].name} {.spec.ports[0].port} {.spec.ports[0].targetPort}"), "web http 80 8080")
	same(t, s.ok("expose", "svc/front", "--name=copy", "--selector=tier=front"), "service/copy created")
	same(t, s.ok("get", "svc/copy", "-o", "jsonpath={.spec.selector} {.spec.ports[0].port} {.spec.clusterIP}"), `{"tier":"front"} 80 `+s.ok("get", "svc/copy", "-o", "jsonpath={.spec.clusterIP}"))
	s.ok("run", "bare", "--image=web:1")
	same(t, s.ok("expose", "pod", "bare", "--port=53", "--protocol=UDP", "--dry-run=client", "-o", "jsonpath={.spec.selector.run} {.spec.ports[0].protocol}"), "bare UDP")
	s.fails([]string{"already exists"}, "expose", "deployment/web")
}

func TestSetResources(t *testing.T) {
	s, _ := realShell(t)
	s.ok("create", "deployment", "web", "--image=web:1")
	same(t, s.ok("set", "resources", "deploy/web", "--requests=cpu=100m,memory=64Mi", "--limits=memory=128Mi"), "deployment.apps/web resource requirements updated")
	path := "jsonpath={.spec.template.spec.containers[0].resources}"
	same(t, s.ok("get", "deploy/web", "-o", path), `{"limits":{"memory":"128Mi"},"requests":{"cpu":"100m","memory":"64Mi"}}`)
	same(t, s.ok("set", "resources", "deploy/web", "--requests=cpu=100m"), "deployment.apps/web unchanged")
	same(t, s.ok("set", "resources", "deploy", "web", "-c", "web", "--requests=cpu=0", "--limits=cpu=1"), "deployment.apps/web resource requirements updated")
	s.fails([]string{"is invalid", "requests"}, "set", "resources", "deploy/web", "--requests=memory=1Gi")
}
