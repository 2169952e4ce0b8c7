// Package host prepares a machine for Kaji: the Debian packages that the node agent's runtime needs, the
// configuration of a private containerd, and the pod network's CNI configuration; and cleans up after it.
//
// It touches only what the cluster directory holds, the packages, and network links and rules that carry
// Kaji's own names. It is used by one process at a time per directory.
package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// requirement is a program or file that must be there, and the Debian package that brings it.
type requirement struct{ path, pkg string }

var requirements = []requirement{
	{"containerd", "containerd"},
	{"runc", "runc"},
	{"/usr/lib/cni/bridge", "containernetworking-plugins"},
	{"iptables", "iptables"},
	{"nft", "nftables"},
	{"mount", "mount"},
}

// CNIBinDirs are where CNI plugins may be, the first that has them wins.
var CNIBinDirs = []string{"/usr/lib/cni", "/opt/cni/bin"}

// Missing lists the packages whose programs are not here.
func Missing() []string {
	var out []string
	for _, r := range requirements {
		if r.pkg == "containernetworking-plugins" {
			if _, err := CNIBinDir(); err != nil {
				out = append(out, r.pkg)
			}
			continue
		}
		if _, err := exec.LookPath(r.path); err != nil {
			out = append(out, r.pkg)
		}
	}
	return out
}

// CNIBinDir finds the directory of the CNI plugins.
func CNIBinDir() (string, error) {
	for _, d := range CNIBinDirs {
		if _, err := os.Stat(filepath.Join(d, "bridge")); err == nil {
			return d, nil
		}
	}
	return "", fmt.Errorf("no CNI plugins in %s", strings.Join(CNIBinDirs, " or "))
}

// Install installs the missing packages with apt-get. progress is told what is being done.
func Install(ctx context.Context, progress func(string)) error {
	return installPackages(ctx, Missing(), progress)
}

// Busybox is where Debian's busybox-static puts its program; InstallBusybox brings it.
const Busybox = "/bin/busybox"

// InstallBusybox installs busybox-static when there is no busybox.
func InstallBusybox(ctx context.Context, progress func(string)) error {
	if _, err := os.Stat(Busybox); err == nil {
		return nil
	}
	return installPackages(ctx, []string{"busybox-static"}, progress)
}

func installPackages(ctx context.Context, missing []string, progress func(string)) error {
	if len(missing) == 0 {
		return nil
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("%s must be installed; run as root, or install them with: apt-get install %s", strings.Join(missing, ", "), strings.Join(missing, " "))
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("%s are missing, and this is no Debian: install them with your package manager", strings.Join(missing, ", "))
	}
	progress("installing " + strings.Join(missing, ", "))
	install := append([]string{"install", "-y", "-q", "--no-install-recommends"}, missing...)
	if apt(ctx, install...) == nil {
		return nil
	}
	// Most often the package lists are old or absent.
	return errors.Join(apt(ctx, "update", "-q"), apt(ctx, install...))
}

func apt(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "apt-get", args...)
	// A package that starts its own daemon must not: Kaji runs a private containerd.
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("apt-get %s: %w\n%s", args[0], err, tail(out, 2000))
	}
	return nil
}

func tail(b []byte, n int) string {
	if len(b) > n {
		b = b[len(b)-n:]
	}
	return strings.TrimSpace(string(b))
}
