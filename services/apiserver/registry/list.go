package registry

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
	"kaji.dev/kaji/services/apiserver/authz"
	"kaji.dev/kaji/services/apiserver/frame"
	"kaji.dev/kaji/services/apiserver/watchcache"
)

// listing is a part of a collection, encoded.
type listing struct {
	meta  *metav1.ListMeta
	items [][]byte
}

func (l *listing) frame(typeURL string) (*frame.Message, error) {
	meta, err := proto.Marshal(l.meta)
	if err != nil {
		return nil, err
	}
	return frame.List(meta, typeURL, l.items), nil
}

// continuation is what a continue token says: where to go on, and the revision of the whole list; anew for the newest there is.
type continuation struct {
	Revision int64  `json:"rv"`
	From     string `json:"from"`
}

// anew is the revision of a token by which a list goes on that can no longer be consistent.
const anew = -1

func (c continuation) token() string {
	b, _ := json.Marshal(c) // cannot fail: a number and a string
	return base64.RawURLEncoding.EncodeToString(b)
}

func parseContinue(token, prefix string) (continuation, error) {
	var c continuation
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil || (c.Revision <= 0 && c.Revision != anew) || !strings.HasPrefix(c.From, prefix) {
		return c, apierror.BadRequest("the continue token is not one that this list gave out",
			apierror.FieldViolation{Field: "options.continue", Description: "must come from a list of the same collection"})
	}
	return c, nil
}

func (r *resource) list(ctx context.Context, req *metav1.ListRequest) (*listing, error) {
	o := req.GetOptions()
	if err := r.authorize(ctx, authz.Attributes{
		Verb: metav1.Verb_VERB_LIST, Namespace: req.GetNamespace(), FieldSelector: o.GetFieldSelector(),
	}); err != nil {
		return nil, err
	}
	_, p, err := r.find(ctx, req.GetNamespace(), o)
	if err != nil {
		return nil, err
	}
	return r.listingOf(p)
}

// find reads a part of a collection as list options say it, and says what the part is.
func (r *resource) find(ctx context.Context, namespace string, o *metav1.ListOptions) (*watchcache.Selection, watchcache.Page, error) {
	var none watchcache.Page
	if namespace != "" && !r.kind.Namespaced() {
		return nil, none, apierror.BadRequest(r.kind.String() + " live in no namespace; the request names one")
	}
	s, err := watchcache.NewSelection(r.kind, namespace, o.GetLabelSelector(), o.GetFieldSelector())
	if err != nil {
		return nil, none, err
	}
	if o.GetLimit() < 0 {
		return nil, none, apierror.BadRequest("limit is negative", apierror.FieldViolation{Field: "options.limit", Description: "must not be negative"})
	}
	if err := checkMatch(o); err != nil {
		return nil, none, err
	}
	p, err := r.page(ctx, s, o)
	return s, p, err
}

// page reads a selection at the revision that list options want.
func (r *resource) page(ctx context.Context, s *watchcache.Selection, o *metav1.ListOptions) (watchcache.Page, error) {
	var none watchcache.Page
	limit, from := int(o.GetLimit()), ""
	switch {
	case o.GetContinue() != "":
		if v := o.GetResourceVersion(); v != "" && v != "0" {
			return none, apierror.BadRequest("resourceVersion cannot be set together with continue")
		}
		c, err := parseContinue(o.GetContinue(), s.Prefix())
		if err != nil {
			return none, err
		}
		if c.Revision != anew {
			p, err := r.listAt(ctx, s, c.From, limit, c.Revision)
			if apierror.IsExpired(err) {
				err = tooOldToContinue(c)
			}
			return p, err
		}
		from = c.From
	case o.GetResourceVersionMatch() == "Exact":
		revision, err := parseVersion(o.GetResourceVersion())
		if err == nil && revision == 0 {
			err = apierror.BadRequest("resourceVersionMatch Exact needs a resourceVersion")
		}
		if err != nil {
			return none, err
		}
		return r.listAt(ctx, s, "", limit, revision)
	}
	wait, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := r.await(wait, o.GetResourceVersion()); err != nil {
		if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return none, err
		}
		if v := o.GetResourceVersion(); v != "" {
			return none, tooNew(v)
		}
		// The watch of the store is late. The store itself is always fresh.
		newest, err := r.cfg.Caches.Newest(ctx)
		if err != nil {
			return none, storeError(err)
		}
		return r.listAt(ctx, s, from, limit, newest)
	}
	return r.cache.List(s, from, limit), nil
}

