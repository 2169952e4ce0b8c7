package node

import (
	"context"
	"time"

	"github.com/hashicorp/go-hclog"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	"kaji.dev/kaji/identity"
)

// renewer replaces the node's certificate on disk before it expires; whoever uses
// it reads it from there.
type renewer struct {
	files identity.Files
	node  string
	api   *client.Client
	log   hclog.Logger
}

// The rhythm of renewal.
const (
	renewLook  = time.Hour
	renewRetry = time.Minute
	renewLimit = 30 * time.Second
)

func (r *renewer) run(ctx context.Context) {
	for {
		wait := min(max(0, time.Until(r.files.RenewAfter())), renewLook)
		if wait == 0 {
			if err := r.renew(ctx); err != nil && ctx.Err() == nil {
				r.log.Warn("cannot renew the node's certificate", "error", err)
			}
			// After a renewal too: by a clock that is months ahead even the new one is old.
			wait = renewRetry
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// renew asks for a new certificate with a new key.
func (r *renewer) renew(ctx context.Context) error {
	csr, key, err := identity.NewCSR(identity.Request{Name: identity.NodeName(r.node), Groups: []string{identity.GroupNodes}})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, renewLimit)
	defer cancel()
	answer, err := apiv1.NewJoinServiceClient(r.api.Conn()).Renew(ctx, &apiv1.RenewRequest{Csr: csr})
	if err != nil {
		return apierror.FromStatus(err)
	}
	if err := r.files.Write(answer.GetCertificatePem(), key); err != nil {
		return err
	}
	r.log.Info("the node's certificate was renewed", "until", r.files.RenewAfter())
	return nil
}
