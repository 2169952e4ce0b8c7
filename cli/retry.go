package cli

import (
	"context"
	"math/rand/v2"
	"time"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

// pause waits before the n-th try: 50 ms, doubling to 2 s, with jitter. Its error is ctx's.
func pause(ctx context.Context, n int) error {
	d := min(50*time.Millisecond<<min(n, 6), 2*time.Second)
	d = d/2 + rand.N(d/2+1)
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// tryUpdate reads an object, changes a copy and writes it, again when someone else was faster. change returns
// false when there is nothing to do; then the object is returned as it was read. A dry run is the server's, or sends nothing.
func tryUpdate(ctx context.Context, c *client.Client, t target, dry dryRun, change func(kind.Object) (bool, error)) (kind.Object, error) {
	for try := 1; ; try++ {
		have, err := get(ctx, c, t)
		if err != nil {
			return nil, err
		}
		o := clone(have)
		changed, err := change(o)
		if err != nil || !changed {
			return have, err
		}
		if dry == "client" {
			return o, nil
		}
		out, err := client.ForKind(c, t.kind).UpdateWith(ctx, o, &metav1.UpdateOptions{FieldManager: fieldManager, DryRun: dry.server()})
		if !apierror.IsConflict(err) || try == maxTries {
			return out, err
		}
		if err := pause(ctx, try); err != nil {
			return nil, err
		}
	}
}

// maxTries bounds how often a write that lost a race is tried.
const maxTries = 8

func clone(o kind.Object) kind.Object { return proto.Clone(o).(kind.Object) }
