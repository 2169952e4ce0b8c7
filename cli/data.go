package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"sigs.k8s.io/yaml"
)

// data is the flag -o of commands that print something else than objects: json and yaml are for programs.
type data struct {
	format string
	// formats are those that the command offers.
	formats []string
}

func (d *data) bind(c *cobra.Command, more ...string) {
	d.formats = append([]string{"json", "yaml"}, more...)
	c.Flags().StringVarP(&d.format, "output", "o", "", "form of the output: "+strings.Join(d.formats, ", "))
	_ = c.RegisterFlagCompletionFunc("output", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return d.formats, cobra.ShellCompDirectiveNoFileComp
	})
}

func (d *data) check(c *cobra.Command) error {
	if d.format != "" && !slices.Contains(d.formats, d.format) {
		last := len(d.formats) - 1
		return usage(c, "the output of %s is %s or %s, not %q", c.Name(), strings.Join(d.formats[:last], ", "), d.formats[last], d.format)
	}
	return nil
}

// wanted tells whether json or yaml is asked for.
func (d *data) wanted() bool { return d.format == "json" || d.format == "yaml" }

// write writes a value in the form that is asked for.
func (d *data) write(w io.Writer, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if d.format == "yaml" {
		if b, err = yaml.JSONToYAML(b); err != nil {
			return err
		}
		_, err = w.Write(b)
		return err
	}
	_, err = fmt.Fprintln(w, string(b))
	return err
}

// plain is an answer of the API as write takes it.
func plain(m proto.Message) (json.RawMessage, error) {
	b, err := protojson.Marshal(m)
	return b, err
}
