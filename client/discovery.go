package client

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/similar"
)

// discoverAgain is how long a word that is no kind is taken to be none, before the server is asked again.
const discoverAgain = 5 * time.Second

// Discovery knows the kinds that the server has. It asks once, and again when a kind is wanted that it does not know: servers are
// upgraded while programs run. It may be used concurrently.
type Discovery struct {
	api apiv1.ResourceServiceClient

	mu    sync.Mutex // held while the server is asked, so that many who miss ask once
	kinds []*apiv1.KindInfo
	words map[string]*apiv1.KindInfo
	asked time.Time
}

// NewDiscovery makes a Discovery; it asks when it is first used.
func NewDiscovery(c *Client) *Discovery {
	return &Discovery{api: apiv1.NewResourceServiceClient(c.conn)}
}

// Kinds are the kinds by api version and name. They are shared: do not change them.
func (d *Discovery) Kinds(ctx context.Context) ([]*apiv1.KindInfo, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.words == nil {
		if err := d.ask(ctx); err != nil {
			return nil, err
		}
	}
	return d.kinds, nil
}

// Lookup finds a kind by what users call it: plural, singular, kind or short name, each of the first three also with its group
// (deployments.apps); by apiVersion and kind (apps/v1/Deployment); or by the full name of its message. Case does not matter. It is
// NotFound when the server, asked again, has none either.
func (d *Discovery) Lookup(ctx context.Context, word string) (*apiv1.KindInfo, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	word = strings.ToLower(word)
	if k := d.words[word]; k != nil {
		return k, nil
	}
	if d.words == nil || time.Since(d.asked) >= discoverAgain {
		if err := d.ask(ctx); err != nil {
			return nil, err
		}
		if k := d.words[word]; k != nil {
			return k, nil
		}
	}
	var plurals []string
	for _, k := range d.kinds {
		plurals = append(plurals, k.GetOptions().GetPlural(), k.GetOptions().GetSingular())
	}
	message := fmt.Sprintf("the server has no kind %q", word)
	if best := similar.Best(word, plurals); best != "" {
		message += fmt.Sprintf("; did you mean %q?", best)
	}
	return nil, &apierror.Error{Reason: apierror.ReasonNotFound, Message: message}
}

// ask reads what the server has. Callers hold mu.
func (d *Discovery) ask(ctx context.Context) error {
	response, err := d.api.Discover(ctx, &apiv1.DiscoverRequest{})
	if err != nil {
		return apierror.FromStatus(err)
	}
	kinds := slices.Clone(response.GetKinds())
	slices.SortFunc(kinds, func(a, b *apiv1.KindInfo) int {
		// The core group, whose version has no group in front, comes first: its words win over those of others.
		x, y := a.GetOptions().GetApiVersion(), b.GetOptions().GetApiVersion()
		if core := strings.Contains(x, "/"); core != strings.Contains(y, "/") {
			if core {
				return 1
			}
			return -1
		}
		return strings.Compare(x+"/"+a.GetOptions().GetKind(), y+"/"+b.GetOptions().GetKind())
	})
	words := map[string]*apiv1.KindInfo{}
	for _, k := range kinds {
		for _, word := range wordsFor(k) {
			if word = strings.ToLower(word); words[word] == nil {
				words[word] = k
			}
		}
	}
	d.kinds, d.words, d.asked = kinds, words, time.Now()
	return nil
}

func wordsFor(k *apiv1.KindInfo) []string {
	o := k.GetOptions()
	group, _, found := strings.Cut(o.GetApiVersion(), "/")
	if !found {
		group = "core"
	}
	words := []string{k.GetType(), o.GetApiVersion() + "/" + o.GetKind()}
	for _, name := range []string{o.GetPlural(), o.GetSingular(), o.GetKind()} {
		words = append(words, name, name+"."+group)
	}
	return append(words, o.GetShortNames()...)
}
