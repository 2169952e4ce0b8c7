package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// buildVersion is what the Go toolchain wrote into the binary.
func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version := info.Main.Version
	if version != "" && version != "(devel)" {
		return version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "devel-" + s.Value[:12]
		}
	}
	return "devel"
}

func newVersion(s *session) *cobra.Command {
	var out data
	c := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  kaji version -o json",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := out.check(c); err != nil {
				return err
			}
			v := map[string]string{"version": s.Version, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
			if out.wanted() {
				return out.write(s.Out, v)
			}
			_, err := fmt.Fprintf(s.Out, "kaji %s (%s, %s)\n", v["version"], v["go"], v["platform"])
			return err
		},
	}
	out.bind(c)
	return c
}
