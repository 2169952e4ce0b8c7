package e2e

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"sigs.k8s.io/yaml"

	"kaji.dev/kaji/identity"
)

// TestVerbs runs the verbs that the other tests do not, each for what it is for, on a cluster of its own.
func TestVerbs(t *testing.T) {
	newRig(t).each(t, map[string]func(*rig){
		"apply on the server": applyingThere, "prune": pruning, "last applied": lastApplied, "kustomize": kustomizing,
		"create": creating, "change": changing, "run, expose and cp": exposing, "configuration": configuring,
		"look": looking, "shells": shells, "image load": loading, "for programs": forPrograms,
	})
}

// settings is a config map by that name with one value.
func settings(name, key, value string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + ", labels: {of: " + name + "}}\ndata: {" + key + ": \"" + value + "\", k: \"1\"}\n"
}

func applyingThere(r *rig) {
	dir := r.write(map[string]string{
		"old.yaml": settings("there", "old", "1"), "mine.yaml": settings("there", "mine", "1"),
		"theirs.yaml": settings("there", "mine", "2"),
	})
	file := func(name string) string { return filepath.Join(dir, name) }
	r.kaji("apply", "-f", file("old.yaml"))
	// What was applied on the client is handed over: old was declared there, is not any more, and goes.
	r.kaji("apply", "--server-side", "-f", file("mine.yaml"))
	if out := r.kaji("get", "cm", "there", "-o", "jsonpath={.data}{.metadata.annotations}"); out != `{"k":"1","mine":"1"}` {
		r.t.Errorf("after the hand-over: %s", out)
	}
	if out := r.kaji("apply", "--server-side", "-f", file("mine.yaml")); out != "configmap/there unchanged\n" {
		r.t.Errorf("again: %q", out)
	}
	r.fails(1, []string{"theirs.yaml:1", "1 field is set to other values by others", `data.mine: conflict with "kaji-apply", which set it by Apply`, "--force-conflicts"},
		"apply", "--server-side", "--field-manager=other", "-f", file("theirs.yaml"))
	r.kaji("apply", "--server-side", "--field-manager=other", "--force-conflicts", "-f", file("theirs.yaml"))
	if out := r.kaji("get", "cm", "there", "-o", "jsonpath={.data.mine}"); out != "2" {
		r.t.Errorf("after --force-conflicts: %s", out)
	}
	if out := r.kaji("get", "cm", "there", "-o", "yaml"); strings.Contains(out, "managedFields") {
		r.t.Errorf("managedFields are shown:\n%s", out)
	}
	contains(r.t, "--show-managed-fields", r.kaji("get", "cm", "there", "-o", "yaml", "--show-managed-fields"), "manager: kaji-apply", "manager: other", "operation: Apply")
	r.kaji("delete", "cm", "there")
}

func pruning(r *rig) {
	r.kaji("create", "namespace", "prune")
	dir := r.write(map[string]string{"a.yaml": settings("a", "x", "1"), "b.yaml": strings.ReplaceAll(settings("b", "x", "1"), "of: b", "of: a")})
	r.kaji("apply", "-n", "prune", "-f", dir)
	r.kaji("create", "configmap", "made", "-n", "prune")
	if err := os.Remove(filepath.Join(dir, "b.yaml")); err != nil {
		r.t.Fatal(err)
	}
	if out := r.kaji("apply", "-n", "prune", "-f", dir, "--prune", "-l", "of=a", "--dry-run=server"); !strings.Contains(out, "configmap/b pruned (server dry run)") {
		r.t.Errorf("dry run: %q", out)
	}
	if out := r.kaji("apply", "-n", "prune", "-f", dir, "--prune", "-l", "of=a"); out != "configmap/a unchanged\nconfigmap/b pruned\n" {
		r.t.Errorf("prune: %q", out)
	}
	if out := r.kaji("get", "cm", "-n", "prune", "-o", "name"); !strings.Contains(out, "configmap/made\n") || strings.Contains(out, "configmap/b\n") {
		r.t.Errorf("left are %q", out)
	}
	r.kaji("delete", "namespace", "prune")
}

