package printers

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/kind"
)

// eventTimes returns when an event was first and last seen, and how often.
func eventTimes(e *corev1.Event) (first, last *timestamppb.Timestamp, count int32) {
	first, last, count = e.GetFirstTimestamp(), e.GetLastTimestamp(), e.GetCount()
	if first.GetSeconds() == 0 {
		first = e.GetEventTime()
	}
	if first.GetSeconds() == 0 {
		first = e.GetMetadata().GetCreationTimestamp()
	}
	if last.GetSeconds() == 0 {
		last = first
	}
	if e.GetSeries() != nil {
		last, count = e.GetSeries().GetLastObservedTime(), e.GetSeries().GetCount()
	}
	return first, last, count
}

// EventTime is when an event was last seen, for sorting.
func EventTime(e *corev1.Event) time.Time {
	_, last, _ := eventTimes(e)
	return last.AsTime()
}

// EventAge is how long ago an event was last seen, and when it came more than once, how often since when.
func EventAge(e *corev1.Event, now time.Time) string {
	first, last, count := eventTimes(e)
	if count > 1 {
		return fmt.Sprintf("%s (x%d over %s)", age(last, now), count, age(first, now))
	}
	return age(last, now)
}

// EventSource is the component that an event comes from, with its host.
func EventSource(e *corev1.Event) string {
	component, host := e.GetSource().GetComponent(), e.GetSource().GetHost()
	if component == "" {
		component, host = e.GetReportingComponent(), e.GetReportingInstance()
	}
	if host == "" || host == component {
		return component
	}
	return component + ", " + host
}

func eventLastSeen(o kind.Object, now time.Time) string {
	e, ok := o.(*corev1.Event)
	if !ok {
		return unknown
	}
	_, last, _ := eventTimes(e)
	return age(last, now)
}

func eventFirstSeen(o kind.Object, now time.Time) string {
	e, ok := o.(*corev1.Event)
	if !ok {
		return unknown
	}
	first, _, _ := eventTimes(e)
	return age(first, now)
}

func eventCount(o kind.Object, _ time.Time) string {
	e, ok := o.(*corev1.Event)
	if !ok {
		return none
	}
	_, _, count := eventTimes(e)
	return strconv.Itoa(int(max(count, 1)))
}

func eventSource(o kind.Object, _ time.Time) string {
	if e, ok := o.(*corev1.Event); ok {
		return EventSource(e)
	}
	return none
}

func eventObject(o kind.Object, _ time.Time) string {
	e, ok := o.(*corev1.Event)
	if !ok {
		return none
	}
	return strings.ToLower(e.GetInvolvedObject().GetKind()) + "/" + e.GetInvolvedObject().GetName()
}
