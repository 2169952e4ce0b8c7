package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

type deleteCommand struct {
	*session
	selection
	dryRun         dryRun
	grace          int64
	now, force     bool
	cascade        string
	ignoreNotFound bool
	wait           bool
	timeout        time.Duration
	format         string
	// quiet is for deletions that are a part of something else.
	quiet bool
}

func newDelete(s *session) *cobra.Command {
	d := &deleteCommand{session: s}
	c := &cobra.Command{
		Use:   "delete (KIND NAME… | KIND/NAME… | KIND -l SELECTOR | KIND --all | -f FILE | -k FOLDER)",
		Short: "Delete objects, and wait until they are gone",
		Long: `Delete objects, and wait until they are gone, and with a Deployment or ReplicaSet its pods. What the deletion of
other things takes along, such as all that is in a namespace, is gone before they are.

--now shortens the grace period to one second; --force removes the object without waiting for its node;
--cascade=orphan leaves dependents behind.`,
		Example: `  kaji delete -f examples/web.yaml
  kaji delete pod web-1 --now
  kaji delete deploy,svc -l app=web --wait=false`,
		ValidArgsFunction: s.completeResources(),
		RunE:              func(c *cobra.Command, args []string) error { return d.run(c, args) },
	}
	d.bindManifests(c, "file, folder or - with the objects to delete")
	d.bindSelectors(c)
	d.dryRun.bind(c)
	f := c.Flags()
	f.BoolVar(&d.all, "all", false, "all objects of the kind in the namespace")
	f.BoolVarP(&d.allNamespaces, "all-namespaces", "A", false, "in all namespaces, with a selector or --all")
	f.Int64Var(&d.grace, "grace-period", -1, "seconds that containers get to end; -1 is what the pod says")
	f.BoolVar(&d.now, "now", false, "same as --grace-period=1")
	f.BoolVar(&d.force, "force", false, "with --grace-period=0: remove the object without waiting for its containers to end")
	f.StringVar(&d.cascade, "cascade", "background", "what becomes of dependents: background, foreground or orphan")
	f.Lookup("cascade").NoOptDefVal = "background"
	f.BoolVar(&d.ignoreNotFound, "ignore-not-found", false, "an object that does not exist is no error")
	f.BoolVar(&d.wait, "wait", true, "wait until the objects are gone")
	f.DurationVar(&d.timeout, "timeout", 0, "how long to wait; 0 is as long as it takes")
	f.StringVarP(&d.format, "output", "o", "", "form of the output: name")
	return c
}

func (d *deleteCommand) check(c *cobra.Command, args []string) error {
	if err := d.dryRun.check(c); err != nil {
		return err
	}
	switch d.cascade {
	case "background", "foreground", "orphan":
	default:
		return usage(c, "--cascade is background, foreground or orphan, not %q", d.cascade)
	}
	if d.now && d.grace >= 0 {
		return usage(c, "give --now or --grace-period, not both")
	}
	if d.now {
		d.grace = 1
	}
	if d.force && d.grace < 0 {
		d.grace = 0
	}
	if d.grace == 0 && !d.force {
		// A pod whose object is gone may run on: only --force says that this is meant.
		d.grace = 1
	}
	if d.format != "" && d.format != "name" {
		return usage(c, "the output of delete is name, not %q", d.format)
	}
	if len(args) == 1 && !strings.Contains(args[0], "/") && !d.byCriteria() && len(d.files) == 0 && d.kustomization == "" {
		return usage(c, "delete which %s? give names, -l SELECTOR or --all", args[0])
	}
	if d.all && (d.label != "" || d.field != "") {
		return usage(c, "give --all or a selector, not both")
	}
	if d.allNamespaces && !d.byCriteria() {
		return usage(c, "--all-namespaces needs a selector or --all")
	}
	return nil
}

func (d *deleteCommand) options() *metav1.DeleteOptions {
	policy := map[string]string{"background": "Background", "foreground": "Foreground", "orphan": "Orphan"}[d.cascade]
	o := &metav1.DeleteOptions{PropagationPolicy: &policy, DryRun: d.dryRun.server()}
	if d.grace >= 0 {
		o.GracePeriodSeconds = proto.Int64(d.grace)
	}
	return o
}

func (d *deleteCommand) run(c *cobra.Command, args []string) error {
	if err := d.check(c, args); err != nil {
		return err
	}
	conn, err := d.connect()
	if err != nil {
		return err
	}
	targets, err := d.targets(d.session, c, args)
	if err != nil {
		return err
	}
	if d.force && d.grace == 0 {
		fmt.Fprintln(d.Err, "Warning: the objects are removed at once; containers may go on running for a while")
	}
	ctx := c.Context()
	var objects []kind.Object
	var errs []error
	for _, t := range targets {
		some, err := d.resolve(ctx, conn, []target{t})
		switch {
		case apierror.IsNotFound(err) && d.ignoreNotFound:
		case err != nil:
			errs = append(errs, err)
		}
		objects = append(objects, some...)
	}
	if len(objects) == 0 && len(errs) == 0 && d.byCriteria() {
		fmt.Fprintln(d.Err, "No resources found")
	}
	waits := d.wait && d.dryRun.note() == ""
	var waiting []kind.Object
	var owners []owner
	for _, o := range objects {
		if waits && d.cascade != "orphan" {
			some, err := ownersOfPods(ctx, conn, o)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			owners = append(owners, some...)
		}
		if err := d.remove(ctx, conn, o); err != nil {
			errs = append(errs, err)
			continue
		}
		waiting = append(waiting, o)
	}
	if waits {
		errs = append(errs, d.awaitGone(ctx, conn, waiting, owners))
	}
	return errors.Join(errs...)
}

func (d *deleteCommand) remove(ctx context.Context, conn *client.Client, o kind.Object) error {
	k, m := kind.Of(o), o.GetMetadata()
	if d.dryRun != "client" {
		// Only the object that was looked at, not one that has taken its name since.
		options := d.options()
		options.Preconditions = &metav1.Preconditions{Uid: proto.String(m.GetUid())}
		err := client.ForKind(conn, k).Delete(ctx, m.GetNamespace(), m.GetName(), options)
		// What went between the look and the call is deleted too: with its owner or its namespace, for one.
		if err != nil && !apierror.IsNotFound(err) {
			return err
		}
	}
	if d.quiet {
		return nil
	}
	if d.format == "name" {
		fmt.Fprintln(d.Out, refer(o))
		return nil
	}
	fmt.Fprintf(d.Out, "%s %q deleted%s%s\n", refer(o)[:strings.Index(refer(o), "/")], m.GetName(), inNamespace(m), d.dryRun.note())
	return nil
}

func inNamespace(m *metav1.ObjectMeta) string {
	if m.GetNamespace() == "" {
		return ""
	}
	return " from " + m.GetNamespace() + " namespace"
}
