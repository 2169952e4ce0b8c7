package strategy

import (
	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/util/validation/field"

	batchv1 "kaji.dev/kaji/gen/kaji/batch/v1"
)

// jobCondition says whether a condition of a job holds.
func jobCondition(s *batchv1.JobStatus, kind string) bool {
	for _, c := range s.GetConditions() {
		if c.Type == kind && c.Status == "True" {
			return true
		}
	}
	return false
}

func jobFinished(s *batchv1.JobStatus) bool {
	return jobCondition(s, "Complete") || jobCondition(s, "Failed")
}

// validateJobStatus keeps every controller, the built-in one or one named by spec.managedBy, to what clients of jobs
// rely on: an end is final, and says how it came about. What a write leaves as it was is not held against it.
func validateJobStatus(new, old *batchv1.Job) field.ErrorList {
	path, n, o := field.NewPath("status"), new.GetStatus(), old.GetStatus()
	errs := validateJobCounts(n, path)
	refuse := func(name string, wrong bool, why string) {
		if wrong {
			errs = append(errs, field.Invalid(path.Child(name), field.OmitValueType{}, why))
		}
	}
	was := func(kind string) bool { return jobCondition(o, kind) }
	is := func(kind string) bool { return jobCondition(n, kind) }
	changed := func(kind string) bool { return was(kind) != is(kind) }
	finished := jobFinished(n)
	ended := finished != jobFinished(o)
	ends := changed("Complete") || changed("Failed")

	for _, final := range []string{"Failed", "Complete", "FailureTarget", "SuccessCriteriaMet"} {
		refuse("conditions", was(final) && !is(final), "cannot disable the terminal "+final+"=True condition")
	}
	refuse("conditions", ends && is("Complete") && is("Failed"), "cannot set Complete=True and Failed=True conditions")
	refuse("conditions", (changed("Complete") || changed("FailureTarget")) && is("Complete") && is("FailureTarget"), "cannot set Complete=True and FailureTarget=True conditions")
	refuse("conditions", changed("Failed") && is("Failed") && !is("FailureTarget"), "cannot set Failed=True condition without the FailureTarget=True condition")
	refuse("conditions", (changed("Complete") || changed("SuccessCriteriaMet")) && is("Complete") && !is("SuccessCriteriaMet"),
		"cannot set Complete=True condition without the SuccessCriteriaMet=True condition")
	refuse("conditions", is("SuccessCriteriaMet") && is("Failed"), "cannot set SuccessCriteriaMet=True and Failed=True conditions")
	refuse("conditions", is("SuccessCriteriaMet") && is("FailureTarget"), "cannot set SuccessCriteriaMet=True and FailureTarget=True conditions")

	started, completed := n.GetStartTime(), n.GetCompletionTime()
	startMoved, completionMoved := !proto.Equal(started, o.GetStartTime()), !proto.Equal(completed, o.GetCompletionTime())
	refuse("completionTime", (changed("Complete") || completionMoved) && completed != nil && !is("Complete"),
		"cannot set completionTime when there is no Complete=True condition")
	refuse("completionTime", (changed("Complete") || completionMoved) && completed == nil && is("Complete"), "completionTime is required for Complete jobs")
	refuse("completionTime", completed != nil && o.GetCompletionTime() != nil && completionMoved, immutableMessage)
	refuse("completionTime", (startMoved || completionMoved) && started != nil && completed != nil && completed.AsTime().Before(started.AsTime()),
		"must be equal to or after `startTime`")
	resuming := was("Suspended") && !is("Suspended")
	refuse("startTime", startMoved && !resuming && o.GetStartTime() != nil && !new.GetSpec().GetSuspend(), "field is immutable for unsuspended job once set")
	neverRan := new.GetSpec().GetSuspend() && new.GetSpec().Completions != nil && new.GetSpec().GetCompletions() == 0
	refuse("startTime", (ended || startMoved) && finished && started == nil && !neverRan, "startTime is required for finished job")

	refuse("active", (ended || n.GetActive() != o.GetActive()) && finished && n.GetActive() > 0, "active>0 is invalid for finished job")
	refuse("terminating", (ended || n.GetTerminating() != o.GetTerminating()) && finished && n.GetTerminating() > 0, "terminating>0 is invalid for finished job")
	uncounted := n.GetUncountedTerminatedPods()
	refuse("uncountedTerminatedPods", (ended || !proto.Equal(uncounted, o.GetUncountedTerminatedPods())) && finished &&
		len(uncounted.GetSucceeded())+len(uncounted.GetFailed()) > 0, "must be empty for finished job")
	refuse("ready", (n.GetReady() != o.GetReady() || n.GetActive() != o.GetActive()) && n.GetReady() > n.GetActive(), "cannot set more ready pods than active")
	refuse("failed", n.GetFailed() < o.GetFailed(), "cannot decrease the failed counter")
	// An Indexed job as wide as it is long can be made smaller, with the indexes that have succeeded.
	elastic := new.GetSpec().GetCompletionMode() == indexed && samePtr(new.GetSpec().Completions, new.GetSpec().Parallelism)
	refuse("succeeded", n.GetSucceeded() < o.GetSucceeded() && !elastic, "cannot decrease the succeeded counter")
	return append(errs, validateJobIndexes(new.GetSpec(), n, o, path)...)
}

