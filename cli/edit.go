package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/spf13/cobra"

	"kaji.dev/kaji/client"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
)

func newEdit(s *session) *cobra.Command {
	var sel selection
	var subresource string
	c := &cobra.Command{
		Use:               "edit (KIND NAME | KIND/NAME)",
		Short:             "Change an object in your editor",
		Long:              "Change an object in your editor: $KAJI_EDITOR, $EDITOR, or vi. Saving without a change, or an empty file, changes nothing. What the server refuses comes up again, with the reason on top.",
		Example:           "  kaji edit deployment/web\n  kaji edit pod/web-1 --subresource=resize",
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
				if err := edit(c, s, conn, t, subresource); err != nil {
					return err
				}
			}
			return nil
		},
	}
	c.Flags().StringVar(&subresource, "subresource", "", "part to change: status; of pods also resize and ephemeralcontainers")
	return c
}

func edit(c *cobra.Command, s *session, conn *client.Client, t target, subresource string) error {
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
	return editText(c, s, t, original, func(after []byte) error {
		edited, err := edited(t, after)
		if err != nil {
			return err
		}
		if subresource != "" {
			return patchPart(c, conn, t, shown, edited, subresource)
		}
		kind.Metadata(edited).ManagedFields = o.GetMetadata().GetManagedFields()
		_, err = client.ForKind(conn, t.kind).UpdateWith(c.Context(), edited, &metav1.UpdateOptions{FieldManager: fieldManager})
		return err
	})
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

// edited is the object that a text holds: the one that was opened.
func edited(t target, text []byte) (kind.Object, error) {
	docs, err := manifest.Decode(bytes.NewReader(text), "edit", manifest.Options{Strict: true})
	if err != nil {
		return nil, err
	}
	if len(docs) != 1 || docs[0].Kind != t.kind {
		return nil, errors.New("the edit must hold the one object that it began with")
	}
	m := kind.Metadata(docs[0].Object)
	if m.GetName() != t.name || m.GetNamespace() != t.namespace {
		return nil, errors.New("name and namespace cannot be edited")
	}
	return docs[0].Object, nil
}

// patchPart sends what was changed to a sub-resource, for the version that was edited.
func patchPart(c *cobra.Command, conn *client.Client, t target, before, after kind.Object, subresource string) error {
	// The version is in the patch as a condition: without it there would be no difference in it.
	unversioned := clone(before)
	kind.Metadata(unversioned).ResourceVersion = ""
	old, err := manifest.ToJSON(unversioned)
	if err != nil {
		return err
	}
	now, err := manifest.ToJSON(after)
	if err != nil {
		return err
	}
	patch, err := jsonpatch.CreateMergePatch(old, now)
	if err != nil {
		return err
	}
	_, err = client.ForKind(conn, t.kind).PatchWith(c.Context(), &metav1.PatchRequest{
		Namespace: t.namespace, Name: t.name, Type: metav1.PatchType_PATCH_TYPE_MERGE, Patch: patch, Subresource: subresource,
		Options: &metav1.PatchOptions{FieldManager: fieldManager},
	})
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
