package admin

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"kaji.dev/kaji/cli/printers"
)

// output is the form that -o asks for.
type output struct{ format string }

func (o *output) bind(c *cobra.Command) {
	c.Flags().StringVarP(&o.format, "output", "o", "", "form of the output: json or yaml; a table when not given")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"json", "yaml"}, cobra.ShellCompDirectiveNoFileComp))
}

func (o *output) check() error {
	switch o.format {
	case "", "json", "yaml":
		return nil
	}
	return fmt.Errorf("unknown output %q: it is one of json, yaml", o.format)
}

// write writes what there is to say in the form that was asked for; table does when none was.
func (o *output) write(out io.Writer, what any, table func(*printers.Table) error) error {
	if o.format == "" {
		return table(printers.NewTable(out))
	}
	b, err := json.MarshalIndent(what, "", "    ")
	if err != nil {
		return err
	}
	if o.format == "yaml" {
		if b, err = yaml.JSONToYAML(b); err != nil {
			return err
		}
		_, err = out.Write(b)
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", b)
	return err
}

// size is bytes for people.
func size(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, units := float64(n)/unit, []string{"KiB", "MiB", "GiB", "TiB"}
	for value >= unit && len(units) > 1 {
		value, units = value/unit, units[1:]
	}
	return fmt.Sprintf("%.1f %s", value, units[0])
}

// progressPause is how often long work says how far it is.
const progressPause = 2 * time.Second

// progress says now and then how far long work is, on standard error.
type progress struct {
	out  io.Writer
	next time.Time
}

func newProgress(c *cobra.Command) *progress {
	return &progress{out: c.ErrOrStderr(), next: time.Now().Add(progressPause)}
}

// say writes a line, unless the last one is not long ago.
func (p *progress) say(format string, args ...any) {
	if now := time.Now(); now.After(p.next) {
		p.next = now.Add(progressPause)
		p.always(format, args...)
	}
}

func (p *progress) always(format string, args ...any) {
	fmt.Fprintf(p.out, "• "+format+"\n", args...)
}

// counter counts what goes through it, and says so.
type counter struct {
	progress *progress
	verb     string
	n        int64
}

func (w *counter) add(n int) {
	w.n += int64(n)
	w.progress.say("%s %s", size(w.n), w.verb)
}

type countedWriter struct {
	io.Writer
	*counter
}

func (w countedWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	w.add(n)
	return n, err
}

type countedReader struct {
	io.Reader
	*counter
}

func (r countedReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.add(n)
	return n, err
}
