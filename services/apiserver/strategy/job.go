package strategy

import (
	"fmt"
	"maps"
	"math"

	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	batchv1 "kaji.dev/kaji/gen/kaji/batch/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

const (
	indexed    = "Indexed"
	nonIndexed = "NonIndexed"

	// jobNameLabel and jobUIDLabel are on every pod of a job; its selector is made of the latter.
	jobNameLabel = "batch.kubernetes.io/job-name"
	jobUIDLabel  = "batch.kubernetes.io/controller-uid"
	// The same, as they were called before labels of the project had a prefix.
	oldJobNameLabel = "job-name"
	oldJobUIDLabel  = "controller-uid"

	// maxIndexedParallelism bounds how long the lists of indexes in a status become.
	maxIndexedParallelism = 100_000
	// Above manyCompletions, an Indexed job with a backoff limit per index has narrower bounds.
	manyCompletions           = 100_000
	parallelismOfManyIndexes  = 10_000
	failedIndexesOfManyAtMost = 10_000
	maxManagedBy              = 63
)

func jobRules() rules[*batchv1.Job] {
	return rules[*batchv1.Job]{
		defaults:       defaultJob,
		prepareCreate:  prepareJob,
		validate:       validateJob,
		validateUpdate: validateJobUpdate,
		validateStatus: validateJobStatus,
	}
}

func defaultJob(j *batchv1.Job) {
	if j.Spec == nil {
		j.Spec = &batchv1.JobSpec{}
	}
	s := j.Spec
	if s.Parallelism == nil {
		setDefaultPtr(&s.Completions, int32(1))
	}
	setDefaultPtr(&s.Parallelism, int32(1))
	if s.BackoffLimitPerIndex != nil {
		setDefaultPtr(&s.BackoffLimit, int32(math.MaxInt32))
	}
	setDefaultPtr(&s.BackoffLimit, int32(6))
	labelLikePods(j)
	setDefaultPtr(&s.CompletionMode, nonIndexed)
	setDefaultPtr(&s.Suspend, false)
	if s.PodFailurePolicy != nil {
		setDefaultPtr(&s.PodReplacementPolicy, "Failed")
	}
	setDefaultPtr(&s.PodReplacementPolicy, "TerminatingOrFailed")
	setDefaultPtr(&s.ManualSelector, false)
	defaultJobSpec(s)
}

// labelLikePods gives a job without labels those of its pods.
func labelLikePods(j *batchv1.Job) {
	labels := j.GetSpec().GetTemplate().GetMetadata().GetLabels()
	if len(labels) > 0 && len(j.GetMetadata().GetLabels()) == 0 {
		kind.Metadata(j).Labels = maps.Clone(labels)
	}
}

// defaultJobSpec fills in what a job has in common with the template of one.
func defaultJobSpec(s *batchv1.JobSpec) {
	for _, r := range s.GetPodFailurePolicy().GetRules() {
		for _, c := range r.GetOnPodConditions() {
			setDefault(&c.Status, "True")
		}
	}
	defaultTemplate(s.GetTemplate())
}

// prepareJob gives a new job a selector that selects its own pods and no others, and its pods the labels for it.
func prepareJob(j *batchv1.Job) {
	j.Status = &batchv1.JobStatus{}
	s := j.GetSpec()
	if s.GetManualSelector() || s.GetTemplate() == nil {
		return
	}
	m := j.GetMetadata()
	asPods := maps.Equal(m.GetLabels(), s.Template.GetMetadata().GetLabels())
	if s.Template.Metadata == nil {
		s.Template.Metadata = &metav1.ObjectMeta{}
	}
	if s.Selector == nil {
		s.Selector = &metav1.LabelSelector{}
	}
	addLabel(&s.Template.Metadata.Labels, oldJobNameLabel, m.GetName())
	addLabel(&s.Template.Metadata.Labels, jobNameLabel, m.GetName())
	addLabel(&s.Template.Metadata.Labels, oldJobUIDLabel, m.GetUid())
	addLabel(&s.Template.Metadata.Labels, jobUIDLabel, m.GetUid())
	addLabel(&s.Selector.MatchLabels, jobUIDLabel, m.GetUid())
	// What was labelled like its pods stays so. Of a job without labels the next write would do it otherwise, and change
	// what nobody changed.
	if asPods {
		kind.Metadata(j).Labels = maps.Clone(s.Template.Metadata.Labels)
	}
}

// addLabel sets a label that is not there. One that the user has set stays, for validation to compare.
func addLabel(labels *map[string]string, key, value string) {
	if *labels == nil {
		*labels = map[string]string{}
	}
	if _, ok := (*labels)[key]; !ok {
		(*labels)[key] = value
	}
}

func validateJob(j *batchv1.Job) field.ErrorList {
	path, s := field.NewPath("spec"), j.GetSpec()
	if s == nil {
		return field.ErrorList{field.Required(path, "")}
	}
	errs := validateGeneratedSelector(j)
	errs = append(errs, validateJobSpec(s, path)...)
	if s.Selector == nil {
		errs = append(errs, field.Required(path.Child("selector"), ""))
	} else {
		wrong := validateSelector(s.Selector, path.Child("selector"))
		errs = append(errs, wrong...)
		if labels := s.GetTemplate().GetMetadata().GetLabels(); len(wrong) == 0 && !selectorMatches(s.Selector, labels) {
			errs = append(errs, field.Invalid(path.Child("template", "metadata", "labels"), labels, "`selector` does not match template `labels`"))
		}
	}
	if name := j.GetMetadata().GetName(); s.GetCompletionMode() == indexed && s.GetCompletions() > 0 {
		last := fmt.Sprintf("%s-%d", name, s.GetCompletions()-1)
		if len(validation.IsDNS1123Label(last)) > 0 {
			errs = append(errs, field.Invalid(field.NewPath("metadata", "name"), name,
				"the name of the last pod would be "+last+", which is not a DNS label; take a shorter name, without dots"))
		}
	}
	return errs
}

// validateGeneratedSelector expects the labels that the server gave the template, unless the user answers for them.
func validateGeneratedSelector(j *batchv1.Job) field.ErrorList {
	s := j.GetSpec()
	if s.GetManualSelector() || s.GetSelector() == nil {
		return nil
	}
	m := j.GetMetadata()
	path := field.NewPath("spec", "template", "metadata", "labels")
	have := s.GetTemplate().GetMetadata().GetLabels()
	expected := map[string]string{
		oldJobNameLabel: m.GetName(), jobNameLabel: m.GetName(), oldJobUIDLabel: m.GetUid(), jobUIDLabel: m.GetUid(),
	}
	var errs field.ErrorList
	for _, key := range []string{oldJobUIDLabel, oldJobNameLabel, jobUIDLabel, jobNameLabel} {
		if value, ok := have[key]; !ok {
			errs = append(errs, field.Required(path.Key(key), "must be '"+expected[key]+"'"))
		} else if value != expected[key] {
			errs = append(errs, field.Invalid(path.Key(key), value, "must be '"+expected[key]+"'"))
		}
	}
	if !selectorMatches(s.Selector, expected) {
		errs = append(errs, field.Invalid(field.NewPath("spec", "selector"), summary(s.Selector), "`selector` not auto-generated"))
	}
	return errs
}

// validateJobSpec checks what a job has in common with the template of one.
func validateJobSpec(s *batchv1.JobSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for name, value := range map[string]int64{
		"parallelism": int64(s.GetParallelism()), "completions": int64(s.GetCompletions()),
		"activeDeadlineSeconds": s.GetActiveDeadlineSeconds(), "backoffLimit": int64(s.GetBackoffLimit()),
		"ttlSecondsAfterFinished": int64(s.GetTtlSecondsAfterFinished()),
		"backoffLimitPerIndex":    int64(s.GetBackoffLimitPerIndex()), "maxFailedIndexes": int64(s.GetMaxFailedIndexes()),
	} {
		errs = append(errs, nonNegative(path.Child(name), value)...)
	}
	if s.MaxFailedIndexes != nil && s.BackoffLimitPerIndex == nil {
		errs = append(errs, field.Required(path.Child("backoffLimitPerIndex"), "when maxFailedIndexes is specified"))
	}
	if s.ManagedBy != nil {
		errs = append(errs, validation.IsDomainPrefixedPath(path.Child("managedBy"), s.GetManagedBy())...)
		if len(s.GetManagedBy()) > maxManagedBy {
			errs = append(errs, field.TooLong(path.Child("managedBy"), "", maxManagedBy))
		}
	}
	errs = append(errs, validateIndexes(s, path)...)
	if s.PodFailurePolicy != nil {
		errs = append(errs, validatePodFailurePolicy(s, path.Child("podFailurePolicy"))...)
	}
	if s.SuccessPolicy != nil {
		if s.GetCompletionMode() != indexed {
			errs = append(errs, field.Invalid(path.Child("successPolicy"), summary(s.SuccessPolicy), "requires indexed completion mode"))
		} else {
			errs = append(errs, validateSuccessPolicy(s, path.Child("successPolicy"))...)
		}
	}
	if s.PodReplacementPolicy != nil {
		allowed := []string{"Failed", "TerminatingOrFailed"}
		if s.PodFailurePolicy != nil {
			allowed = allowed[:1]
		}
		errs = append(errs, oneOf(path.Child("podReplacementPolicy"), s.GetPodReplacementPolicy(), allowed...)...)
	}
	errs = append(errs, validateJobScheduling(s, path.Child("scheduling"))...)
	return append(errs, validateJobTemplate(s, path.Child("template"))...)
}

// validateIndexes checks what Indexed jobs may have and others may not.
func validateIndexes(s *batchv1.JobSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if s.CompletionMode != nil {
		errs = append(errs, oneOf(path.Child("completionMode"), s.GetCompletionMode(), indexed, nonIndexed)...)
	}
	if s.GetCompletionMode() != indexed {
		if s.BackoffLimitPerIndex != nil && (s.CompletionMode == nil || s.GetCompletionMode() == nonIndexed) {
			errs = append(errs, field.Invalid(path.Child("backoffLimitPerIndex"), s.GetBackoffLimitPerIndex(), "requires indexed completion mode"))
		}
		if s.MaxFailedIndexes != nil && (s.CompletionMode == nil || s.GetCompletionMode() == nonIndexed) {
			errs = append(errs, field.Invalid(path.Child("maxFailedIndexes"), s.GetMaxFailedIndexes(), "requires indexed completion mode"))
		}
		return errs
	}
	atMost := func(name string, value *int32, limit int32, when string) {
		if value != nil && *value > limit {
			errs = append(errs, field.Invalid(path.Child(name), *value, fmt.Sprintf("must be less than or equal to %d when %s", limit, when)))
		}
	}
	if s.Completions == nil {
		errs = append(errs, field.Required(path.Child("completions"), "when completion mode is Indexed"))
	}
	atMost("parallelism", s.Parallelism, maxIndexedParallelism, "completion mode is Indexed")
	atMost("maxFailedIndexes", s.MaxFailedIndexes, maxIndexedParallelism, "completion mode is Indexed")
	if s.Completions != nil && s.GetMaxFailedIndexes() > s.GetCompletions() {
		errs = append(errs, field.Invalid(path.Child("maxFailedIndexes"), s.GetMaxFailedIndexes(), "must be less than or equal to completions"))
	}
	if s.GetCompletions() > manyCompletions && s.BackoffLimitPerIndex != nil {
		when := fmt.Sprintf("completions are above %d and used with backoff limit per index", manyCompletions)
		if s.MaxFailedIndexes == nil {
			errs = append(errs, field.Required(path.Child("maxFailedIndexes"), fmt.Sprintf("must be specified when completions is above %d", manyCompletions)))
		}
		atMost("parallelism", s.Parallelism, parallelismOfManyIndexes, when)
		atMost("maxFailedIndexes", s.MaxFailedIndexes, failedIndexesOfManyAtMost, when)
	}
	return errs
}

// validateJobTemplate checks the pods of a job: they end.
func validateJobTemplate(s *batchv1.JobSpec, path *field.Path) field.ErrorList {
	if s.GetTemplate() == nil {
		return field.ErrorList{field.Required(path, "")}
	}
	errs := validatePodTemplate(s.Template, path)
	at, policy := path.Child("spec", "restartPolicy"), s.Template.GetSpec().GetRestartPolicy()
	switch {
	case policy == "" || policy == "Always":
		// Always is what pods have by default, so that it may not be the user's word.
		errs = append(errs, field.Required(at, `valid values: "OnFailure", "Never"`))
	case policy != "OnFailure" && policy != "Never":
		errs = append(errs, field.NotSupported(at, policy, []string{"OnFailure", "Never"}))
	case s.PodFailurePolicy != nil && policy != "Never":
		errs = append(errs, field.Invalid(at, policy, `only "Never" is supported when podFailurePolicy is specified`))
	}
	return errs
}

func validateJobUpdate(new, old *batchv1.Job) field.ErrorList {
	path, n, o := field.NewPath("spec"), new.GetSpec(), old.GetSpec()
	if n == nil || o == nil {
		return nil
	}
	var errs field.ErrorList
	frozen := func(name string, same bool, value any) {
		if !same {
			errs = append(errs, field.Invalid(path.Child(name), value, immutableMessage))
		}
	}
	switch {
	case samePtr(n.Completions, o.Completions):
	case n.GetCompletionMode() != indexed:
		frozen("completions", false, n.GetCompletions())
	case n.Completions != nil && n.GetCompletions() != n.GetParallelism():
		errs = append(errs, field.Invalid(path.Child("completions"), n.GetCompletions(), "can only be modified in tandem with spec.parallelism"))
	}
	errs = append(errs, validateImmutable(n.GetSelector(), o.GetSelector(), path.Child("selector"))...)
	errs = append(errs, validateImmutable(n.GetTemplate(), changeableTemplate(n, old), path.Child("template"))...)
	frozen("completionMode", samePtr(n.CompletionMode, o.CompletionMode), n.GetCompletionMode())
	errs = append(errs, validateImmutable(n.GetPodFailurePolicy(), o.GetPodFailurePolicy(), path.Child("podFailurePolicy"))...)
	frozen("backoffLimitPerIndex", samePtr(n.BackoffLimitPerIndex, o.BackoffLimitPerIndex), n.GetBackoffLimitPerIndex())
	frozen("managedBy", samePtr(n.ManagedBy, o.ManagedBy), n.GetManagedBy())
	errs = append(errs, validateImmutable(n.GetSuccessPolicy(), o.GetSuccessPolicy(), path.Child("successPolicy"))...)
	return append(errs, validateJobSchedulingUpdate(n.GetScheduling(), o.GetScheduling(), path.Child("scheduling"))...)
}

// changeableTemplate is the old template with everything taken from the new one that may change: nothing, or for a
// job that is suspended and has no pods, where they may run and what resources they get.
func changeableTemplate(n *batchv1.JobSpec, old *batchv1.Job) *corev1.PodTemplateSpec {
	o := old.GetSpec()
	idle := old.GetStatus().GetStartTime() == nil || jobCondition(old.GetStatus(), "Suspended")
	if !o.GetSuspend() || !idle || old.GetStatus().GetActive() != 0 || n.GetTemplate().GetSpec() == nil || o.GetTemplate().GetSpec() == nil {
		return o.GetTemplate()
	}
	t := proto.CloneOf(o.GetTemplate())
	from := n.GetTemplate()
	if t.Metadata != nil || from.Metadata != nil {
		if t.Metadata == nil {
			t.Metadata = &metav1.ObjectMeta{}
		}
		t.Metadata.Labels, t.Metadata.Annotations = from.GetMetadata().GetLabels(), from.GetMetadata().GetAnnotations()
		if from.Metadata == nil && proto.Equal(t.Metadata, &metav1.ObjectMeta{}) {
			t.Metadata = nil
		}
	}
	t.Spec.NodeSelector, t.Spec.Tolerations, t.Spec.SchedulingGates = from.Spec.NodeSelector, from.Spec.Tolerations, from.Spec.SchedulingGates
	if t.Spec.Affinity != nil || from.Spec.Affinity != nil {
		if t.Spec.Affinity == nil {
			t.Spec.Affinity = &corev1.Affinity{}
		}
		t.Spec.Affinity.NodeAffinity = from.Spec.GetAffinity().GetNodeAffinity()
		if from.Spec.Affinity == nil && proto.Equal(t.Spec.Affinity, &corev1.Affinity{}) {
			t.Spec.Affinity = nil
		}
	}
	takeResources(t.Spec.Containers, from.Spec.Containers)
	takeResources(t.Spec.InitContainers, from.Spec.InitContainers)
	return t
}

func takeResources(to, from []*corev1.Container) {
	if len(to) != len(from) {
		return
	}
	for i := range to {
		if to[i].Name == from[i].Name {
			to[i].Resources = from[i].Resources
		}
	}
}

func samePtr[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
