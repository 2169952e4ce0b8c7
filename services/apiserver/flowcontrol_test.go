package apiserver_test

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
	"kaji.dev/kaji/services/apiserver"
	"kaji.dev/kaji/services/apiserver/apitest"
	"kaji.dev/kaji/services/apiserver/flowcontrol"
)

// slowStore carries out one transaction after the other, in the order they come, and takes its time for each.
type slowStore struct {
	raftstore.Store
	turn chan struct{}
}

func (s *slowStore) Txn(ctx context.Context, req *storev1.TxnRequest) (*storev1.TxnResponse, error) {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	time.Sleep(500 * time.Microsecond) // what a disk takes
	return s.Store.Txn(ctx, req)
}

// heartbeatsBesideNoise has two hundred callers of one identity create and list as fast as they can, and counts how many
// status writes of eight nodes get through meanwhile.
func heartbeatsBesideNoise(t *testing.T, cfg flowcontrol.Config) (beats int64) {
	const callers, nodes, creates = 200, 8, 800
	s := apitest.Start(t, func(c *apiserver.Config) {
		c.Store = &slowStore{Store: raftstore.NewMemory(), turn: make(chan struct{}, 1)}
		c.FlowControl = cfg
	})
	defer s.Stop()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var running sync.WaitGroup
	var made, written atomic.Int64
	ready := make(chan struct{})
	var up sync.WaitGroup
	for i := range nodes {
		name := "n" + strconv.Itoa(i)
		api := client.Of[*corev1.Node](s.Node(name))
		node := check(api.Create(ctx, &corev1.Node{Metadata: &metav1.ObjectMeta{Name: name}}))(t)
		up.Add(1)
		running.Go(func() {
			up.Done()
			<-ready
			for n := 0; ctx.Err() == nil; n++ {
				node.Status = &corev1.NodeStatus{NodeInfo: &corev1.NodeSystemInfo{BootId: strconv.Itoa(n)}}
				node.Metadata.ResourceVersion = ""
				if _, err := api.UpdateStatus(ctx, node); err == nil {
					written.Add(1)
				} else if ctx.Err() == nil {
					t.Errorf("a heartbeat failed: %v", err)
					return
				}
			}
		})
	}
	maps := client.Of[*corev1.ConfigMap](s.Client())
	for range callers {
		running.Go(func() {
			<-ready
			for ctx.Err() == nil {
				n := made.Add(1)
				if n == creates {
					beats = written.Load()
					cancel()
				}
				_, err := maps.Create(ctx, &corev1.ConfigMap{Metadata: &metav1.ObjectMeta{Name: "c" + strconv.FormatInt(n, 10), Namespace: "default"}})
				if err != nil && ctx.Err() == nil && !apierror.IsTooManyRequests(err) {
					t.Error(err)
				}
				if n%10 == 0 {
					_, _, _ = maps.List(ctx, "default", nil)
				}
			}
		})
	}
	up.Wait()
	close(ready)
	running.Wait()
	return beats
}

// One noisy client cannot starve the heartbeats of nodes: for as many of its calls, several times as many heartbeats get
// through as without flow control.
func TestANoisyClientDoesNotStarveHeartbeats(t *testing.T) {
	without := heartbeatsBesideNoise(t, flowcontrol.Config{Disabled: true})
	with := heartbeatsBesideNoise(t, flowcontrol.Config{Seats: 24})
	t.Logf("heartbeats while the noisy client made 800 calls: %d without flow control, %d with", without, with)
	if with < 3*without {
		t.Errorf("%d heartbeats got through with flow control, %d without", with, without)
	}
}
