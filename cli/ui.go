package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/cli/ui"
	"kaji.dev/kaji/client"
	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

func newUI(s *session) *cobra.Command {
	var everywhere bool
	c := &cobra.Command{
		Use:   "ui [KIND]",
		Short: "Look at the cluster on a live screen",
		Long: `Look at the cluster on a live screen: tables of any kind as "kaji get" shows them, kept up to date, nodes with what is
requested of them, descriptions, manifests and logs.

  ↑↓ pgup pgdown g G   move                    /   filter by any column; esc clears it
  enter, d             describe                :   another kind: KIND [NAMESPACE|all]; tab completes
  y                    manifest                0   all namespaces
  l                    follow the log of a pod n   nodes
  x                    delete, when confirmed  e   events, the newest first
  q, ctrl-c            back, quit              ctrl-l   draw anew

enter on a namespace shows its pods. In a log, f follows its end and c shows the next container.`,
		Example: `  kaji ui
  kaji ui deployments -n shop
  kaji ui events -A`,
		Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: func(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			var out []string
			for _, k := range kind.All() {
				if len(args) == 0 {
					out = append(out, k.Plural())
				}
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			in, okIn := s.In.(*os.File)
			out, okOut := s.Out.(*os.File)
			if !okIn || !okOut || !term.IsTerminal(int(in.Fd())) || !term.IsTerminal(int(out.Fd())) {
				return &advice{err: errors.New("a screen wants a terminal for input and output"), next: "`kaji get -w` follows objects without one"}
			}
			k := kind.Lookup("pods")
			if len(args) == 1 {
				var err error
				if k, err = lookup(args[0]); err != nil {
					return err
				}
			}
			quiet := *s
			quiet.Err = io.Discard // what is written beside the screen spoils it
			conn, err := quiet.connect()
			if err != nil {
				return err
			}
			namespace := quiet.namespace()
			if everywhere {
				namespace = ""
			}
			return ui.Run(c.Context(), ui.Options{Cluster: &screenCluster{s: &quiet, conn: conn}, Kind: k, Namespace: namespace, In: in, Out: out})
		},
	}
	c.Flags().BoolVarP(&everywhere, "all-namespaces", "A", false, "begin with all namespaces")
	return c
}

// screenCluster is the API as the screen sees it.
type screenCluster struct {
	s    *session
	conn *client.Client
}

// Kinds implements ui.Cluster: those that the server has and this program knows.
func (u *screenCluster) Kinds(ctx context.Context) ([]*kind.Kind, error) {
	r, err := apiv1.NewResourceServiceClient(u.conn.Conn()).Discover(ctx, &apiv1.DiscoverRequest{})
	if err != nil {
		return nil, apierror.FromStatus(err)
	}
	var out []*kind.Kind
	for _, k := range r.GetKinds() {
		if known := kind.ByAPIVersionKind(k.GetOptions().GetApiVersion(), k.GetOptions().GetKind()); known != nil {
			out = append(out, known)
		}
	}
	return out, nil
}

// Follow implements ui.Cluster.
func (u *screenCluster) Follow(ctx context.Context, k *kind.Kind, namespace string, listed func([]kind.Object), changed func(metav1.EventType, kind.Object)) error {
	items, revision, err := listAll(ctx, u.conn, k, namespace, &metav1.ListOptions{})
	if err != nil {
		return err
	}
	listed(items)
	w, err := client.ForKind(u.conn, k).Watch(ctx, namespace, &metav1.ListOptions{ResourceVersion: revision})
	if err != nil {
		return err
	}
	defer w.Stop()
	for {
		e, err := w.Recv()
		switch {
		case errors.Is(err, io.EOF), apierror.IsExpired(err):
			return nil
		case err != nil:
			return err
		case e.Type != metav1.EventType_EVENT_TYPE_BOOKMARK:
			changed(e.Type, e.Object)
		}
	}
}

// object reads an object, if it is still that one.
func (u *screenCluster) object(ctx context.Context, ref ui.Ref) (kind.Object, error) {
	o, err := client.ForKind(u.conn, ref.Kind).Get(ctx, ref.Namespace, ref.Name)
	if err == nil && o.GetMetadata().GetUid() != ref.UID {
		err = apierror.NotFound(ref.Kind.String(), ref.Namespace, ref.Name)
	}
	return o, err
}

// Describe implements ui.Cluster.
func (u *screenCluster) Describe(ctx context.Context, ref ui.Ref) (string, error) {
	o, err := u.object(ctx, ref)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	s := *u.s
	s.Out = &b
	err = describe(ctx, &s, u.conn, o, true)
	return b.String(), err
}

// YAML implements ui.Cluster.
func (u *screenCluster) YAML(ctx context.Context, ref ui.Ref) (string, error) {
	o, err := u.object(ctx, ref)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	err = (&output{format: "yaml"}).write(&b, []kind.Object{o}, false)
	return b.String(), err
}

// screenTail is how many lines of a log the screen begins with.
const screenTail = 500

// Logs implements ui.Cluster.
func (u *screenCluster) Logs(ctx context.Context, ref ui.Ref, container string, write func(string)) error {
	pod := &corev1.Pod{Metadata: &metav1.ObjectMeta{Namespace: ref.Namespace, Name: ref.Name}}
	return printLog(ctx, u.conn, source{pod, container}, &corev1.PodLogOptions{Follow: true, TailLines: proto.Int64(screenTail)}, textWriter(write))
}

// textWriter writes text to a function.
type textWriter func(string)

func (w textWriter) Write(b []byte) (int, error) {
	w(string(b))
	return len(b), nil
}

func (w textWriter) Close() error { return nil }

// Delete implements ui.Cluster.
func (u *screenCluster) Delete(ctx context.Context, ref ui.Ref) error {
	policy := "Background"
	return client.ForKind(u.conn, ref.Kind).Delete(ctx, ref.Namespace, ref.Name,
		&metav1.DeleteOptions{PropagationPolicy: &policy, Preconditions: &metav1.Preconditions{Uid: &ref.UID}})
}
