package strategy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/util/validation/field"

	batchv1 "kaji.dev/kaji/gen/kaji/batch/v1"
)

const (
	maxFailureRules    = 20
	maxExitCodes       = 255
	maxPodConditions   = 20
	maxSuccessRules    = 20
	maxSucceededLength = 64 << 10
)

func validatePodFailurePolicy(s *batchv1.JobSpec, path *field.Path) field.ErrorList {
	rules := s.PodFailurePolicy.Rules
	var errs field.ErrorList
	if len(rules) > maxFailureRules {
		errs = append(errs, field.TooMany(path.Child("rules"), len(rules), maxFailureRules))
	}
	var containers []string
	for _, c := range append(slices.Clone(s.GetTemplate().GetSpec().GetContainers()), s.GetTemplate().GetSpec().GetInitContainers()...) {
		containers = append(containers, c.Name)
	}
	for i, r := range rules {
		at := path.Child("rules").Index(i)
		switch {
		case r.Action == "":
			errs = append(errs, field.Required(at.Child("action"), `valid values: "Count", "FailIndex", "FailJob", "Ignore"`))
		case r.Action == "FailIndex" && s.BackoffLimitPerIndex == nil:
			errs = append(errs, field.Invalid(at.Child("action"), r.Action, "requires the backoffLimitPerIndex to be set"))
		default:
			errs = append(errs, oneOf(at.Child("action"), r.Action, "Count", "FailIndex", "FailJob", "Ignore")...)
		}
		if r.OnExitCodes != nil {
			errs = append(errs, validateExitCodes(r.OnExitCodes, containers, at.Child("onExitCodes"))...)
		}
		if n := len(r.OnPodConditions); n > maxPodConditions {
			errs = append(errs, field.TooMany(at.Child("onPodConditions"), n, maxPodConditions))
		}
		for j, c := range r.OnPodConditions {
			errs = append(errs, qualifiedName(at.Child("onPodConditions").Index(j).Child("type"), c.Type)...)
			errs = append(errs, oneOf(at.Child("onPodConditions").Index(j).Child("status"), c.Status, "False", "True", "Unknown")...)
		}
		if (r.OnExitCodes == nil) == (len(r.OnPodConditions) == 0) {
			errs = append(errs, field.Invalid(at, field.OmitValueType{}, "exactly one of onExitCodes and onPodConditions is required"))
		}
	}
	return errs
}

func validateExitCodes(r *batchv1.PodFailurePolicyOnExitCodesRequirement, containers []string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if r.Operator == "" {
		errs = append(errs, field.Required(path.Child("operator"), `valid values: "In", "NotIn"`))
	} else {
		errs = append(errs, oneOf(path.Child("operator"), r.Operator, "In", "NotIn")...)
	}
	if r.ContainerName != nil && !slices.Contains(containers, r.GetContainerName()) {
		errs = append(errs, field.Invalid(path.Child("containerName"), r.GetContainerName(),
			"must be one of the container or initContainer names in the pod template"))
	}
	values := path.Child("values")
	switch n := len(r.Values); {
	case n == 0:
		errs = append(errs, field.Invalid(values, r.Values, "at least one value is required"))
	case n > maxExitCodes:
		errs = append(errs, field.TooMany(values, n, maxExitCodes))
	}
	seen := map[int32]bool{}
	for i, v := range r.Values {
		if r.Operator == "In" && v == 0 {
			errs = append(errs, field.Invalid(values.Index(i), v, "must not be 0 for the In operator"))
		}
		if seen[v] {
			errs = append(errs, field.Duplicate(values.Index(i), v))
		}
		seen[v] = true
	}
	if !slices.IsSorted(r.Values) {
		errs = append(errs, field.Invalid(values, r.Values, "must be ordered"))
	}
	return errs
}

func validateSuccessPolicy(s *batchv1.JobSpec, path *field.Path) field.ErrorList {
	rules := s.SuccessPolicy.Rules
	var errs field.ErrorList
	switch n := len(rules); {
	case n == 0:
		errs = append(errs, field.Required(path.Child("rules"), "at least one rule must be specified when the successPolicy is specified"))
	case n > maxSuccessRules:
		errs = append(errs, field.TooMany(path.Child("rules"), n, maxSuccessRules))
	}
	for i, r := range rules {
		at := path.Child("rules").Index(i)
		if r.SucceededCount == nil && r.SucceededIndexes == nil {
			errs = append(errs, field.Required(at, "at least one of succeededCount or succeededIndexes must be specified"))
		}
		total := s.GetCompletions()
		if r.SucceededIndexes != nil {
			if len(r.GetSucceededIndexes()) > maxSucceededLength {
				errs = append(errs, field.TooLong(at.Child("succeededIndexes"), "", maxSucceededLength))
			}
			spans, err := parseIndexes(r.GetSucceededIndexes(), s.GetCompletions())
			if err != nil {
				errs = append(errs, field.Invalid(at.Child("succeededIndexes"), r.GetSucceededIndexes(), "error parsing succeededIndexes: "+err.Error()))
			}
			total = countIndexes(spans)
		}
		if r.SucceededCount != nil {
			errs = append(errs, nonNegative(at.Child("succeededCount"), int64(r.GetSucceededCount()))...)
			if r.GetSucceededCount() > total {
				errs = append(errs, field.Invalid(at.Child("succeededCount"), r.GetSucceededCount(),
					fmt.Sprintf("must be less than or equal to %d, the number of indexes there are", total)))
			}
		}
	}
	return errs
}