// tooOldToContinue is the answer to a token whose revision the store has forgotten. It has another, for those who would rather
// see a list that is not of one moment than begin again.
func tooOldToContinue(c continuation) error {
	e := apierror.Expired("the continue token is too old to go on with a list of one revision: begin again without it, or use the token " +
		"in this error's ErrorInfo (continue) for the rest of the objects as they are now, which may miss or repeat what changed meanwhile")
	e.Continue = continuation{Revision: anew, From: c.From}.token()
	return e
}

// checkMatch checks how the revision of a list is meant.
func checkMatch(o *metav1.ListOptions) error {
	match := o.GetResourceVersionMatch()
	bad := func(why string) error {
		return apierror.BadRequest("resourceVersionMatch "+why, apierror.FieldViolation{Field: "options.resourceVersionMatch", Description: why})
	}
	switch {
	case match == "":
		return nil
	case match != "Exact" && match != "NotOlderThan":
		return bad(`must be "Exact" or "NotOlderThan"`)
	case o.GetResourceVersion() == "":
		return bad("needs a resourceVersion")
	case o.GetContinue() != "":
		return bad("cannot be set together with continue")
	}
	return nil
}

// listAt lists as of a revision: from the cache when nothing has changed since, otherwise from the store's history.
func (r *resource) listAt(ctx context.Context, s *watchcache.Selection, from string, limit int, revision int64) (watchcache.Page, error) {
	if p, ok := r.cache.ListAt(s, from, limit, revision); ok {
		return p, nil
	}
	p := watchcache.Page{Revision: revision, Remaining: -1}
	if from == "" {
		from = s.Prefix()
	}
	end := raftstore.Prefix([]byte(s.Prefix()))
	if limit == 0 {
		for piece, err := range r.cfg.Store.RangeStream(ctx, &storev1.RangeRequest{Key: []byte(from), RangeEnd: end, Revision: revision}) {
			if err != nil {
				return watchcache.Page{}, storeError(err)
			}
			for _, kv := range piece.GetKvs() {
				if e := r.entryOf(kv); e != nil && s.Matches(e) {
					p.Entries = append(p.Entries, e)
				}
			}
		}
		return p, nil
	}
	for {
		req := &storev1.RangeRequest{Key: []byte(from), RangeEnd: end, Revision: revision, Limit: int64(limit-len(p.Entries)) + 1}
		resp, err := r.cfg.Store.Range(ctx, req)
		if err != nil {
			return watchcache.Page{}, storeError(err)
		}
		for i, kv := range resp.GetKvs() {
			e := r.entryOf(kv)
			if e == nil || !s.Matches(e) {
				continue
			}
			if len(p.Entries) == limit {
				p.Next = e.Key
				if s.Everything() {
					p.Remaining = resp.GetCount() - int64(i)
				}
				return p, nil
			}
			p.Entries = append(p.Entries, e)
		}
		if !resp.GetMore() || len(resp.GetKvs()) == 0 {
			return p, nil
		}
		from = string(resp.GetKvs()[len(resp.GetKvs())-1].GetKey()) + "\x00"
	}
}

// entryOf is what a stored object is in a list; nil when it cannot be decoded.
func (r *resource) entryOf(kv *storev1.KeyValue) *watchcache.Entry {
	e, err := r.cache.NewEntry(kv)
	if err != nil {
		r.log.Error("undecodable object in the store", "key", string(kv.GetKey()), "error", err)
		return nil
	}
	return e
}

func (r *resource) listingOf(p watchcache.Page) (*listing, error) {
	l := &listing{meta: listMeta(p), items: make([][]byte, len(p.Entries))}
	for i, e := range p.Entries {
		raw, err := r.raw(e)
		if err != nil {
			return nil, err
		}
		l.items[i] = raw
	}
	return l, nil
}

func listMeta(p watchcache.Page) *metav1.ListMeta {
	m := &metav1.ListMeta{ResourceVersion: formatVersion(p.Revision)}
	if p.Next != "" {
		m.Continue = continuation{Revision: p.Revision, From: p.Next}.token()
		if p.Remaining >= 0 {
			m.RemainingItemCount = &p.Remaining
		}
	}
	return m
}
