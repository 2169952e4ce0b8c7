// Package events tells users what happened to an object, as Event objects beside it.
//
// It owns the Events it writes. It never blocks and never fails its caller: events wait in a bounded queue and are dropped
// (and counted) when it is full, when an object has too many, or when the API stays away. Repeated events are counted in
// one Event; many similar ones are combined, by Kubernetes' rules. Event may be called concurrently; Run once.
package events

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/kind"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// The two types of events.
const (
	Normal  = "Normal"
	Warning = "Warning"
)

const (
	queueLength = 1000
	attempts    = 5
	retryBase   = 250 * time.Millisecond
	drainTime   = 2 * time.Second
	messageMost = 1024 // bytes
)

// Recorder records events of one component.
type Recorder struct {
	source     *corev1.EventSource
	instance   string
	events     *client.Resource[*corev1.Event]
	log        hclog.Logger
	queue      chan occurrence
	dropped    atomic.Int64
	correlator *correlator // Run's goroutine only
	lastName   int64       // Run's goroutine only; nanoseconds that the last name was made of
	now        func() time.Time
}

// occurrence is one call of Event.
type occurrence struct {
	about                 *corev1.ObjectReference
	kind, reason, message string
	at                    time.Time
}

// New makes a recorder for a component ("replicaset-controller") on a host (may be empty). Run sends what it records.
func New(c *client.Client, component, host string, log hclog.Logger) *Recorder {
	return &Recorder{
		source:     &corev1.EventSource{Component: component, Host: host},
		instance:   host,
		events:     client.Of[*corev1.Event](c),
		log:        log,
		queue:      make(chan occurrence, queueLength),
		correlator: newCorrelator(),
		now:        time.Now,
	}
}

// Event records that something happened to an object. eventType is Normal or Warning; reason is one UpperCamelCase word that
// machines may match; message is for people.
func (r *Recorder) Event(object kind.Object, eventType, reason, message string) {
	r.EventFor(Reference(object), eventType, reason, message)
}

// Eventf is Event with a format.
func (r *Recorder) Eventf(object kind.Object, eventType, reason, format string, args ...any) {
	r.EventFor(Reference(object), eventType, reason, fmt.Sprintf(format, args...))
}

// EventFor records an event about a reference, e.g. with a field path that names a container.
func (r *Recorder) EventFor(about *corev1.ObjectReference, eventType, reason, message string) {
	if len(message) > messageMost {
		message = message[:messageMost-3] + "..."
	}
	select {
	case r.queue <- occurrence{about: about, kind: eventType, reason: reason, message: message, at: r.now()}:
	default:
		r.dropped.Add(1)
	}
}

// Dropped counts events that were not recorded because the queue was full or the API stayed away.
func (r *Recorder) Dropped() int64 { return r.dropped.Load() }

// Run sends events until ctx ends, then what is queued as far as a short time allows.
func (r *Recorder) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			r.drain(context.WithoutCancel(ctx))
			return nil
		case o := <-r.queue:
			r.record(ctx, o)
		}
	}
}

func (r *Recorder) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	for ctx.Err() == nil {
		select {
		case o := <-r.queue:
			r.record(ctx, o)
		default:
			return
		}
	}
}

func (r *Recorder) record(ctx context.Context, o occurrence) {
	entry, ok := r.correlator.correlate(o)
	if !ok {
		return
	}
	for attempt := 1; ; attempt++ {
		err := r.write(ctx, o, entry)
		switch {
		case err == nil:
			return
		case !apierror.IsRetriable(err) && !apierror.IsAlreadyExists(err) && !apierror.IsConflict(err) || attempt == attempts || ctx.Err() != nil:
			r.dropped.Add(1)
			r.log.Warn("event not recorded", "error", err, "reason", o.reason, "kind", o.about.GetKind(), "namespace", o.about.GetNamespace(), "name", o.about.GetName())
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryBase << attempt):
		}
	}
}

// write counts the event up where it exists and creates it where not.
func (r *Recorder) write(ctx context.Context, o occurrence, entry *series) error {
	if entry.name != "" {
		stored, err := r.events.Get(ctx, namespaceOf(o.about), entry.name)
		if err == nil {
			next := proto.CloneOf(stored)
			next.Count = entry.count
			next.LastTimestamp = timestamppb.New(o.at.Truncate(time.Second))
			next.Message = entry.message
			_, err = r.events.Update(ctx, next)
		}
		if !apierror.IsNotFound(err) {
			return err
		}
		// It was removed since: begin anew.
		entry.count, entry.first = 1, o.at
	}
	// Two events of one instant need two names.
	r.lastName = max(r.lastName+1, o.at.UnixNano())
	name := o.about.GetName() + "." + strconv.FormatInt(r.lastName, 16)
	_, err := r.events.Create(ctx, &corev1.Event{
		Metadata:           &metav1.ObjectMeta{Namespace: namespaceOf(o.about), Name: name},
		InvolvedObject:     o.about,
		Reason:             o.reason,
		Message:            entry.message,
		Source:             r.source,
		FirstTimestamp:     timestamppb.New(entry.first.Truncate(time.Second)),
		LastTimestamp:      timestamppb.New(o.at.Truncate(time.Second)),
		Count:              entry.count,
		Type:               o.kind,
		ReportingComponent: r.source.GetComponent(),
		ReportingInstance:  r.instance,
	})
	if err == nil {
		entry.name = name
		return nil
	}
	// What the namespace cannot take any more needs no event.
	if apierror.IsForbidden(err) || apierror.IsNotFound(err) {
		return nil
	}
	return err
}

// namespaceOf is where events about an object live: beside it, or in default for cluster-wide ones.
func namespaceOf(about *corev1.ObjectReference) string {
	if about.GetNamespace() == "" {
		return "default"
	}
	return about.GetNamespace()
}

// Reference names an object in events and elsewhere.
func Reference(object kind.Object) *corev1.ObjectReference {
	m, k := object.GetMetadata(), kind.Of(object)
	return &corev1.ObjectReference{
		Kind: k.Name(), ApiVersion: k.APIVersion(), Namespace: m.GetNamespace(), Name: m.GetName(), Uid: m.GetUid(), ResourceVersion: m.GetResourceVersion(),
	}
}
