package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/cli/archive"
	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/kind"
)

// place is one end of a copy: a path here, or one in a pod.
type place struct {
	namespace, pod, path string
}

type cpCommand struct {
	*session
	container string
}

func newCp(s *session) *cobra.Command {
	cp := &cpCommand{session: s}
	c := &cobra.Command{
		Use:   "cp SOURCE TARGET",
		Short: "Copy files into a container, or out of one",
		Long: `Copy files and folders into a container, or out of one; a path in a container is POD:PATH or NAMESPACE/POD:PATH. The
container must have tar. Links that lead out of the target folder are left out, with a warning.`,
		Example: `  kaji cp site/ web-1:/srv/site
  kaji cp web-1:/var/log/web.log web.log
  kaji cp shop/db-1:/dump ./dump -c main`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: cp.complete,
		RunE:              func(c *cobra.Command, args []string) error { return cp.run(c, args[0], args[1]) },
	}
	c.Flags().StringVarP(&cp.container, "container", "c", "", "container; the only or first one when not given")
	return c
}

func (cp *cpCommand) run(c *cobra.Command, source, destination string) error {
	conn, err := cp.connect()
	if err != nil {
		return err
	}
	from, err := cp.place(c, source)
	if err != nil {
		return err
	}
	to, err := cp.place(c, destination)
	if err != nil {
		return err
	}
	switch {
	case from.pod != "" && to.pod != "":
		return usage(c, "one of the two must be here: copy it here first")
	case from.pod != "":
		return cp.download(c.Context(), conn, from, to.path)
	case to.pod != "":
		return cp.upload(c.Context(), conn, from.path, to)
	}
	return usage(c, "neither is in a pod: one of the two is POD:PATH")
}

// complete offers pods beside the files here.
func (cp *cpCommand) complete(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 1 || strings.ContainsAny(word, "/:.") {
		return nil, cobra.ShellCompDirectiveDefault
	}
	names, _ := cp.completeNames(c.Context(), "pods", word)
	for i := range names {
		names[i] += ":"
	}
	return names, cobra.ShellCompDirectiveNoSpace
}

// place reads one end. What begins with / or . is a path here, even with a colon in it.
func (cp *cpCommand) place(c *cobra.Command, text string) (place, error) {
	where, file, remote := strings.Cut(text, ":")
	if !remote || strings.HasPrefix(text, "/") || strings.HasPrefix(text, ".") {
		if text == "" {
			return place{}, usage(c, "a path is empty")
		}
		return place{path: text}, nil
	}
	p := place{namespace: cp.namespace(), pod: where, path: file}
	if namespace, pod, ok := strings.Cut(where, "/"); ok {
		p.namespace, p.pod = namespace, pod
	}
	if p.namespace == "" || p.pod == "" || p.path == "" || strings.Contains(p.pod, "/") {
		return place{}, usage(c, "%q is not of the form POD:PATH or NAMESPACE/POD:PATH", text)
	}
	return p, nil
}

// exec runs a command in the container of a place; what it writes to its error stream is part of the error.
func (cp *cpCommand) exec(ctx context.Context, conn *client.Client, at place, in io.Reader, out io.Writer, command ...string) error {
	o, err := get(ctx, conn, target{kind: kind.Lookup("pods"), namespace: at.namespace, name: at.pod})
	if err != nil {
		return err
	}
	container, err := containerOf(cp.session, o.(*corev1.Pod), cp.container)
	if err != nil {
		return err
	}
	cp.container = container
	var said bytes.Buffer
	inner := *cp.session
	inner.In, inner.Out, inner.Err = in, out, &said
	e := &execution{s: &inner, stdin: in != nil}
	err = e.run(ctx, conn, &corev1.PodExecStart{
		Namespace: at.namespace, Name: at.pod,
		Options: &corev1.PodExecOptions{Stdin: in != nil, Stdout: true, Stderr: true, Container: container, Command: command},
	})
	var exit *ExitError
	var failed *exitMessage
	switch {
	case errors.As(err, &exit):
		return &commandFailed{pod: at.pod, command: command[0], code: exit.Code, text: strings.TrimSpace(said.String())}
	case errors.As(err, &failed):
		return &advice{err: fmt.Errorf("%s in %s: %s", command[0], at.pod, failed.text), next: "the container must have test and tar"}
	}
	return err
}

// commandFailed is a command in the container that ended with a status other than 0.
type commandFailed struct {
	pod, command, text string
	code               int
}

func (f *commandFailed) Error() string {
	text := f.text
	if text == "" {
		text = fmt.Sprintf("exit status %d", f.code)
	}
	return fmt.Sprintf("%s in %s: %s", f.command, f.pod, text)
}

// upload packs a file or folder here and unpacks it there. As with cp, a target that is a folder there takes the
// source into it by its own name.
func (cp *cpCommand) upload(ctx context.Context, conn *client.Client, from string, to place) error {
	if _, err := os.Lstat(from); err != nil {
		return err
	}
	dir, name := path.Split(path.Clean(to.path))
	err := cp.exec(ctx, conn, to, nil, io.Discard, "test", "-d", to.path)
	var no *commandFailed
	switch {
	case err == nil:
		whole, err := filepath.Abs(from)
		if err != nil {
			return err
		}
		dir, name = to.path, filepath.Base(whole)
	case !errors.As(err, &no) || no.code != 1:
		return err
	case strings.HasSuffix(to.path, "/") || name == "." || name == "..":
		return fmt.Errorf("there is no folder %s in %s", to.path, to.pod)
	}
	if dir == "" {
		dir = "."
	}
	reader, writer := io.Pipe()
	packed := make(chan error, 1)
	go func() {
		err := archive.Pack(writer, from, name)
		writer.CloseWithError(err)
		packed <- err
	}()
	err = cp.exec(ctx, conn, to, reader, io.Discard, "tar", "-xmf", "-", "-C", dir)
	reader.CloseWithError(io.ErrClosedPipe) // the packer ends, even when nobody reads on
	if packErr := <-packed; packErr != nil && !errors.Is(packErr, io.ErrClosedPipe) {
		return packErr
	}
	return err
}

// download packs there and unpacks here.
func (cp *cpCommand) download(ctx context.Context, conn *client.Client, from place, to string) error {
	dir, name := path.Split(path.Clean(from.path))
	if name == "" || name == "." || name == ".." {
		return fmt.Errorf("%s: name the file or folder itself", from.path)
	}
	if dir == "" {
		dir = "."
	}
	if info, err := os.Stat(to); err == nil && info.IsDir() {
		to = filepath.Join(to, name)
	}
	reader, writer := io.Pipe()
	unpacked := make(chan error, 1)
	go func() {
		err := archive.Unpack(reader, to, name, func(text string) { fmt.Fprintln(cp.Err, "Warning:", text) })
		if errors.Is(err, archive.ErrEmpty) {
			_, _ = io.Copy(io.Discard, reader) // tar there will say why
		}
		reader.CloseWithError(err)
		unpacked <- err
	}()
	err := cp.exec(ctx, conn, from, nil, writer, "tar", "-cf", "-", "-C", dir, name)
	writer.CloseWithError(err)
	unpackErr := <-unpacked
	if err != nil && !errors.Is(err, unpackErr) {
		return err
	}
	return unpackErr
}
