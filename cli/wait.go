package cli

import (
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/kind"
)

func newWait(s *session) *cobra.Command {
	var sel selection
	var conditions []string
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "wait (KIND NAME… | KIND/NAME… | KIND -l SELECTOR | -f FILE) --for=CONDITION",
		Short: "Wait until something is true of objects",
		Long: `Wait until something is true of objects: condition=NAME or condition=NAME=STATUS, jsonpath='{.path}' or
jsonpath='{.path}'=VALUE, create, or delete. With several --for, all must be true, one after the other. The exit status is 1 when the timeout passes.`,
		Example: `  kaji wait pod -l app=web --for=condition=Ready --timeout=60s
  kaji wait deployment/web --for=condition=Available
  kaji wait pod/web-1 --for=delete
  kaji wait pod/web-1 --for=jsonpath='{.status.phase}'=Running`,
		ValidArgsFunction: s.completeResources(),
		RunE: func(c *cobra.Command, args []string) error {
			var waiters []*waiter
			for _, condition := range conditions {
				w, err := parseWait(c, condition)
				if err != nil {
					return err
				}
				waiters = append(waiters, w)
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
			end := time.Now().Add(timeout)
			var errs []error
			for _, w := range waiters {
				left := timeout
				if timeout > 0 {
					left = max(time.Until(end), time.Nanosecond) // the time is for all together
				}
				errs = append(errs, w.run(c.Context(), s, conn, &sel, targets, left))
			}
			return errors.Join(errs...)
		},
	}
	sel.bindFiles(c, "file, folder or - with the objects")
	sel.bindSelectors(c)
	f := c.Flags()
	f.BoolVar(&sel.all, "all", false, "all objects of the kind in the namespace")
	f.BoolVarP(&sel.allNamespaces, "all-namespaces", "A", false, "in all namespaces, with a selector or --all")
	f.StringArrayVar(&conditions, "for", nil, "condition=NAME[=STATUS], jsonpath=PATH[=VALUE], create or delete; several times for all of them")
	f.DurationVar(&timeout, "timeout", 30*time.Second, "how long to wait; 0 looks once, less than 0 waits as long as it takes")
	_ = c.MarkFlagRequired("for")
	return c
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
