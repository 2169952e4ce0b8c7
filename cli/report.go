package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/kind"
)

// report tells what a command did to objects: a line for each, or at the end the objects in the form that -o asks for.
type report struct {
	output
	dryRun  dryRun
	objects []kind.Object
}

func (r *report) bind(c *cobra.Command) {
	r.output.bind(c, objectFormats...)
	r.dryRun.bind(c)
}

func (r *report) check(c *cobra.Command) error {
	return errors.Join(r.output.check(c), r.dryRun.check(c))
}

// done says what became of an object.
func (r *report) done(w io.Writer, o kind.Object, what string) {
	if r.format == "" {
		fmt.Fprintf(w, "%s %s%s\n", refer(o), what, r.dryRun.note())
		return
	}
	r.objects = append(r.objects, o)
}

// end writes the objects, when they are asked for.
func (r *report) end(w io.Writer) error {
	if r.format == "" || len(r.objects) == 0 {
		return nil
	}
	return r.write(w, r.objects, len(r.objects) > 1)
}
