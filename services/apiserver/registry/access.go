package registry

import (
	"context"
	"time"

	"kaji.dev/kaji/apierror"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/services/apiserver/authz"
)

// authorize asks the authorizer about the caller of ctx.
func (r *resource) authorize(ctx context.Context, a authz.Attributes) error {
	who, ok := identity.FromContext(ctx)
	if !ok || who.Name == "" {
		return apierror.Unauthenticated("the caller proved no identity")
	}
	a.Identity, a.Kind = who, r.kind.Stored()
	return r.cfg.Authorizer.Authorize(ctx, a)
}

func caller(ctx context.Context) identity.Identity {
	who, _ := identity.FromContext(ctx)
	return who
}

// record writes the line that tells of a write, done or refused.
func (r *resource) record(ctx context.Context, start time.Time, verb, subresource, namespace, name string, dry bool, res *result, err error) {
	quiet := err == nil && routine(r.kind.String(), subresource)
	if quiet && !r.audit.IsDebug() {
		return
	}
	resource := r.kind.String()
	if subresource != "" {
		resource += "/" + subresource
	}
	args := []any{
		"verb", verb, "kind", resource, "namespace", namespace, "name", name, "identity", caller(ctx).String(),
		"code", apierror.Code(err).String(), "duration", time.Since(start),
	}
	if res != nil {
		args = append(args, "revision", res.revision)
	}
	if dry {
		args = append(args, "dry_run", true)
	}
	if err != nil {
		args = append(args, "error", told(r.kind.String(), err))
	}
	if quiet {
		r.audit.Debug("write", args...)
		return
	}
	r.audit.Info("write", args...)
}

// routine says whether writes of this sort are the system's heartbeat, too many to be told of one by one.
func routine(kind, subresource string) bool {
	switch kind {
	case "leases.coordination.k8s.io", "events.core":
		return true
	}
	return subresource == "status"
}

// dryRun reads the dryRun option: nothing, or "All".
func dryRun(o interface{ GetDryRun() []string }) (bool, error) {
	for _, v := range o.GetDryRun() {
		if v != "All" {
			return false, apierror.BadRequest("dryRun is "+v, apierror.FieldViolation{
				Field: "options.dryRun", Description: `supported value: "All"`, Reason: "FieldValueNotSupported"})
		}
	}
	return len(o.GetDryRun()) > 0, nil
}

var (
	_ interface{ GetDryRun() []string } = (*metav1.CreateOptions)(nil)
	_ interface{ GetDryRun() []string } = (*metav1.ApplyOptions)(nil)
	_ interface{ GetDryRun() []string } = (*metav1.UpdateOptions)(nil)
	_ interface{ GetDryRun() []string } = (*metav1.PatchOptions)(nil)
	_ interface{ GetDryRun() []string } = (*metav1.DeleteOptions)(nil)
)
