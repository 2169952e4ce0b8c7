package events

import (
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"

	"golang.org/x/time/rate"
)

// Kubernetes' figures (client-go tools/record): an object may have 25 events at once and one more every five minutes; more than ten
// different messages of one reason within ten minutes are combined.
const (
	objectBurst     = 25
	objectEvery     = 5 * time.Minute
	similarMost     = 10
	similarInterval = 10 * time.Minute
	rememberedMost  = 4096
	combinedPrefix  = "(combined from similar events): "
	combinedMessage = "\x00combined"
)

// correlator decides which event an occurrence belongs to. It is pure but for its memory, and has one user.
type correlator struct {
	objects map[object]*spell
	order   []object // oldest first, for forgetting
}

type object struct {
	uid, kind, namespace, name, fieldPath string
}

// spell is what is remembered of one object.
type spell struct {
	limit   *rate.Limiter
	reasons map[[2]string]*similar // by type and reason
}

type similar struct {
	messages map[string]*series
	last     time.Time
}

// series is one Event and how often it was seen.
type series struct {
	name    string // of the Event; empty until it is written
	message string
	count   int32
	first   time.Time
}

func newCorrelator() *correlator { return &correlator{objects: map[object]*spell{}} }

func objectOf(r *corev1.ObjectReference) object {
	return object{uid: r.GetUid(), kind: r.GetKind(), namespace: r.GetNamespace(), name: r.GetName(), fieldPath: r.GetFieldPath()}
}

// correlate returns the series that the occurrence belongs to, counted up; false when the object has had too many.
func (c *correlator) correlate(o occurrence) (*series, bool) {
	s := c.spell(objectOf(o.about))
	key := [2]string{o.kind, o.reason}
	group := s.reasons[key]
	if group == nil || o.at.Sub(group.last) > similarInterval {
		group = &similar{messages: map[string]*series{}}
		s.reasons[key] = group
	}
	group.last = o.at
	messageKey, message := o.message, o.message
	if group.messages[messageKey] == nil && len(group.messages) >= similarMost {
		messageKey, message = combinedMessage, combinedPrefix+o.message
	}
	if !s.limit.AllowN(o.at, 1) {
		return nil, false
	}
	entry := group.messages[messageKey]
	if entry == nil {
		entry = &series{first: o.at}
		group.messages[messageKey] = entry
	}
	entry.message = message
	entry.count++
	return entry, true
}

func (c *correlator) spell(key object) *spell {
	if s := c.objects[key]; s != nil {
		return s
	}
	if len(c.order) >= rememberedMost {
		delete(c.objects, c.order[0])
		c.order = c.order[1:]
	}
	s := &spell{limit: rate.NewLimiter(rate.Every(objectEvery), objectBurst), reasons: map[[2]string]*similar{}}
	c.objects[key] = s
	c.order = append(c.order, key)
	return s
}