func lastApplied(r *rig) {
	dir := r.write(map[string]string{"one.yaml": settings("last", "one", "1"), "two.yaml": settings("last", "two", "1")})
	r.kaji("apply", "-f", filepath.Join(dir, "one.yaml"))
	contains(r.t, "view", r.kaji("apply", "view-last-applied", "cm/last"), "one: \"1\"")
	r.kaji("apply", "set-last-applied", "-f", filepath.Join(dir, "two.yaml"))
	contains(r.t, "view after set", r.kaji("apply", "view-last-applied", "cm/last"), "two: \"1\"")
	r.editor(`sed -i s/two:/three:/`)
	r.kaji("apply", "edit-last-applied", "cm/last")
	contains(r.t, "view after edit", r.kaji("apply", "view-last-applied", "cm/last"), "three: \"1\"")
	r.kaji("delete", "cm", "last")
}

// editor is what the commands of this test open instead of vi.
func (r *rig) editor(command string) {
	r.env = append(slices.Clone(r.env), "KAJI_EDITOR="+command)
}

func kustomizing(r *rig) {
	dir := r.write(map[string]string{
		"base/kustomization.yaml": "resources: [web.yaml]\nconfigMapGenerator:\n- name: page\n  literals: [text=hello]\n",
		"base/web.yaml":           strings.ReplaceAll(deployment("web", 1, ""), "IMAGE", "shop/web"),
		"prod/kustomization.yaml": "namePrefix: kz-\nresources: [../base]\nimages: [{name: shop/web, newName: " + strings.TrimSuffix(r.image, ":1") + ", newTag: \"1\"}]\n" +
			"replicas: [{name: web, count: 2}]\n",
	})
	prod := filepath.Join(dir, "prod")
	contains(r.t, "kustomize", r.kaji("kustomize", prod), "name: kz-web", "replicas: 2", "image: "+r.image, "name: kz-page-")
	contains(r.t, "apply -k", r.kaji("apply", "-k", prod), "deployment.apps/kz-web created", "configmap/kz-page-")
	r.kaji("rollout", "status", "deployment/kz-web", "--timeout=2m")
	if out := r.kaji("diff", "-k", prod); out != "" {
		r.t.Errorf("diff -k of what is applied: %s", out)
	}
	contains(r.t, "get -k", r.kaji("get", "-k", prod, "-o", "name"), "deployment.apps/kz-web\n")
	contains(r.t, "delete -k", r.kaji("delete", "-k", prod), `deployment.apps "kz-web" deleted`)
}

func creating(r *rig) {
	dir := r.write(map[string]string{"c.yaml": settings("created", "x", "1")})
	if out := r.kaji("create", "-f", filepath.Join(dir, "c.yaml"), "-o", "name"); out != "configmap/created\n" {
		r.t.Errorf("create -f: %q", out)
	}
	r.fails(1, []string{"already exists", "kaji apply"}, "create", "-f", filepath.Join(dir, "c.yaml"))
	r.kaji("create", "serviceaccount", "builder")
	r.kaji("create", "secret", "generic", "db", "--from-literal=password=sesame")
	if out := r.kaji("get", "secret", "db", "-o", "jsonpath={.data.password}"); out != "c2VzYW1l" {
		r.t.Errorf("secret: %q", out)
	}
	r.kaji("create", "secret", "docker-registry", "pull", "--docker-server=registry.local", "--docker-username=u", "--docker-password=p")
	ca, err := identity.NewCA("test")
	if err != nil {
		r.t.Fatal(err)
	}
	files := identity.FilesIn(dir, "web")
	if err := files.Ensure(ca, identity.Request{Name: "web", Hosts: []string{"web.local"}}); err != nil {
		r.t.Fatal(err)
	}
	r.kaji("create", "secret", "tls", "web", "--cert="+files.Cert, "--key="+files.Key)
	if out := r.kaji("get", "secret", "web", "-o", "jsonpath={.type}"); out != "kubernetes.io/tls" {
		r.t.Errorf("secret tls: %q", out)
	}
	r.kaji("create", "service", "clusterip", "created", "--tcp=80:8080")
	r.kaji("create", "deployment", "created", "--image="+r.image, "--replicas=1", "--", "sleep", "1000")
	r.kaji("rollout", "status", "deployment/created", "--timeout=2m")
	r.kaji("delete", "cm/created", "sa/builder", "secret/db", "secret/pull", "secret/web", "svc/created", "deployment/created", "--wait=false")
}

