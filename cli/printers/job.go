package printers

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	batchv1 "kaji.dev/kaji/gen/kaji/batch/v1"
	"kaji.dev/kaji/kind"
)

func jobStatus(o kind.Object, _ time.Time) string {
	j, ok := o.(*batchv1.Job)
	if !ok {
		return none
	}
	holds := map[string]bool{"Terminating": j.GetMetadata().GetDeletionTimestamp() != nil}
	for _, c := range j.GetStatus().GetConditions() {
		holds[c.GetType()] = c.GetStatus() == "True"
	}
	for _, word := range []string{"Complete", "Failed", "Terminating", "Suspended", "FailureTarget", "SuccessCriteriaMet"} {
		if holds[word] {
			return word
		}
	}
	return "Running"
}

func jobCompletions(o kind.Object, _ time.Time) string {
	j, ok := o.(*batchv1.Job)
	if !ok {
		return none
	}
	spec, succeeded := j.GetSpec(), j.GetStatus().GetSucceeded()
	switch {
	case spec != nil && spec.Completions != nil:
		return fmt.Sprintf("%d/%d", succeeded, spec.GetCompletions())
	case spec.GetParallelism() > 1:
		return fmt.Sprintf("%d/1 of %d", succeeded, spec.GetParallelism())
	}
	return fmt.Sprintf("%d/1", succeeded)
}

func jobDuration(o kind.Object, now time.Time) string {
	j, ok := o.(*batchv1.Job)
	if !ok || j.GetStatus().GetStartTime() == nil {
		return ""
	}
	if end := j.GetStatus().GetCompletionTime(); end != nil {
		now = end.AsTime()
	}
	return duration.HumanDuration(now.Sub(j.GetStatus().GetStartTime().AsTime()))
}
