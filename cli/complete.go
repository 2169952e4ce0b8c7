package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/client"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

// completionTimeout bounds how long a shell waits for the cluster when Tab is pressed.
const completionTimeout = 2 * time.Second

type completer func(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective)

// completeNames offers the names of a kind's objects.
func (s *session) completeNames(ctx context.Context, kindWord, prefix string) ([]string, cobra.ShellCompDirective) {
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, completionTimeout)
	defer cancel()
	k := kind.Lookup(kindWord)
	c, err := s.connect()
	if k == nil || err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	namespace := ""
	if k.Namespaced() {
		namespace = s.namespace()
	}
	items, _, err := client.ForKind(c, k).List(ctx, namespace, &metav1.ListOptions{Limit: 500})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	for _, o := range items {
		if name := o.GetMetadata().GetName(); strings.HasPrefix(name, prefix) {
			out = append(out, name)
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// completeResources completes KIND, KIND NAME… and KIND/NAME. With kinds given, only those are offered.
func (s *session) completeResources(kinds ...string) completer {
	return func(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 && !strings.Contains(args[0], "/") {
			return s.completeNames(c.Context(), args[0], word)
		}
		if kindWord, prefix, ok := strings.Cut(word, "/"); ok {
			names, directive := s.completeNames(c.Context(), kindWord, prefix)
			for i := range names {
				names[i] = kindWord + "/" + names[i]
			}
			return names, directive
		}
		words := kinds
		if len(words) == 0 {
			words = []string{"all"}
			for _, k := range kind.All() {
				words = append(words, k.Plural())
			}
		}
		var out []string
		for _, w := range words {
			if strings.HasPrefix(w, word) {
				out = append(out, w)
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// completePods completes the one pod that logs, exec and why take; others are KIND/NAME.
func (s *session) completePods(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	if strings.Contains(word, "/") {
		return s.completeResources()(c, nil, word)
	}
	return s.completeNames(c.Context(), "pods", word)
}
