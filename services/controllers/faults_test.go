package controllers_test

import (
	"context"
	"fmt"
	"math/rand"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/client"
	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

// Leaders and API servers end at random while a deployment is changed over and over. The whole history of replica sets is
// checked: never are they sized beyond the surge. In the end all is as asked for. A failure is repeated with its seed.
func TestFaults(t *testing.T) {
	for seed := int64(1); seed <= 3; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			c := newCluster(t)
			random := rand.New(rand.NewSource(seed))
			second := c.server.Another()
			first := c.endpoints[0]
			c.endpoints = []string{first, second.Address}
			c.node()
			c.checkSizes(8 + 2)
			leaders := 0
			lead := func() func() { leaders++; return c.lead(fmt.Sprint("leader-", leaders)) }
			stop, _ := lead(), lead()
			if _, err := client.Of[*appsv1.Deployment](c.client).Create(c.ctx, deployment("default", 5, "example/web:0")); err != nil {
				t.Fatal(err)
			}
			wanted, image := int32(5), "example/web:0"
			for round := range 12 {
				switch random.Intn(4) {
				case 0:
					image = fmt.Sprint("example/web:", round)
					update(c, func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = image })
				case 1:
					wanted = int32(random.Intn(6) + 3)
					update(c, func(d *appsv1.Deployment) { d.Spec.Replicas = proto.Int32(wanted) })
				case 2:
					stop()
					stop = lead()
				case 3:
					second.Stop()
					second = c.server.Another()
					c.endpoints = []string{first, second.Address}
				}
				// Not a wait for a state: the next fault shall come in the middle of things.
				time.Sleep(time.Duration(random.Intn(150)) * time.Millisecond)
			}
			await(c, "as asked for in the end", rolledOut(wanted, ""))
			await(c, "rid of old pods", func(all []*corev1.Pod) bool {
				for _, p := range all {
					if p.GetSpec().GetContainers()[0].GetImage() != image {
						return false
					}
				}
				return len(all) == int(wanted)
			})
		})
	}
}

// checkSizes follows every revision of the replica sets and fails the test when their sizes come to more than the limit.
func (c *cluster) checkSizes(limit int32) {
	c.Helper()
	ctx, cancel := context.WithCancel(c.ctx)
	w, err := client.Of[*appsv1.ReplicaSet](c.client).Watch(ctx, "", nil)
	if err != nil {
		c.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		sizes := map[string]int32{}
		for {
			e, err := w.Recv()
			if err != nil {
				if ctx.Err() == nil {
					c.Errorf("the history of replica sets broke off: %v", err)
				}
				return
			}
			sizes[e.Object.GetMetadata().GetUid()] = e.Object.GetSpec().GetReplicas()
			if e.Type == metav1.EventType_EVENT_TYPE_DELETED {
				delete(sizes, e.Object.GetMetadata().GetUid())
			}
			var sum int32
			for _, n := range sizes {
				sum += n
			}
			if sum > limit {
				c.Errorf("at revision %s the replica sets are sized for %d pods, at most %d: %v", e.Object.GetMetadata().GetResourceVersion(), sum, limit, sizes)
			}
		}
	}()
	c.Cleanup(func() { cancel(); <-done })
}
