package cli

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/util/jsonpath"

	"kaji.dev/kaji/cli/printers"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
)

// output writes objects in the form that -o asks for.
type output struct {
	format        string
	managedFields bool
	// formats are those that the command offers; one that ends in … takes a text after it.
	formats []string
}

// objectFormats are the forms that objects can be written in.
var objectFormats = []string{
	"yaml", "json", "name", "jsonpath=…", "jsonpath-as-json=…", "jsonpath-file=…", "custom-columns=…", "custom-columns-file=…",
	"go-template=…", "go-template-file=…",
}

// objectFormatsHelp is the same in few words.
const objectFormatsHelp = "yaml, json, name, jsonpath[-file|-as-json]=…, custom-columns[-file]=…, go-template[-file]=…"

func (o *output) bind(c *cobra.Command, formats ...string) {
	o.formats = formats
	c.Flags().StringVarP(&o.format, "output", "o", "", "form of the output: "+strings.ReplaceAll(strings.Join(formats, ", "), strings.Join(objectFormats, ", "), objectFormatsHelp))
	c.Flags().BoolVar(&o.managedFields, "show-managed-fields", false, "keep metadata.managedFields in yaml and json")
	_ = c.RegisterFlagCompletionFunc("output", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var words []string
		for _, f := range formats {
			words = append(words, strings.TrimSuffix(f, "…"))
		}
		return words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	})
}

// table says whether the output is a table rather than objects.
func (o *output) table() bool { return o.format == "" || o.format == "wide" }

// check refuses a format that the command does not offer, or a path that is none, before anything is done.
func (o *output) check(c *cobra.Command) error {
	if o.format == "" {
		return nil
	}
	word, text, _ := strings.Cut(o.format, "=")
	if !slices.Contains(o.formats, o.format) && !slices.Contains(o.formats, word+"=…") {
		return usage(c, "unknown output %q: it is one of %s", o.format, strings.Join(o.formats, ", "))
	}
	if file, ok := strings.CutSuffix(word, "-file"); ok {
		b, err := os.ReadFile(text)
		if err != nil {
			return err
		}
		word, text = file, string(b)
		if word == "custom-columns" {
			if text, err = columnsOf(text); err != nil {
				return fmt.Errorf("%s: %w", o.format, err)
			}
		}
		o.format = word + "=" + text
	}
	var err error
	switch word {
	case "jsonpath", "jsonpath-as-json":
		_, err = parsePath(text)
	case "custom-columns":
		_, err = parseColumns(text)
	case "go-template":
		_, err = parseTemplate(text)
	}
	return err
}

// json is an object as yaml and json show it.
func (o *output) json(object kind.Object) ([]byte, error) {
	if !o.managedFields && len(object.GetMetadata().GetManagedFields()) > 0 {
		object = clone(object)
		object.GetMetadata().ManagedFields = nil
	}
	return manifest.ToJSON(object)
}

// write writes objects in any form but a table. A list is wrapped in kind List; a single object is not.
func (o *output) write(w io.Writer, objects []kind.Object, list bool) error {
	if o.format == "name" {
		for _, object := range objects {
			fmt.Fprintln(w, refer(object))
		}
		return nil
	}
	var texts [][]byte
	for _, object := range objects {
		b, err := o.json(object)
		if err != nil {
			return err
		}
		texts = append(texts, b)
	}
	var whole []byte
	if list || len(texts) != 1 {
		whole = append([]byte(`{"apiVersion":"v1","kind":"List","items":[`), bytes.Join(texts, []byte{','})...)
		whole = append(whole, `],"metadata":{"resourceVersion":""}}`...)
	} else {
		whole = texts[0]
	}
	switch {
	case o.format == "json":
		var b bytes.Buffer
		if err := stdjson.Indent(&b, whole, "", "    "); err != nil {
			return err
		}
		_, err := fmt.Fprintln(w, b.String())
		return err
	case o.format == "yaml":
		b, err := manifest.JSONToYAML(whole)
		if err != nil {
			return err
		}
		_, err = w.Write(b)
		return err
	case strings.HasPrefix(o.format, "jsonpath="):
		return writePath(w, strings.TrimPrefix(o.format, "jsonpath="), whole)
	case strings.HasPrefix(o.format, "jsonpath-as-json="):
		return writePathAsJSON(w, strings.TrimPrefix(o.format, "jsonpath-as-json="), whole)
	case strings.HasPrefix(o.format, "go-template="):
		return writeTemplate(w, strings.TrimPrefix(o.format, "go-template="), whole)
	case strings.HasPrefix(o.format, "custom-columns="):
		return writeColumns(w, strings.TrimPrefix(o.format, "custom-columns="), texts)
	}
	return fmt.Errorf("output %q is not for objects", o.format)
}

func parsePath(text string) (*jsonpath.JSONPath, error) {
	p := jsonpath.New("output").AllowMissingKeys(true)
	if err := p.Parse(relaxed(text)); err != nil {
		return nil, &advice{err: fmt.Errorf("jsonpath %q: %w", text, err), next: "for example: -o jsonpath='{.items[*].metadata.name}'"}
	}
	return p, nil
}

var barePath = regexp.MustCompile(`^\.?[A-Za-z_\[][^{}]*$`)

// relaxed takes a path without braces or leading dot, as people write it.
func relaxed(text string) string {
	if !barePath.MatchString(text) {
		return text
	}
	if text[0] != '.' && text[0] != '[' {
		text = "." + text
	}
	return "{" + text + "}"
}

func writePath(w io.Writer, text string, whole []byte) error {
	p, err := parsePath(text)
	if err != nil {
		return err
	}
	var v any
	if err := json.Unmarshal(whole, &v); err != nil {
		return err
	}
	return p.Execute(w, v)
}

// pathText is what a path finds in an object, as text; empty when there is nothing.
func pathText(p *jsonpath.JSONPath, object []byte) (string, error) {
	var v any
	if err := json.Unmarshal(object, &v); err != nil {
		return "", err
	}
	var b strings.Builder
	if err := p.Execute(&b, v); err != nil {
		return "", err
	}
	return b.String(), nil
}

type column struct {
	heading string
	path    *jsonpath.JSONPath
}

func parseColumns(text string) ([]column, error) {
	var out []column
	for _, part := range strings.Split(text, ",") {
		heading, path, ok := strings.Cut(part, ":")
		if !ok || heading == "" || path == "" {
			return nil, &advice{err: fmt.Errorf("custom column %q is not of the form HEADING:PATH", part), next: "for example: -o custom-columns=NAME:.metadata.name,IMAGE:.spec.containers[0].image"}
		}
		p, err := parsePath(path)
		if err != nil {
			return nil, err
		}
		out = append(out, column{heading, p})
	}
	return out, nil
}

func writeColumns(w io.Writer, text string, objects [][]byte) error {
	columns, err := parseColumns(text)
	if err != nil {
		return err
	}
	var head []string
	for _, c := range columns {
		head = append(head, c.heading)
	}
	rows := [][]string{head}
	for _, o := range objects {
		var row []string
		for _, c := range columns {
			cell, err := pathText(c.path, o)
			if err != nil {
				return err
			}
			if cell == "" {
				cell = "<none>"
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return printers.NewTable(w).Write(rows...)
}
