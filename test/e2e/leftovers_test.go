package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// leftovers is what containers and networks leave on a machine when they are not taken away.
type leftovers map[string][]string

// snapshot looks at the machine. Of processes it takes those whose command line has one of the marks, so that another
// cluster on the machine may come and go.
func snapshot(t *testing.T, marks ...string) leftovers {
	t.Helper()
	l := leftovers{}
	l["network namespace"] = list("/var/run/netns/*", "/run/netns/*")
	l["link"] = list("/sys/class/net/*")
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(b), "\n") {
		if f := strings.Fields(line); len(f) > 4 {
			l["mount"] = append(l["mount"], f[4])
		}
	}
	for _, table := range []string{"nat", "filter"} {
		out, err := exec.Command("iptables", "-w", "-t", table, "-S").Output()
		if err != nil {
			continue
		}
		for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
			l["rule"] = append(l["rule"], table+" "+line)
		}
	}
	for _, dir := range list("/proc/[0-9]*") {
		exe, err := os.Readlink(filepath.Join(dir, "exe"))
		if err != nil {
			continue
		}
		base := strings.TrimSuffix(filepath.Base(exe), " (deleted)")
		if base == "kaji" || base == "containerd" || strings.HasPrefix(base, "containerd-shim") {
			cmd, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
			if slices.ContainsFunc(marks, func(m string) bool { return strings.Contains(string(cmd), m) }) {
				l["process"] = append(l["process"], filepath.Base(dir)+" "+strings.ReplaceAll(string(cmd), "\x00", " "))
			}
		}
	}
	return l
}

func list(patterns ...string) []string {
	var out []string
	for _, p := range patterns {
		m, _ := filepath.Glob(p)
		out = append(out, m...)
	}
	return out
}

// compare fails the test for everything that is there now and was not before.
func (l leftovers) compare(t *testing.T, marks ...string) {
	t.Helper()
	for what, now := range snapshot(t, marks...) {
		for _, item := range now {
			if !slices.Contains(l[what], item) && !policy(item) {
				t.Errorf("left behind, %s: %s", what, item)
			}
		}
	}
}

// policy lines appear in the output of iptables once a table has been looked at, and hold no rule.
func policy(item string) bool {
	_, rule, _ := strings.Cut(item, " ")
	return strings.HasPrefix(rule, "-P ")
}
