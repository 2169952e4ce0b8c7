package e2e

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// TestStreams is what reaches into running pods.
func TestStreams(t *testing.T) {
	newRig(t).each(t, map[string]func(*rig){
		"attach": attaching, "attach on a terminal": attachTerminal, "run attached": runAttached, "run on a terminal": runTerminal, "logs of pods that come and go": logsFollow, "screen": screen,
		"port-forward": portForwarding, "port-forward to services": forwardServices, "port-forward ends with the pod": forwardEnds,
	})
}

func attaching(r *rig) {
	r.run(`
apiVersion: v1
kind: Pod
metadata: {name: attach}
spec:
  terminationGracePeriodSeconds: 0
  restartPolicy: Never
  containers:
  - {name: reader, image: IMAGE, stdin: true, stdinOnce: true, command: [sh, -c, 'wc -c; echo over >&2; exit 6']}
  - {name: plain, image: IMAGE, command: [sh, -c, 'while :; do echo tick; sleep 0.1; done']}
`)
	r.ready("attach")
	in := strings.Repeat("0123456789abcdef", 1<<16)
	if out, err := r.tryIn(in, "attach", "-i", "attach", "-c", "reader"); err != nil || strings.TrimSpace(out) != "1048576" {
		r.t.Errorf("%q %v", out, err)
	}
	r.pod("attach", "has ended in part", func(p *corev1.Pod) bool {
		return state(p, 1).GetTerminated() != nil || state(p, 0).GetTerminated() != nil
	})
	r.fails(1, []string{"does not run"}, "attach", "attach", "-c", "reader")
	r.fails(1, []string{"no container"}, "attach", "attach", "-c", "nope")
	r.fails(1, []string{"not found"}, "attach", "no-such-pod")
	// Without a terminal Ctrl-C ends the attachment, and nothing else.
	c := r.console("attach", "attach", "-c", "plain")
	c.shows("tick")
	c.types("\x03")
	c.ends(130)
	p := r.pod("attach", "still runs", func(p *corev1.Pod) bool { return state(p, 1).GetRunning() != nil })
	if n := p.GetStatus().GetContainerStatuses()[1].GetRestartCount(); n != 0 {
		r.t.Errorf("it was restarted %d times", n)
	}
	c = r.console("attach", "-it", "attach", "-c", "plain")
	c.shows("has no standard input")
	c.shows("has no terminal")
	c.shows("tick")
	r.remove("attach")
	c.ends(0)
}

func attachTerminal(r *rig) {
	r.run(`
apiVersion: v1
kind: Pod
metadata: {name: attach-tty}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: main, image: IMAGE, stdin: true, tty: true, command: [sh]}]
`)
	r.ready("attach-tty")
	c := r.console("attach", "-it", "attach-tty")
	c.types(sized)
	c.shows("size 41 101")
	c.resizes(120, 50)
	until(r.t, "the new size is passed on", func() error {
		c.types("echo now''-$(stty size)-\n")
		return c.has("now-50 120-")
	})
	c.types("echo be''gun; sleep 1000\n")
	c.shows("begun")
	c.types("\x03")
	c.types("export KEPT=still-here; echo inter''rupted\n")
	c.shows("interrupted")
	// The one who attaches goes, the shell stays as it was.
	if err := c.cmd.Process.Kill(); err != nil {
		r.t.Fatal(err)
	}
	c.ends(-1)
	c = r.console("attach", "-it", "attach-tty")
	c.types("echo -$KEPT-\n")
	c.shows("-still-here-")
	c.types("exit 5\n")
	c.ends(0)
	r.pod("attach-tty", "was restarted", func(p *corev1.Pod) bool { return p.GetStatus().GetContainerStatuses()[0].GetRestartCount() > 0 })
	r.remove("attach-tty")
}

// gone fails unless there is no such pod.
func (r *rig) gone(name string) {
	r.t.Helper()
	if _, err := client.Of[*corev1.Pod](r.api).Get(context.Background(), "default", name); !apierror.IsNotFound(err) {
		r.t.Errorf("pod %s is there: %v", name, err)
	}
}

func runAttached(r *rig) {
	run := func(stdin string, args ...string) (out, errs string, code int) {
		r.t.Helper()
		cmd := r.start(nil, append([]string{"run", "--image=" + r.image, "--restart=Never"}, args...)...)
		cmd.Stdin = strings.NewReader(stdin)
		b, err := cmd.Output()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return string(b), string(exit.Stderr), exit.ExitCode()
		}
		if err != nil {
			r.t.Fatal(err)
		}
		return string(b), "", 0
	}
	if out, errs, code := run("1 2 3\n", "-i", "--rm", "-q", "counts", "--command", "--", "sh", "-c", "wc -w; exit 7"); out != "3\n" || errs != "" || code != 7 {
		r.t.Errorf("%q %q %d", out, errs, code)
	}
	r.gone("counts")
	// What has ended before anybody could attach is shown from its log, whole.
	for range 3 {
		if out, errs, code := run("", "--attach", "--rm", "quick", "--command", "--", "sh", "-c", "echo quick; exit 3"); out != "quick\n" || code != 3 || !strings.Contains(errs, "pod/quick deleted") {
			r.t.Errorf("%q %q %d", out, errs, code)
		}
	}
	if out, errs, code := run("", "--attach", "--rm", "none", "--command", "--", "/no/such/program"); code == 0 {
		r.t.Errorf("a program that is not there: %q %q %d", out, errs, code)
	}
	r.gone("none")
	if _, errs, code := run("", "--attach", "--rm", "never", "--image="+r.image+"-absent", "--pod-running-timeout=3s"); code != 1 || !strings.Contains(errs, "does not run after 3s") {
		r.t.Errorf("an image that is not there: %q %d", errs, code)
	}
	r.gone("never")
}

// sized says the size of the terminal once it is the one that the test gave it: to have a screen drawn anew, attaching makes it
// another size for a moment.
const sized = "until [ \"$(stty size)\" = '41 101' ]; do sleep 0.1; done; echo si''ze $(stty size)\n"

func runTerminal(r *rig) {
	c := r.console("run", "-it", "--rm", "run-tty", "--image="+r.image, "--restart=Never", "--command", "--", "sh")
	c.types(sized)
	c.shows("size 41 101")
	c.types("echo be''gun; sleep 1000\n")
	c.shows("begun")
	c.types("\x03")
	c.types("echo inter''rupted; exit 9\n")
	c.shows("interrupted")
	c.ends(9)
	c.shows("pod/run-tty deleted")
	r.gone("run-tty")
	// Interrupted while it waits, it removes what it has made.
	c = r.console("run", "--attach", "--rm", "run-long", "--image="+r.image, "--command", "--", "sh", "-c", "trap 'exit 0' TERM; while :; do echo here; sleep 0.1; done")
	c.shows("here")
	c.types("\x03")
	c.ends(130)
	r.gone("run-long")
}
