package apiserver_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
	"kaji.dev/kaji/services/apiserver"
	"kaji.dev/kaji/services/apiserver/apitest"
)

// forgetful is a store that often does not know whether it carried out a write: it did, did not, or will later.
type forgetful struct {
	raftstore.Store
	late sync.WaitGroup
}

func (f *forgetful) Txn(ctx context.Context, req *storev1.TxnRequest) (*storev1.TxnResponse, error) {
	switch rand.N(12) {
	case 0:
		if _, err := f.Store.Txn(ctx, req); err != nil {
			return nil, err
		}
		return nil, raftstore.ErrOutcomeUnknown
	case 1:
		return nil, raftstore.ErrOutcomeUnknown
	case 2:
		f.late.Go(func() { _, _ = f.Store.Txn(context.WithoutCancel(ctx), req) })
		return nil, raftstore.ErrOutcomeUnknown
	}
	return f.Store.Txn(ctx, req)
}

// Writes whose outcome the store does not know are settled before the client hears of them: each happens once.
func TestUnknownOutcomesAreSettled(t *testing.T) {
	store := &forgetful{Store: raftstore.NewMemory()}
	defer store.late.Wait()
	s := apitest.Start(t, func(c *apiserver.Config) { c.Store = store })
	ctx := context.Background()
	maps := client.Of[*corev1.ConfigMap](s.Client())
	const writers, rounds = 4, 15
	counter := check(maps.Create(ctx, configMap("counter", map[string]string{"n": "0"})))(t)
	var running sync.WaitGroup
	for w := range writers {
		running.Go(func() {
			for i := range rounds {
				name := fmt.Sprintf("m-%d-%d", w, i)
				if _, err := maps.Create(ctx, configMap(name, nil)); err != nil {
					t.Errorf("create: %v", err)
				}
				for {
					m := check(maps.Get(ctx, "default", counter.GetMetadata().GetName()))(t)
					n := check(strconv.Atoi(m.GetData()["n"]))(t)
					m.Data["n"] = strconv.Itoa(n + 1)
					_, err := maps.Update(ctx, m)
					if err == nil {
						break
					}
					if !apierror.IsConflict(err) {
						t.Errorf("update: %v", err)
						return
					}
				}
				if err := maps.Delete(ctx, "default", name, nil); err != nil {
					t.Errorf("delete: %v", err)
				}
			}
		})
	}
	running.Wait()
	store.late.Wait()
	if got := check(maps.Get(ctx, "default", "counter"))(t).GetData()["n"]; got != strconv.Itoa(writers*rounds) {
		t.Errorf("%s of %d increments count", got, writers*rounds)
	}
	items, _, err := maps.List(ctx, "default", nil)
	if err != nil || len(items) != 1 {
		t.Errorf("%v are left, %v", namesOf(items), err)
	}
}
