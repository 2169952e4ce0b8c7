package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/util/jsonpath"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
)

func newWait(s *session) *cobra.Command {
	var sel selection
	var condition string
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "wait (KIND NAME… | KIND/NAME… | KIND -l SELECTOR | -f FILE) --for=CONDITION",
		Short: "Wait until something is true of objects",
		Long: `Wait until something is true of objects: condition=NAME or condition=NAME=STATUS, jsonpath='{.path}' or
jsonpath='{.path}'=VALUE, create, or delete. The exit status is 1 when the timeout passes.`,
		Example: `  kaji wait pod -l app=web --for=condition=Ready --timeout=60s
  kaji wait deployment/web --for=condition=Available
  kaji wait pod/web-1 --for=delete
  kaji wait pod/web-1 --for=jsonpath='{.status.phase}'=Running`,
		ValidArgsFunction: s.completeResources(),
		RunE: func(c *cobra.Command, args []string) error {
			w, err := parseWait(c, condition)
			if err != nil {
				return err
			}
			conn, err := s.connect()
			if err != nil {
				return err
			}
			targets, err := sel.targets(s, c, args)
			if err != nil {
				return err
			}
			for _, t := range targets {
				if t.name == "" && !sel.byCriteria() {
					return usage(c, "wait for which %s? give names, -l SELECTOR or --all", t.kind.Plural())
				}
			}
			return w.run(c.Context(), s, conn, &sel, targets, timeout)
		},
	}
	sel.bindFiles(c, "file, folder or - with the objects")
	sel.bindSelectors(c)
	f := c.Flags()
	f.BoolVar(&sel.all, "all", false, "all objects of the kind in the namespace")
	f.BoolVarP(&sel.allNamespaces, "all-namespaces", "A", false, "in all namespaces, with a selector or --all")
	f.StringVar(&condition, "for", "", "condition=NAME[=STATUS], jsonpath=PATH[=VALUE], create or delete")
	f.DurationVar(&timeout, "timeout", 30*time.Second, "how long to wait; 0 looks once, less than 0 waits as long as it takes")
	_ = c.MarkFlagRequired("for")
	return c
}

// waiter knows what is waited for.
type waiter struct {
	text    string
	removal bool
	exists  bool
	met     func(kind.Object) (bool, error)
	// once is set when there is no time to wait.
	once bool
}

func parseWait(c *cobra.Command, text string) (*waiter, error) {
	what, rest, _ := strings.Cut(text, "=")
	switch what {
	case "delete":
		return &waiter{text: "deleted", removal: true}, nil
	case "create":
		return &waiter{text: "created", exists: true, met: func(kind.Object) (bool, error) { return true, nil }}, nil
	case "condition":
		name, status, ok := strings.Cut(rest, "=")
		if !ok {
			status = "True"
		}
		if name == "" {
			return nil, usage(c, "--for=condition=NAME needs a name")
		}
		return &waiter{text: "condition met", met: func(o kind.Object) (bool, error) { return hasCondition(o, name, status) }}, nil
	case "jsonpath":
		path, value, compare := cutPath(rest)
		p, err := parsePath(path)
		if err != nil {
			return nil, err
		}
		return &waiter{text: "condition met", met: func(o kind.Object) (bool, error) { return atPath(o, p, value, compare) }}, nil
	}
	return nil, usage(c, "--for is condition=NAME, jsonpath=PATH, create or delete, not %q", text)
}

// cutPath splits {.path}=value; an = inside the braces belongs to the path.
func cutPath(text string) (path, value string, compare bool) {
	end := strings.LastIndex(text, "}")
	if end < 0 {
		return strings.Cut(text, "=")
	}
	path, rest := text[:end+1], text[end+1:]
	value, compare = strings.CutPrefix(rest, "=")
	return path, value, compare
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

func (w *waiter) run(ctx context.Context, s *session, conn *client.Client, sel *selection, targets []target, timeout time.Duration) error {
	w.once = timeout == 0
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
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
			errs = append(errs, w.await(ctx, s, conn, t))
		}
	}
	return errors.Join(errs...)
}

func (w *waiter) await(ctx context.Context, s *session, conn *client.Client, t target) error {
	done := false
	var err error
	if w.once {
		done, err = w.look(ctx, conn, t)
	} else if w.removal {
		o, getErr := client.ForKind(conn, t.kind).Get(ctx, t.namespace, t.name)
		switch {
		case apierror.IsNotFound(getErr):
			done = true
		case getErr != nil:
			return getErr
		default:
			left := map[string]string{t.name: o.GetMetadata().GetUid()}
			err = awaitNames(ctx, conn, t.kind, t.namespace, left)
			done = len(left) == 0
		}
	} else {
		if !w.exists {
			if _, err := get(ctx, conn, t); err != nil {
				return err
			}
		}
		done, err = w.awaitMet(ctx, conn, t)
	}
	switch {
	case err != nil:
		return err
	case done:
		fmt.Fprintf(s.Out, "%s %s\n", t, w.text)
		return nil
	case w.once || errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &advice{err: fmt.Errorf("timed out waiting for %s", t), next: fmt.Sprintf("`kaji describe %s` shows where it stands", t)}
	}
	return ctx.Err()
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
