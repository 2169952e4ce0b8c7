package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/client"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

type createCommand struct {
	*session
	selection
	output
	dryRun dryRun
}

func newCreate(s *session) *cobra.Command {
	cr := &createCommand{session: s}
	c := &cobra.Command{
		Use:   "create (-f (FILE | FOLDER | -) | -k FOLDER)",
		Short: "Create objects from manifests, or by flags",
		Long: `Create objects from manifests. One that exists already is an error; "kaji apply" changes it.
The commands below make one object each without a manifest; --dry-run=client -o yaml shows what they would make.`,
		Example: `  kaji create -f pod.yaml
  kaji create namespace shop
  kaji create deployment web --image=registry.local/web:1 --replicas=3 --port=8080
  kaji create job migrate --image=registry.local/shop:1 -- ./migrate
  kaji create configmap settings --from-literal=colour=blue --from-file=app.conf
  kaji create deployment web --image=registry.local/web:1 --dry-run=client -o yaml > web.yaml`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(c, "%q cannot be created by flags; write a manifest and give it with -f", args[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			if err := cr.needManifests(c); err != nil {
				return err
			}
			return cr.run(c)
		},
	}
	cr.bindManifests(c, "file, folder or - with manifests")
	cr.dryRun.bind(c)
	cr.output.bind(c, objectFormats...)
	c.AddCommand(newCreateNamespace(s), newCreateDeployment(s), newCreateJob(s), newCreateCronJob(s), newCreateConfigMap(s), newCreateSecret(s),
		newCreateServiceAccount(s), newCreateService(s), newCreateIngress(s), newCreatePodDisruptionBudget(s), newCreatePriorityClass(s), newCreateQuota(s),
		newCreateRole(s), newCreateClusterRole(s), newCreateRoleBinding(s), newCreateClusterRoleBinding(s))
	return c
}

func (cr *createCommand) run(c *cobra.Command) error {
	if err := errors.Join(cr.check(c), cr.dryRun.check(c)); err != nil {
		return err
	}
	conn, err := cr.connect()
	if err != nil {
		return err
	}
	targets, err := cr.targets(cr.session, c, nil)
	if err != nil {
		return err
	}
	var errs []error
	var objects []kind.Object
	for _, t := range targets {
		o, err := cr.create(c.Context(), conn, t.kind, t.doc.Object)
		if err != nil {
			errs = append(errs, wrapDocument(t, err))
			continue
		}
		objects = append(objects, o)
		if cr.format == "" {
			fmt.Fprintf(cr.Out, "%s created%s\n", refer(o), cr.dryRun.note())
		}
	}
	if cr.format != "" && len(objects) > 0 {
		errs = append(errs, cr.write(cr.Out, objects, len(targets) > 1))
	}
	return errors.Join(errs...)
}

func (cr *createCommand) create(ctx context.Context, conn *client.Client, k *kind.Kind, o kind.Object) (kind.Object, error) {
	if cr.dryRun == "client" {
		return o, nil
	}
	return client.ForKind(conn, k).CreateWith(ctx, o, &metav1.CreateOptions{DryRun: cr.dryRun.server(), FieldManager: fieldManager})
}
