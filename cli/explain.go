package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/reflect/protoreflect"

	"kaji.dev/kaji/cli/apidoc"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/similar"
)

// explainWidth is how wide descriptions are.
const explainWidth = 80

func newExplain(s *session) *cobra.Command {
	var recursive bool
	c := &cobra.Command{
		Use:     "explain KIND[.FIELD…]",
		Short:   "Say what a kind or a field is",
		Long:    "Say what a kind or a field is, and which fields it has. It asks no server.",
		Example: "  kaji explain pods\n  kaji explain deployment.spec.strategy\n  kaji explain pod.spec.containers --recursive",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage(c, "what? one KIND or KIND.FIELD")
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return completeField(word), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		},
		RunE: func(_ *cobra.Command, args []string) error {
			k, path, err := splitField(args[0])
			if err != nil {
				return err
			}
			m, field, err := follow(k, path)
			if err != nil {
				return err
			}
			writeExplanation(s.Out, k, m, field, recursive)
			return nil
		},
	}
	c.Flags().BoolVar(&recursive, "recursive", false, "the fields of the fields too, without descriptions")
	return c
}

// splitField splits KIND.FIELD.FIELD; the kind may have its group: deployments.apps.spec.
func splitField(text string) (*kind.Kind, []string, error) {
	parts := strings.Split(strings.Trim(text, "."), ".")
	for n := len(parts); n > 0; n-- {
		if k := kind.Lookup(strings.Join(parts[:n], ".")); k != nil {
			return k, parts[n:], nil
		}
	}
	_, err := lookup(parts[0])
	return nil, nil, err
}

// follow finds what a path leads to: the message there, if it is one, and the field, if the path has any.
func follow(k *kind.Kind, path []string) (protoreflect.MessageDescriptor, *apidoc.Field, error) {
	m := k.New().ProtoReflect().Descriptor()
	var field *apidoc.Field
	at := strings.ToLower(k.Name())
	for _, name := range path {
		// As in a path into an object: containers[0], containers[*].
		name, _, _ = strings.Cut(name, "[")
		f, ok := apidoc.Find(m, name)
		if !ok {
			return nil, nil, noField(m, at, name)
		}
		field, m = &f, f.Message()
		at += "." + name
	}
	return m, field, nil
}

func noField(m protoreflect.MessageDescriptor, at, name string) error {
	var names []string
	for _, f := range apidoc.Fields(m) {
		names = append(names, f.Name)
	}
	next := fmt.Sprintf("`kaji explain %s` lists its fields", at)
	if len(names) == 0 {
		next = "it is a plain value"
	} else if best := similar.Best(name, names); best != "" {
		next = fmt.Sprintf("did you mean %q?", best)
	}
	return &advice{err: fmt.Errorf("%s has no field %q", at, name), next: next}
}

func writeExplanation(w io.Writer, k *kind.Kind, m protoreflect.MessageDescriptor, field *apidoc.Field, recursive bool) {
	fmt.Fprintf(w, "KIND:       %s\nVERSION:    %s\n\n", k.Name(), k.APIVersion())
	var text string
	if field != nil {
		fmt.Fprintf(w, "FIELD: %s <%s>\n\n", field.Name, field.Type())
		text = field.Text()
	}
	if m != nil {
		if about := apidoc.Comment(m.FullName()); about != text {
			text = strings.TrimSpace(text + "\n\n" + about)
		}
	}
	fmt.Fprintf(w, "DESCRIPTION:\n%s", wrap(text, "    "))
	fields := apidoc.Fields(m)
	if len(fields) == 0 {
		return
	}
	fmt.Fprintln(w, "\nFIELDS:")
	if recursive {
		writeFields(w, m, "  ", nil)
		return
	}
	if field == nil {
		fmt.Fprint(w, "  apiVersion\t<string>\n", wrap("Version of the API that the manifest is written for: "+k.APIVersion()+".", "    "),
			"\n  kind\t<string>\n", wrap("What the object is: "+k.Name()+".", "    "), "\n")
	}
	for i, f := range fields {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "  %s\t<%s>\n%s", f.Name, f.Type(), wrap(f.Text(), "    "))
	}
}

// writeFields writes fields and theirs; one that holds itself is not followed again.
func writeFields(w io.Writer, m protoreflect.MessageDescriptor, indent string, above []protoreflect.FullName) {
	if m == nil || slices.Contains(above, m.FullName()) {
		return
	}
	above = append(slices.Clone(above), m.FullName())
	for _, f := range apidoc.Fields(m) {
		fmt.Fprintf(w, "%s%s\t<%s>\n", indent, f.Name, f.Type())
		writeFields(w, f.Message(), indent+"  ", above)
	}
}

// wrap breaks a text into lines; an empty line and one that begins with a sign or space begin anew.
func wrap(text, indent string) string {
	var b strings.Builder
	width := 0
	end := func() {
		if width > 0 {
			b.WriteByte('\n')
			width = 0
		}
	}
	for _, line := range strings.Split(text, "\n") {
		if line == "" {
			end()
			b.WriteByte('\n')
			continue
		}
		if strings.ContainsAny(line[:1], "-* \t") {
			end()
		}
		for _, w := range strings.Fields(line) {
			n := len([]rune(w))
			if width > 0 && width+1+n > explainWidth {
				end()
			}
			if width == 0 {
				b.WriteString(indent)
				width = len(indent)
			} else {
				b.WriteByte(' ')
				width++
			}
			b.WriteString(w)
			width += n
		}
	}
	end()
	return b.String()
}

// completeField completes a kind, or a field behind it.
func completeField(word string) []string {
	var out []string
	dot := strings.LastIndex(word, ".")
	if dot < 0 {
		for _, k := range kind.All() {
			if strings.HasPrefix(k.Plural(), word) {
				out = append(out, k.Plural())
			}
		}
		return out
	}
	k, path, err := splitField(word[:dot])
	if err != nil {
		return nil
	}
	m, _, err := follow(k, path)
	if err != nil {
		return nil
	}
	for _, f := range apidoc.Fields(m) {
		if strings.HasPrefix(f.Name, word[dot+1:]) {
			out = append(out, word[:dot+1]+f.Name)
		}
	}
	return out
}