func validateJobCounts(s *batchv1.JobStatus, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for name, value := range map[string]int32{
		"active": s.GetActive(), "succeeded": s.GetSucceeded(), "failed": s.GetFailed(), "ready": s.GetReady(), "terminating": s.GetTerminating(),
	} {
		errs = append(errs, nonNegative(path.Child(name), int64(value))...)
	}
	seen := map[string]bool{}
	for name, uids := range map[string][]string{
		"succeeded": s.GetUncountedTerminatedPods().GetSucceeded(), "failed": s.GetUncountedTerminatedPods().GetFailed(),
	} {
		for i, uid := range uids {
			at := path.Child("uncountedTerminatedPods", name).Index(i)
			if uid == "" {
				errs = append(errs, field.Invalid(at, uid, "must not be empty"))
			} else if seen[uid] {
				errs = append(errs, field.Duplicate(at, uid))
			}
			seen[uid] = true
		}
	}
	return errs
}

// validateJobIndexes checks the lists of indexes that have succeeded and failed, where they changed.
func validateJobIndexes(spec *batchv1.JobSpec, n, o *batchv1.JobStatus, path *field.Path) field.ErrorList {
	if n == nil {
		return nil
	}
	completedMoved := n.GetCompletedIndexes() != o.GetCompletedIndexes()
	failedMoved := n.FailedIndexes != nil && (o == nil || !samePtr(n.FailedIndexes, o.FailedIndexes))
	if !completedMoved && !failedMoved {
		return nil
	}
	var errs field.ErrorList
	parse := func(name, text string, moved bool) []indexSpan {
		spans, err := parseIndexes(text, spec.GetCompletions())
		if err != nil && moved && spec.GetCompletionMode() == indexed {
			errs = append(errs, field.Invalid(path.Child(name), text, "error parsing "+name+": "+err.Error()))
		}
		return spans
	}
	completed := parse("completedIndexes", n.GetCompletedIndexes(), completedMoved)
	failed := parse("failedIndexes", n.GetFailedIndexes(), failedMoved)
	if completedMoved && n.GetCompletedIndexes() != "" && spec.GetCompletionMode() != indexed {
		errs = append(errs, field.Invalid(path.Child("completedIndexes"), n.GetCompletedIndexes(), "cannot set non-empty completedIndexes when non-indexed completion mode"))
	}
	if failedMoved && (spec == nil || spec.BackoffLimitPerIndex == nil) {
		errs = append(errs, field.Invalid(path.Child("failedIndexes"), n.GetFailedIndexes(), "cannot set non-null failedIndexes when backoffLimitPerIndex is null"))
	}
	if i, both := sharedIndex(completed, failed); both {
		errs = append(errs, field.Invalid(path.Child("failedIndexes"), i, "failedIndexes and completedIndexes overlap"))
	}
	return errs
}
