package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/sys/unix"

	"kaji.dev/kaji/deploy/images"
)

// start runs a command in the background, with a program's terminal or none.
func (r *rig) start(terminal *os.File, args ...string) *exec.Cmd {
	r.t.Helper()
	ran(args, nil) // whether it does what it is for is for the test that starts it
	cmd := exec.Command(filepath.Join(repo, "bin/kaji"), args...)
	cmd.Env, cmd.Dir = append(r.env, "TERM=vt100"), repo
	if terminal != nil {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
		cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true, Setctty: true}
	}
	return cmd
}

// terminal makes a pseudo-terminal of 101 by 41: what is written to user is typed at the program's end.
func (r *rig) terminal() (user, program *os.File) {
	r.t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { user.Close() })
	n, err := unix.IoctlGetInt(int(user.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(user.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(int(user.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 41, Col: 101})
	}
	if err == nil {
		program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return user, program
}

func execTerminal(r *rig) {
	r.run(`
apiVersion: v1
kind: Pod
metadata: {name: exec}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: main, image: IMAGE, command: [sleep, "1000"]}
  - {name: other, image: IMAGE, command: [sleep, "1000"]}
`)
	r.ready("exec")
	user, program := r.terminal()
	cmd := r.start(program, "exec", "-it", "exec", "-c", "main", "--", "sh")
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	program.Close()
	var mu sync.Mutex
	var seen bytes.Buffer
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := user.Read(b)
			mu.Lock()
			seen.Write(b[:n])
			mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	shows := func(text string) {
		r.t.Helper()
		until(r.t, "the terminal shows "+text, func() error {
			mu.Lock()
			defer mu.Unlock()
			if !strings.Contains(seen.String(), text) {
				return fmt.Errorf("it shows %q", seen.String())
			}
			return nil
		})
	}
	typed := func(s string) {
		r.t.Helper()
		if _, err := io.WriteString(user, s); err != nil {
			r.t.Fatal(err)
		}
	}
	// Quotes keep the echo of what is typed from looking like its output.
	typed("echo si''ze $(stty size); tty\n")
	shows("size 41 101")
	shows("/dev/pts/")
	if err := unix.IoctlSetWinsize(int(user.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: 120}); err != nil {
		r.t.Fatal(err)
	}
	until(r.t, "the new size is passed on", func() error {
		typed("echo now''-$(stty size)-\n")
		time.Sleep(200 * time.Millisecond)
		mu.Lock()
		defer mu.Unlock()
		if !strings.Contains(seen.String(), "now-50 120-") {
			return fmt.Errorf("it shows %q", seen.String())
		}
		return nil
	})
	typed("echo be''gun; sleep 1000\n")
	shows("begun")
	typed("\x03")
	typed("echo inter''rupted\n")
	shows("interrupted")
	typed("exit 9\n")
	if err := cmd.Wait(); exitCode(err) != 9 {
		r.t.Errorf("exit status: %v", err)
	}
	r.fails(3, nil, "exec", "exec", "-c", "other", "--", "sh", "-c", "exit 3")
	r.fails(1, []string{"no container"}, "exec", "exec", "-c", "nope", "--", "true")
	r.fails(1, []string{"not found"}, "exec", "no-such-pod", "--", "true")
	if out, err := r.try("exec", "exec", "-c", "main", "--", "/no/such/program"); err == nil || !strings.Contains(out, "/no/such/program") {
		r.t.Errorf("exec of nothing: %v %s", err, out)
	}
	// Much data both ways arrives whole.
	in := strings.Repeat("0123456789abcdef", 1<<16)
	if out, err := r.tryIn(in, "exec", "-i", "exec", "-c", "main", "--", "cat"); err != nil || out != in {
		r.t.Errorf("%d bytes of %d came back: %v", len(out), len(in), err)
	}
	r.remove("exec")
}

func logs(r *rig) {
	r.run(`
apiVersion: v1
kind: Pod
metadata: {name: logs, labels: {app: logs}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: main
    image: IMAGE
    command: [sh, -c, 'if [ ! -e /d/again ]; then touch /d/again; echo former; exit 1; fi; echo one; sleep 0.5; echo two >&2; sleep 0.5; echo three; while ! [ -e /d/end ]; do sleep 0.1; done; echo -n last']
    volumeMounts: [{name: d, mountPath: /d}]
  - {name: side, image: IMAGE, command: [sh, -c, 'echo side; sleep 1000']}
  restartPolicy: OnFailure
  volumes: [{name: d, emptyDir: {}}]
`)
	until(r.t, "three lines", func() error {
		out, err := r.try("logs", "logs", "-c", "main")
		if err == nil && out != "one\ntwo\nthree\n" {
			err = errors.New(out)
		}
		return err
	})
	for want, args := range map[string][]string{
		"former\n":     {"-c", "main", "--previous"},
		"two\nthree\n": {"-c", "main", "--tail=2"},
		"three\n":      {"-c", "main", "--tail=1"},
		"side\n":       {"-c", "side"},
		"one\ntw":      {"-c", "main", "--limit-bytes=6"},
	} {
		if out := r.kaji(append([]string{"logs", "logs"}, args...)...); out != want {
			r.t.Errorf("logs %v: %q, want %q", args, out, want)
		}
	}
	stamped := lines(r.kaji("logs", "logs", "-c", "main", "--timestamps"))
	if len(stamped) != 3 {
		r.t.Fatalf("%q", stamped)
	}
	stamp, text, _ := strings.Cut(stamped[2], " ")
	at, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil || text != "three" {
		r.t.Errorf("%q %v", stamped[2], err)
	}
	if out := r.kaji("logs", "logs", "-c", "main", "--since-time="+at.Format(time.RFC3339Nano)); out != "three\n" {
		r.t.Errorf("--since-time: %q", out)
	}
	if out := r.kaji("logs", "logs", "-c", "main", "--since=1h"); !strings.HasPrefix(out, "one\n") {
		r.t.Errorf("--since: %q", out)
	}
	if out := r.kaji("logs", "-l", "app=logs", "--all-containers", "--prefix"); !strings.Contains(out, "side]") && !strings.Contains(out, "side") {
		r.t.Errorf("--prefix: %q", out)
	}
	follow := r.start(nil, "logs", "-f", "logs", "-c", "main")
	pipe, err := follow.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := follow.Start(); err != nil {
		r.t.Fatal(err)
	}
	lines := bufio.NewScanner(pipe)
	for _, want := range []string{"one", "two", "three"} {
		if !lines.Scan() || lines.Text() != want {
			r.t.Errorf("%q, want %q", lines.Text(), want)
		}
	}
	r.kaji("exec", "logs", "-c", "side", "--", "true")
	r.kaji("exec", "logs", "-c", "main", "--", "touch", "/d/end")
	if !lines.Scan() || lines.Text() != "last" || lines.Scan() {
		r.t.Errorf("the end: %q", lines.Text())
	}
	if err := follow.Wait(); err != nil {
		r.t.Errorf("logs -f ended with %v", err)
	}
	r.fails(1, []string{"main", "side"}, "logs", "logs", "-c", "nope")
	r.fails(1, []string{"previous"}, "logs", "logs", "-c", "side", "--previous")
	r.remove("logs")
}

// pullSecrets pulls from a registry that wants a name and a password.
func pullSecrets(r *rig) {
	const user, password = "puller", "pa:ss word"
	handler := registry.New()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if u, p, ok := q.BasicAuth(); !ok || u != user || p != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`, http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, q)
	}))
	r.t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	spec, err := images.Binary("/bin/busybox", "0:0")
	if err != nil {
		r.t.Fatal(err)
	}
	img, err := images.Build(spec)
	if err != nil {
		r.t.Fatal(err)
	}
	ref, err := name.ParseReference(host+"/private/busybox:1", name.Insecure)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	if err := remote.Write(ref, img, remote.WithContext(ctx), remote.WithAuth(&authn.Basic{Username: user, Password: password})); err != nil {
		r.t.Fatal(err)
	}
	secret := func(name, password string) string {
		b, err := json.Marshal(map[string]any{"auths": map[string]any{host: map[string]string{"username": user, "password": password}}})
		if err != nil {
			r.t.Fatal(err)
		}
		return fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: %s}\ntype: kubernetes.io/dockerconfigjson\nstringData: {.dockerconfigjson: %q}\n---\n", name, b)
	}
	pod := func(name, secrets string) string {
		return fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec:\n  restartPolicy: Never\n  %s\n  containers: [{name: main, image: %q, imagePullPolicy: Always, command: [/busybox, echo, pulled]}]\n---\n",
			name, secrets, ref.String())
	}
	r.apply(secret("wrong", "x") + secret("right", password) + pod("pull-none", "") + pod("pull-wrong", "imagePullSecrets: [{name: wrong}]"))
	for _, name := range []string{"pull-none", "pull-wrong"} {
		r.event(name, "Failed", "Failed to pull image")
		r.waits(name, "ImagePullBackOff")
	}
	r.apply(pod("pull-right", "imagePullSecrets: [{name: absent}, {name: wrong}, {name: right}]"))
	r.phase("pull-right", "Succeeded")
	if out := r.kaji("logs", "pull-right"); out != "pulled\n" {
		r.t.Errorf("%q", out)
	}
	r.remove("pull-none")
	r.remove("pull-wrong")
}
