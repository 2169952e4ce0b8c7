package images

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// AddShell adds a static busybox as /bin/busybox with a link for each of its applets, so that `kaji exec` finds a
// shell and the usual tools.
func AddShell(ctx context.Context, s *Spec, busybox string) error {
	b, err := os.ReadFile(busybox)
	if err != nil {
		return fmt.Errorf("%w (Debian: apt-get install busybox-static)", err)
	}
	list, err := exec.CommandContext(ctx, busybox, "--list").Output()
	if err != nil {
		return fmt.Errorf("%s --list: %w", busybox, err)
	}
	s.Files["/bin/busybox"] = File{Data: b, Mode: 0o755}
	for _, applet := range strings.Fields(string(list)) {
		path := "/bin/" + applet
		if _, taken := s.Files[path]; !taken {
			s.Files[path] = File{Link: "/bin/busybox"}
		}
	}
	return nil
}