// indexSpan is a range of indexes of a job, both ends within it.
type indexSpan struct{ first, last int32 }

// parseIndexes reads "0,3-5,7": ascending indexes and ranges, all below completions.
func parseIndexes(text string, completions int32) ([]indexSpan, error) {
	if text == "" {
		return nil, nil
	}
	index := func(s string) (int32, error) {
		n, err := strconv.ParseInt(s, 10, 32)
		switch {
		case err != nil || n < 0:
			return 0, fmt.Errorf("cannot convert string to integer for index: %q", s)
		case int32(n) >= completions:
			return 0, fmt.Errorf("too large index: %q", s)
		}
		return int32(n), nil
	}
	var out []indexSpan
	for _, part := range strings.Split(text, ",") {
		from, to, isRange := strings.Cut(part, "-")
		first, err := index(from)
		if err != nil {
			return nil, err
		}
		last := first
		if isRange {
			if last, err = index(to); err != nil {
				return nil, err
			}
			if first >= last {
				return nil, fmt.Errorf("non-increasing order, previous: %d, current: %d", first, last)
			}
		}
		if n := len(out); n > 0 && out[n-1].last >= first {
			return nil, fmt.Errorf("non-increasing order, previous: %d, current: %d", out[n-1].last, first)
		}
		out = append(out, indexSpan{first, last})
	}
	return out, nil
}

func countIndexes(spans []indexSpan) int32 {
	var n int32
	for _, s := range spans {
		n += s.last - s.first + 1
	}
	return n
}

// sharedIndex is an index that is in both lists.
func sharedIndex(a, b []indexSpan) (int32, bool) {
	for len(a) > 0 && len(b) > 0 {
		if a[0].first <= b[0].last && b[0].first <= a[0].last {
			return max(a[0].first, b[0].first), true
		}
		if a[0].first < b[0].first {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return 0, false
}

// validateJobScheduling checks how the pods of a job are scheduled together.
func validateJobScheduling(s *batchv1.JobSpec, path *field.Path) field.ErrorList {
	c := s.GetScheduling()
	if c == nil {
		return nil
	}
	var errs field.ErrorList
	policy := c.GetSchedulingPolicy()
	if policy != nil && (policy.Basic == nil) == (policy.Gang == nil) {
		errs = append(errs, field.Invalid(path.Child("schedulingPolicy"), field.OmitValueType{}, "exactly one of basic and gang is required"))
	}
	if g := policy.GetGang(); g != nil && g.MinCount != nil {
		at := path.Child("schedulingPolicy", "gang", "minCount")
		parallelism := int32(1)
		if s.Parallelism != nil {
			parallelism = s.GetParallelism()
		}
		if g.GetMinCount() < 1 {
			errs = append(errs, field.Invalid(at, g.GetMinCount(), "must be greater than 0"))
		}
		if g.GetMinCount() > parallelism {
			errs = append(errs, field.Invalid(at, g.GetMinCount(), fmt.Sprintf("must not be greater than parallelism (%d)", parallelism)))
		}
	}
	mode := c.GetDisruptionMode()
	if mode != nil && (mode.Single == nil) == (mode.All == nil) {
		errs = append(errs, field.Invalid(path.Child("disruptionMode"), field.OmitValueType{}, "exactly one of single and all is required"))
	}
	if policy.GetBasic() != nil && mode.GetAll() != nil {
		errs = append(errs, field.Invalid(path.Child("disruptionMode"), field.OmitValueType{}, "pods scheduled one by one cannot be disrupted together only"))
	}
	for i, t := range c.GetSchedulingConstraints().GetTopology() {
		errs = append(errs, qualifiedName(path.Child("schedulingConstraints", "topology").Index(i).Child("key"), t.Key)...)
	}
	return errs
}

// validateJobSchedulingUpdate lets only the size of a gang change.
func validateJobSchedulingUpdate(n, o *batchv1.JobSchedulingConfiguration, path *field.Path) field.ErrorList {
	if gang := o.GetSchedulingPolicy().GetGang(); gang != nil && n.GetSchedulingPolicy().GetGang() != nil {
		o = proto.CloneOf(o)
		o.SchedulingPolicy.Gang.MinCount = n.GetSchedulingPolicy().GetGang().MinCount
	}
	return validateImmutable(n, o, path)
}
