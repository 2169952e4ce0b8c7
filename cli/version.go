package cli

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
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
	var format string
	c := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  kaji version -o json",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			v := map[string]string{"version": s.Version, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
			switch format {
			case "":
				fmt.Fprintf(s.Out, "kaji %s (%s, %s)\n", v["version"], v["go"], v["platform"])
				return nil
			case "json":
				b, err := json.MarshalIndent(v, "", "  ")
				fmt.Fprintln(s.Out, string(b))
				return err
			case "yaml":
				b, err := yaml.Marshal(v)
				fmt.Fprint(s.Out, string(b))
				return err
			}
			return usage(c, "the output of version is json or yaml, not %q", format)
		},
	}
	c.Flags().StringVarP(&format, "output", "o", "", "form of the output: json, yaml")
	return c
}