func changing(r *rig) {
	r.run(deployment("changed", 1, ""))
	r.kaji("rollout", "status", "deployment/changed", "--timeout=2m")
	r.kaji("set", "resources", "deployment/changed", "--requests=cpu=1m")
	r.kaji("rollout", "status", "deployment/changed", "--timeout=2m")
	before := r.kaji("get", "rs", "-l", "app=changed", "-o", "name")
	r.kaji("rollout", "restart", "deployment/changed")
	r.kaji("rollout", "status", "deployment/changed", "--timeout=2m")
	if after := r.kaji("get", "rs", "-l", "app=changed", "-o", "name"); strings.Count(after, "\n") != strings.Count(before, "\n")+1 {
		r.t.Errorf("restart made no new replica set: %q, then %q", before, after)
	}
	r.kaji("apply", "-f", filepath.Join(r.write(map[string]string{"c.yaml": settings("changed", "x", "1")}), "c.yaml"))
	dir := r.write(map[string]string{"c.yaml": settings("changed", "x", "2"), "d.yaml": settings("changed", "z", "3")})
	out, err := r.try("diff", "-f", filepath.Join(dir, "c.yaml"))
	if exitCode(err) != 1 {
		r.t.Errorf("diff: %v", err)
	}
	contains(r.t, "diff", out, `-  x: "1"`, `+  x: "2"`)
	r.kaji("replace", "-f", filepath.Join(dir, "d.yaml"))
	if out := r.kaji("get", "cm", "changed", "-o", "jsonpath={.data}"); out != `{"k":"1","z":"3"}` {
		r.t.Errorf("replace: %s", out)
	}
	// The editor has the terminal: it says which, and reads what is typed there.
	r.editor(`sh -c 'tty && read -r typed && sed -i "s/z: .3./z: $typed/" "$1"' sh`)
	user, program := r.terminal()
	cmd := r.start(program, "edit", "cm", "changed")
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	program.Close()
	if _, err := user.WriteString("\"4\"\n"); err != nil {
		r.t.Fatal(err)
	}
	shown := bufio.NewScanner(user) // it ends with an error when the program has ended
	var seen []string
	for shown.Scan() {
		seen = append(seen, shown.Text())
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(strings.Join(seen, "\n"), "/dev/pts/") || !strings.Contains(strings.Join(seen, "\n"), "configmap/changed edited") {
		r.t.Errorf("edit: %v, the terminal shows %q", err, seen)
	}
	if out := r.kaji("get", "cm", "changed", "-o", "jsonpath={.data.z}"); out != "4" {
		r.t.Errorf("edit: %s", out)
	}
	r.kaji("replace", "--force", "-f", filepath.Join(dir, "c.yaml"))
	if out := r.kaji("get", "cm", "changed", "-o", "jsonpath={.data}"); out != `{"k":"1","x":"2"}` {
		r.t.Errorf("replace --force: %s", out)
	}
	r.kaji("create", "serviceaccount", "changed")
	r.kaji("set", "serviceaccount", "deployment/changed", "changed")
	r.kaji("rollout", "status", "deployment/changed", "--timeout=2m")
	if out := r.kaji("get", "pods", "-l", "app=changed", "--sort-by=.metadata.creationTimestamp", "-o", `go-template={{range .items}}{{.spec.serviceAccountName}} {{end}}`); !strings.HasSuffix(out, "changed ") {
		r.t.Errorf("the pods run as %q", out)
	}
	r.kaji("create", "service", "clusterip", "changed", "--tcp=80")
	if out := r.kaji("set", "selector", "service", "changed", "app=other", "-o", "jsonpath={.spec.selector}"); out != `{"app":"other"}` {
		r.t.Errorf("set selector: %s", out)
	}
	r.kaji("delete", "deployment/changed", "cm/changed", "svc/changed", "sa/changed")
}

func exposing(r *rig) {
	r.kaji("run", "once", "--image="+r.image, "--port=8080", "--command", "--", "sh", "-c", "mkdir -p /srv; sleep 1000")
	r.kaji("wait", "pod/once", "--for=condition=Ready", "--timeout=2m")
	r.kaji("expose", "pod/once", "--port=80", "--name=once")
	if out := r.kaji("get", "svc", "once", "-o", "jsonpath={.spec.ports[0].port} {.spec.ports[0].targetPort} {.spec.selector}"); !strings.HasPrefix(out, "80 8080 {") && !strings.HasPrefix(out, "80 80 {") {
		r.t.Errorf("expose: %s", out)
	}
	dir := r.write(map[string]string{"site/a.txt": "hello"})
	r.kaji("cp", filepath.Join(dir, "site"), "once:/srv")
	if out := r.kaji("exec", "once", "--", "cat", "/srv/site/a.txt"); out != "hello" {
		r.t.Errorf("cp into the pod: %q", out)
	}
	r.kaji("cp", "once:/srv/site/a.txt", filepath.Join(dir, "back.txt"))
	if b, err := os.ReadFile(filepath.Join(dir, "back.txt")); err != nil || string(b) != "hello" {
		r.t.Errorf("cp out of the pod: %q %v", b, err)
	}
	contains(r.t, "events", r.kaji("events", "--for", "pod/once"), "Scheduled", "Started")
	r.kaji("delete", "svc/once", "pod/once", "--now")
}

// configuring changes a configuration of its own.
func configuring(r *rig) {
	context := strings.TrimSpace(r.kaji("config", "current-context"))
	mine := filepath.Join(r.t.TempDir(), "config")
	text, err := os.ReadFile(strings.TrimPrefix(lines(r.kaji("config", "view"))[0], "# "))
	if err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(mine, text, 0o600); err != nil {
		r.t.Fatal(err)
	}
	r.env = append(slices.Clone(r.env), "KAJI_CONFIG="+mine)
	if out := r.kaji("config", "get-clusters"); out != context+"\n" {
		r.t.Errorf("get-clusters: %q", out)
	}
	r.kaji("config", "get-users")
	// What is flattened works elsewhere, under other names.
	portable := filepath.Join(filepath.Dir(mine), "portable")
	if err := os.WriteFile(portable, []byte(r.kaji("config", "view", "--minify", "--flatten", "--raw")), 0o600); err != nil {
		r.t.Fatal(err)
	}
	r.kaji("config", "rename-context", context, "there", "--config="+portable)
	r.kaji("get", "nodes", "--context=there", "--config="+portable)
	r.kaji("config", "set-cluster", "again", "--server="+r.cfg.APIServer(), "--certificate-authority="+r.cfg.Files("admin").CA, "--embed-certs")
	r.kaji("config", "set-credentials", "again", "--client-certificate="+r.cfg.Files("admin").Cert, "--client-key="+r.cfg.Files("admin").Key)
	r.kaji("config", "set-context", "again", "--cluster=again", "--user=again")
	r.kaji("get", "nodes", "--context=again")
	r.kaji("config", "delete-context", "again")
	r.kaji("config", "delete-cluster", "again")
	r.kaji("config", "delete-user", "again")
	r.kaji("config", "set-context", "system", "--cluster="+context, "--user="+context, "--namespace=kube-system")
	r.kaji("config", "use-context", "system")
	contains(r.t, "get-contexts", r.kaji("config", "get-contexts"), "*         system")
	contains(r.t, "whoami", r.kaji("auth", "whoami"), "Name:", "system:masters")
	if out := r.kaji("auth", "can-i", "delete", "nodes"); out != "yes\n" {
		r.t.Errorf("can-i: %q", out)
	}
	contains(r.t, "can-i --list", r.kaji("auth", "can-i", "--list"), "pods.core", "get list watch")
	r.kaji("config", "use-context", context)
	r.kaji("config", "delete-context", "system")
	r.fails(1, []string{"system"}, "config", "use-context", "system")
	contains(r.t, "cluster-info", r.kaji("cluster-info"), "serving", "Nodes: 1, of which 1 ready")
}

func looking(r *rig) {
	contains(r.t, "explain", r.kaji("explain", "deployment.spec.strategy"), "rollingUpdate")
	user, program := r.terminal()
	cmd := r.start(program, "get", "nodes")
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	program.Close()
	shown, _ := io.ReadAll(user) // it ends with an error when the program has ended
	if err := cmd.Wait(); err != nil || !strings.Contains(string(shown), "\x1b[32mReady\x1b[0m") {
		r.t.Errorf("a terminal shows %q: %v", shown, err)
	}
	if out := r.kaji("get", "nodes"); strings.Contains(out, "\x1b") {
		r.t.Errorf("colours without a terminal: %q", out)
	}
	contains(r.t, "api-versions", r.kaji("api-versions"), "v1\n", "apps/v1\n")
	contains(r.t, "options", r.kaji("options"), "--namespace")
	contains(r.t, "help", r.kaji("help", "rollout", "undo"), "kaji rollout undo", "--to-revision")
	dir := filepath.Join(r.t.TempDir(), "man1")
	r.kaji("man", dir)
	if man, err := exec.LookPath("man"); err == nil {
		out, err := exec.Command(man, "-P", "cat", filepath.Join(dir, "kaji-rollout-undo.1")).CombinedOutput()
		if err != nil {
			r.t.Errorf("man: %v\n%s", err, out)
		}
		contains(r.t, "man", string(out), "SYNOPSIS", "to-revision")
	}
}

// shells lets the shells that are there read the completion made for them, and asks bash for names.
func shells(r *rig) {
	dir := r.t.TempDir()
	scripts := map[string]string{
		"bash": r.kaji("completion", "bash"), "zsh": r.kaji("completion", "zsh"), "fish": r.kaji("completion", "fish"),
		"powershell": r.kaji("completion", "powershell"),
	}
	for shell, script := range scripts {
		if !strings.Contains(script, "kaji") {
			r.t.Errorf("completion for %s: %q", shell, script)
		}
		file := filepath.Join(dir, shell)
		if err := os.WriteFile(file, []byte(script), 0o644); err != nil {
			r.t.Fatal(err)
		}
		if path, err := exec.LookPath(shell); err == nil && shell != "powershell" {
			if out, err := exec.Command(path, "-n", file).CombinedOutput(); err != nil {
				r.t.Errorf("%s does not read it: %v\n%s", shell, err, out)
			}
		}
	}
	r.apply(settings("completed", "x", "1"))
	// What bash-completion would tell the script is told by hand, so that the package need not be there.
	ask := `source "$1"
compopt() { :; }
_get_comp_words_by_ref() { words=("${COMP_WORDS[@]}"); cword=$COMP_CWORD; cur=${words[cword]}; prev=${words[cword-1]}; }
__ltrim_colon_completions() { :; }
COMP_WORDS=(kaji get configmaps compl); COMP_CWORD=3; COMP_LINE="kaji get configmaps compl"; COMP_POINT=${#COMP_LINE}
__start_kaji
printf '%s\n' "${COMPREPLY[@]}"`
	cmd := exec.Command("bash", "-c", ask, "bash", filepath.Join(dir, "bash"))
	cmd.Env = append(slices.Clone(r.env), "PATH="+filepath.Join(repo, "bin")+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "completed") {
		r.t.Errorf("bash completes to %q: %v", out, err)
	}
	r.kaji("delete", "cm", "completed")
}

func loading(r *rig) {
	image, err := random.Image(1024, 1)
	if err != nil {
		r.t.Fatal(err)
	}
	tag, err := name.NewTag("shop/loaded:1")
	if err != nil {
		r.t.Fatal(err)
	}
	archive := filepath.Join(r.t.TempDir(), "images.tar")
	if err := tarball.WriteToFile(archive, tag, image); err != nil {
		r.t.Fatal(err)
	}
	if out := r.kaji("image", "load", archive, "--dir="+r.cfg.Dir); !strings.Contains(out, r.cfg.Registry()+"/") || !strings.Contains(out, "shop/loaded:1") {
		r.t.Errorf("image load: %q", out)
	}
	shown := r.console("image", "load", archive, "--dir="+r.cfg.Dir)
	if err := shown.cmd.Wait(); err != nil {
		r.t.Errorf("image load on a terminal: %v", err)
	}
	shown.shows("• shop/loaded:1: ")
	shown.shows(r.cfg.Registry() + "/shop/loaded:1")
}

// forPrograms reads as JSON what is no object of the API, and what commands that change objects print.
func forPrograms(r *rig) {
	read := func(into any, args ...string) {
		r.t.Helper()
		// A warning may stand before it, on standard error.
		out := r.kaji(append(args, "-o", "json")...)
		if i := strings.IndexByte(out, '{'); i < 0 || json.Unmarshal([]byte(out[i:]), into) != nil {
			r.t.Errorf("kaji %s prints no JSON:\n%s", strings.Join(args, " "), out)
		}
	}
	var info struct {
		Servers           []struct{ Endpoint, Status string }
		Nodes, ReadyNodes int
	}
	if read(&info, "cluster-info"); len(info.Servers) != 1 || info.Servers[0].Status != "serving" || info.ReadyNodes != 1 {
		r.t.Errorf("cluster-info: %+v", info)
	}
	var kinds struct {
		Resources []struct{ Name, Kind, APIVersion string }
	}
	if read(&kinds, "api-resources"); !slices.ContainsFunc(kinds.Resources, func(k struct{ Name, Kind, APIVersion string }) bool {
		return k.Name == "deployments" && k.Kind == "Deployment" && k.APIVersion == "apps/v1"
	}) {
		r.t.Errorf("api-resources: %+v", kinds)
	}
	var token struct{ Token, Expires, JoinCommand string }
	out := r.kaji("token", "create", "--ttl=1m", "-o", "yaml")
	if err := yaml.Unmarshal([]byte(out), &token); err != nil || strings.Count(token.Token, ".") != 2 || !strings.Contains(token.JoinCommand, token.Token) {
		r.t.Errorf("token create: %+v, %v", token, err)
	}
	r.run(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: programs}
spec:
  replicas: 1
  selector: {matchLabels: {app: programs}}
  template:
    metadata: {labels: {app: programs}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: main, image: IMAGE, command: [sleep, "1000"]}]
`)
	var status struct {
		Deployment string
		Done       bool
	}
	out = r.kaji("rollout", "status", "deployment/programs", "-o", "yaml")
	if i := strings.Index(out, "deployment: "); i < 0 || yaml.Unmarshal([]byte(out[i:]), &status) != nil || status.Deployment != "programs" || !status.Done {
		r.t.Errorf("rollout status: %+v\n%s", status, out)
	}
	var d struct {
		Kind string
		Spec struct{ Paused bool }
	}
	if read(&d, "rollout", "pause", "deployment/programs"); d.Kind != "Deployment" || !d.Spec.Paused {
		r.t.Errorf("rollout pause: %+v", d)
	}
	if out := r.kaji("rollout", "resume", "deployment/programs", "--dry-run=server"); !strings.Contains(out, "(server dry run)") {
		r.t.Errorf("rollout resume --dry-run: %q", out)
	}
	if out := r.kaji("rollout", "resume", "deployment/programs", "-o", "name"); out != "deployment.apps/programs\n" {
		r.t.Errorf("rollout resume -o name: %q", out)
	}
	var history struct {
		Revisions []struct {
			Revision   int
			ReplicaSet string
			Template   struct {
				Spec struct{ Containers []struct{ Name string } }
			}
		}
	}
	if read(&history, "rollout", "history", "deployment/programs"); len(history.Revisions) != 1 || history.Revisions[0].Revision != 1 || history.Revisions[0].Template.Spec.Containers[0].Name != "main" {
		r.t.Errorf("rollout history: %+v", history)
	}
	var why struct{ Node, Phase, Text string }
	if read(&why, "why", "deployment/programs"); why.Node != "node-1" || why.Phase != "Running" {
		r.t.Errorf("why: %+v", why)
	}
	var node struct {
		Kind string
		Spec struct{ Unschedulable bool }
	}
	if read(&node, "cordon", "node-1", "--dry-run=client"); node.Kind != "Node" || !node.Spec.Unschedulable {
		r.t.Errorf("cordon: %+v", node)
	}
	var tainted struct {
		Spec struct{ Taints []struct{ Key string } }
	}
	if read(&tainted, "taint", "nodes", "node-1", "for-programs:NoSchedule", "--dry-run=server"); len(tainted.Spec.Taints) != 1 || tainted.Spec.Taints[0].Key != "for-programs" {
		r.t.Errorf("taint: %+v", tainted)
	}
	r.kaji("delete", "deployment", "programs")
}
