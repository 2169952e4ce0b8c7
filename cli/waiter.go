package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/util/jsonpath"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
)

// waiter knows what is waited for.
type waiter struct {
	text    string
	removal bool
	exists  bool
	met     func(kind.Object) (bool, error)
	// once is set when there is no time to wait.
	once bool
}

func (w *waiter) run(ctx context.Context, s *session, conn *client.Client, sel *selection, targets []target, timeout time.Duration) error {
	w.once = timeout == 0
	limited := ctx
	if timeout > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	var errs []error
	for _, t := range targets {
		one := []target{t}
		if t.name == "" {
			objects, err := sel.resolve(ctx, conn, one)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			if len(objects) == 0 && !w.removal {
				errs = append(errs, fmt.Errorf("no %s match", t.kind.Plural()))
				continue
			}
			one = nil
			for _, o := range objects {
				one = append(one, targetOf(o))
			}
		}
		for _, t := range one {
			errs = append(errs, w.await(limited, s, conn, t))
		}
	}
	return errors.Join(errs...)
}

// await waits for one object and says so.
func (w *waiter) await(ctx context.Context, s *session, conn *client.Client, t target) error {
	done, err := w.until(ctx, conn, t)
	switch {
	case done && err == nil:
		fmt.Fprintf(s.Out, "%s %s\n", t, w.text)
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded), w.once && err == nil:
		return &advice{err: fmt.Errorf("timed out waiting for %s", t), next: fmt.Sprintf("`kaji describe %s` shows where it stands", t)}
	case err == nil:
		return ctx.Err()
	}
	return err
}

func (w *waiter) until(ctx context.Context, conn *client.Client, t target) (bool, error) {
	if w.once {
		return w.look(ctx, conn, t)
	}
	if w.removal {
		o, err := client.ForKind(conn, t.kind).Get(ctx, t.namespace, t.name)
		if apierror.IsNotFound(err) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		left := map[string]string{t.name: o.GetMetadata().GetUid()}
		err = awaitNames(ctx, conn, t.kind, t.namespace, left)
		return len(left) == 0, err
	}
	if !w.exists {
		if _, err := get(ctx, conn, t); err != nil {
			return false, err
		}
	}
	return w.awaitMet(ctx, conn, t)
}

// look says whether what is waited for is so already.
func (w *waiter) look(ctx context.Context, conn *client.Client, t target) (bool, error) {
	o, err := client.ForKind(conn, t.kind).Get(ctx, t.namespace, t.name)
	switch {
	case w.removal || w.exists && apierror.IsNotFound(err):
		if apierror.IsNotFound(err) {
			return w.removal, nil
		}
		return false, err
	case err != nil:
		return false, err
	}
	return w.met(o)
}

func (w *waiter) awaitMet(ctx context.Context, conn *client.Client, t target) (bool, error) {
	met := false
	look := func(o kind.Object) (bool, error) {
		var err error
		met, err = w.met(o)
		return met, err
	}
	options := &metav1.ListOptions{FieldSelector: "metadata.name=" + t.name}
	gone := fmt.Errorf("%s was deleted meanwhile", t)
	err := listThenWatch(ctx, conn, t.kind, t.namespace, options, func(items []kind.Object) (bool, error) {
		if len(items) == 0 {
			if w.exists {
				return false, nil
			}
			return false, gone
		}
		return look(items[0])
	}, func(e metav1.EventType, o kind.Object) (bool, error) {
		if e == metav1.EventType_EVENT_TYPE_DELETED {
			return false, gone
		}
		return look(o)
	})
	return met, err
}

func hasCondition(o kind.Object, name, status string) (bool, error) {
	b, err := manifest.ToJSON(o)
	if err != nil {
		return false, err
	}
	var v struct {
		Metadata struct {
			Generation int64 `json:"generation"`
		} `json:"metadata"`
		Status struct {
			ObservedGeneration *int64 `json:"observedGeneration"`
			Conditions         []struct {
				Type               string `json:"type"`
				Status             string `json:"status"`
				ObservedGeneration *int64 `json:"observedGeneration"`
			} `json:"conditions"`
		} `json:"status"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return false, err
	}
	for _, c := range v.Status.Conditions {
		if !strings.EqualFold(c.Type, name) {
			continue
		}
		seen := c.ObservedGeneration
		if seen == nil {
			seen = v.Status.ObservedGeneration
		}
		if seen != nil && *seen < v.Metadata.Generation {
			return false, nil // said of an older spec
		}
		return strings.EqualFold(c.Status, status), nil
	}
	return false, nil
}

func atPath(o kind.Object, p *jsonpath.JSONPath, want string, compare bool) (bool, error) {
	b, err := manifest.ToJSON(o)
	if err != nil {
		return false, err
	}
	got, err := pathText(p, b)
	if err != nil {
		return false, err
	}
	if compare {
		return got == want, nil
	}
	return got != "", nil
}
