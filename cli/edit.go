package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/client"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
)

func newEdit(s *session) *cobra.Command {
	var sel selection
	c := &cobra.Command{
		Use:               "edit (KIND NAME | KIND/NAME)",
		Short:             "Change an object in your editor",
		Long:              "Change an object in your editor: $KAJI_EDITOR, $EDITOR, or vi. Saving without a change, or an empty file, changes nothing. What the server refuses comes up again, with the reason on top.",
		Example:           "  kaji edit deployment/web",
		ValidArgsFunction: s.completeResources(),
		RunE: func(c *cobra.Command, args []string) error {
			conn, err := s.connect()
			if err != nil {
				return err
			}
			targets, err := sel.targets(s, c, args)
			if err != nil {
				return err
			}
			for _, t := range targets {
				if t.name == "" {
					return usage(c, "edit which %s? give a name", t.kind.Plural())
				}
				if err := edit(c, s, conn, t); err != nil {
					return err
				}
			}
			return nil
		},
	}
	return c
}

func edit(c *cobra.Command, s *session, conn *client.Client, t target) error {
	o, err := get(c.Context(), conn, t)
	if err != nil {
		return err
	}
	shown := clone(o)
	kind.Metadata(shown).ManagedFields = nil
	original, err := manifest.ToYAML(shown)
	if err != nil {
		return err
	}
	return editText(c, s, t, original, func(after []byte) error { return put(c, conn, t, o, after) })
}

// editText opens a text in the editor until save takes it, or it comes back as it was.
func editText(c *cobra.Command, s *session, t target, original []byte, save func([]byte) error) error {
	text, problem := original, error(nil)
	for {
		after, err := openEditor(c, t, problem, text)
		if err != nil {
			return err
		}
		after = withoutComments(after)
		if len(bytes.TrimSpace(after)) == 0 || bytes.Equal(after, original) || problem != nil && bytes.Equal(after, text) {
			if problem != nil {
				return problem
			}
			fmt.Fprintf(s.Err, "Edit of %s cancelled: nothing changed\n", t)
			return nil
		}
		if problem = save(after); problem == nil {
			fmt.Fprintf(s.Out, "%s edited\n", t)
			return nil
		}
		text = after
	}
}

// put writes the edited object, if it is still the version that was edited.
func put(c *cobra.Command, conn *client.Client, t target, old kind.Object, text []byte) error {
	docs, err := manifest.Decode(bytes.NewReader(text), "edit", manifest.Options{Strict: true})
	if err != nil {
		return err
	}
	if len(docs) != 1 || docs[0].Kind != t.kind {
		return errors.New("the edit must hold the one object that it began with")
	}
	m := kind.Metadata(docs[0].Object)
	if m.GetName() != t.name || m.GetNamespace() != t.namespace {
		return errors.New("name and namespace cannot be edited")
	}
	m.ManagedFields = old.GetMetadata().GetManagedFields()
	_, err = client.ForKind(conn, t.kind).UpdateWith(c.Context(), docs[0].Object, &metav1.UpdateOptions{FieldManager: fieldManager})
	return err
}

func openEditor(c *cobra.Command, t target, problem error, text []byte) ([]byte, error) {
	editor := os.Getenv("KAJI_EDITOR")
	if editor == "" {
		editor = os.Getenv("EDITOR")
	}
	if editor == "" {
		editor = "vi"
	}
	f, err := os.CreateTemp("", "kaji-edit-*.yaml") // mode 0600: it may be a secret
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	var head strings.Builder
	fmt.Fprintf(&head, "# Edit %s. Lines that begin with # are left out; an empty file changes nothing.\n", t)
	if problem != nil {
		head.WriteString("#\n# It was refused:\n# " + strings.ReplaceAll(message(problem), "\n", "\n# ") + "\n")
	}
	_, err = f.Write(append([]byte(head.String()), text...))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	// The editor may be a command with arguments, as git takes it.
	run := exec.CommandContext(c.Context(), "sh", "-c", editor+` "$1"`, "sh", f.Name())
	run.Stdin, run.Stdout, run.Stderr = c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr()
	if err := run.Run(); err != nil {
		return nil, &advice{err: fmt.Errorf("editor %q: %w", editor, err), next: "$EDITOR names another"}
	}
	return os.ReadFile(f.Name())
}

// withoutComments drops the lines of the head.
func withoutComments(text []byte) []byte {
	for bytes.HasPrefix(text, []byte("#")) {
		end := bytes.IndexByte(text, '\n')
		if end < 0 {
			return nil
		}
		text = text[end+1:]
	}
	return text
}
