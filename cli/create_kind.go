package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

// newCreateKind finishes a command that makes one object from flags instead of a manifest: the first argument is
// its name, build gets the metadata and the arguments after it.
func newCreateKind(s *session, c *cobra.Command, build func(c *cobra.Command, m *metav1.ObjectMeta, args []string) (kind.Object, error)) *cobra.Command {
	return newCreateThen(s, c, build, func(cr *createCommand, _ *cobra.Command, _ *client.Client, o kind.Object) error { return cr.created(o) })
}

// newCreateThen is newCreateKind with something else to do with what was made than to show it.
func newCreateThen(s *session, c *cobra.Command, build func(c *cobra.Command, m *metav1.ObjectMeta, args []string) (kind.Object, error),
	then func(*createCommand, *cobra.Command, *client.Client, kind.Object) error) *cobra.Command {
	cr := &createCommand{session: s}
	c.ValidArgsFunction = cobra.NoFileCompletions
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := errors.Join(cr.check(c), cr.dryRun.check(c)); err != nil {
			return err
		}
		conn, err := s.connect()
		if err != nil {
			return err
		}
		o, err := build(c, &metav1.ObjectMeta{Name: args[0], Namespace: s.namespace()}, args[1:])
		if err != nil {
			return err
		}
		if o, err = cr.create(c.Context(), conn, kind.Of(o), o); err != nil {
			return err
		}
		return then(cr, c, conn, o)
	}
	cr.dryRun.bind(c)
	cr.output.bind(c, objectFormats...)
	return c
}

// created shows an object that was made.
func (cr *createCommand) created(o kind.Object) error {
	if cr.format != "" {
		return cr.write(cr.Out, []kind.Object{o}, false)
	}
	fmt.Fprintf(cr.Out, "%s created%s\n", refer(o), cr.dryRun.note())
	return nil
}

// nameThenCommand takes one name, and a command after --.
func nameThenCommand(c *cobra.Command, args []string) error {
	names := len(args)
	if dash := c.ArgsLenAtDash(); dash >= 0 {
		names = dash
	}
	if names != 1 {
		return usage(c, "give one name, and a command only after --")
	}
	return nil
}

// imageName is what a container of an image is called: registry.local/team/web:2 is web.
func imageName(image string) string {
	image, _, _ = strings.Cut(image, "@")
	image = image[strings.LastIndex(image, "/")+1:]
	image, _, _ = strings.Cut(image, ":")
	return strings.Trim(strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(image)), "-")
}

// parsePort reads the number of a port.
func parsePort(c *cobra.Command, text string) (int32, error) {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return 0, usage(c, "port %q is not a number from 1 to 65535", text)
	}
	return int32(n), nil
}

// parseTarget reads a target port: a number, or the name that a container gives it.
func parseTarget(c *cobra.Command, text string) (*metav1.IntOrString, error) {
	if text == "" {
		return nil, usage(c, "a target port is a number or a name")
	}
	if text[0] < '0' || text[0] > '9' {
		return &metav1.IntOrString{Type: 1, StrVal: text}, nil
	}
	n, err := parsePort(c, text)
	return &metav1.IntOrString{IntVal: n}, err
}

// parseEnv reads NAME=VALUE words.
func parseEnv(c *cobra.Command, words []string) ([]*corev1.EnvVar, error) {
	var out []*corev1.EnvVar
	for _, word := range words {
		name, value, ok := strings.Cut(word, "=")
		if !ok || name == "" {
			return nil, usage(c, "%q is not of the form NAME=VALUE", word)
		}
		out = append(out, &corev1.EnvVar{Name: name, Value: value})
	}
	return out, nil
}
