package strategy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/quantity"
)

// validateResourceList checks names and amounts of resources and returns the amounts that make sense.
// nameOK adds a rule for names; nil for none.
func validateResourceList(list map[string]*metav1.Quantity, path *field.Path, nameOK func(string) string) (map[string]resource.Quantity, field.ErrorList) {
	if len(list) == 0 {
		return nil, nil
	}
	var errs field.ErrorList
	out := make(map[string]resource.Quantity, len(list))
	for _, name := range slices.Sorted(maps.Keys(list)) {
		at := path.Key(name)
		errs = append(errs, qualifiedName(at, name)...)
		if nameOK != nil {
			if msg := nameOK(name); msg != "" {
				errs = append(errs, field.Invalid(at, name, msg))
			}
		}
		q, err := quantity.ParseText(list[name].GetString_())
		if err != nil {
			errs = append(errs, field.Invalid(at, list[name].GetString_(), "must be a quantity such as 500m, 2, 128Mi: "+err.Error()))
			continue
		}
		if q.Sign() < 0 {
			errs = append(errs, field.Invalid(at, q.String(), "must be greater than or equal to 0"))
		}
		if wholeNumbersOnly(name) && q.MilliValue()%1000 != 0 {
			errs = append(errs, field.Invalid(at, q.String(), "must be an integer"))
		}
		if size, ok := strings.CutPrefix(name, hugePages); ok {
			if page, err := quantity.ParseText(size); err == nil && page.Value() > 0 && q.Value()%page.Value() != 0 {
				errs = append(errs, field.Invalid(at, q.String(), "must be a multiple of the size of a page, "+size))
			}
		}
		out[name] = q
	}
	return out, errs
}

// hugePages comes before the size of a page in the names of resources.
const hugePages = "hugepages-"

// extended says whether a resource is one that a device plugin or an operator named.
func extended(name string) bool {
	return strings.Contains(name, "/") && !strings.Contains(name, "kubernetes.io/") && !strings.HasPrefix(name, "requests.")
}

func wholeNumbersOnly(name string) bool { return extended(name) || name == "pods" }

// containerResourceName refuses names without a domain that containers cannot have.
func containerResourceName(name string) string {
	if strings.Contains(name, "/") || name == "ephemeral-storage" || podLevelResource(name) {
		return ""
	}
	return "must be a standard resource for containers: cpu, memory, ephemeral-storage, hugepages-<size>, or have a domain (example.com/gpu)"
}

func podResourceName(name string) string {
	if podLevelResource(name) {
		return ""
	}
	return "must be a resource that a pod can have as a whole: cpu, memory, hugepages-<size>"
}

// validateResources checks requests against limits. claims are the names of the pod's resource claims.
func validateResources(r *corev1.ResourceRequirements, path *field.Path, nameOK func(string) string, claims map[string]bool) field.ErrorList {
	if r == nil {
		return nil
	}
	limits, errs := validateResourceList(r.Limits, path.Child("limits"), nameOK)
	requests, more := validateResourceList(r.Requests, path.Child("requests"), nameOK)
	errs = append(errs, more...)
	huge, sized := false, false
	for _, list := range []map[string]resource.Quantity{limits, requests} {
		for name := range list {
			huge = huge || strings.HasPrefix(name, hugePages)
			sized = sized || name == "cpu" || name == "memory"
		}
	}
	for _, name := range slices.Sorted(maps.Keys(requests)) {
		request := requests[name]
		limit, has := limits[name]
		mustEqual := extended(name) || strings.HasPrefix(name, hugePages)
		switch {
		case has && mustEqual && request.Cmp(limit) != 0:
			errs = append(errs, field.Invalid(path.Child("requests"), request.String(), fmt.Sprintf("must be equal to %s limit of %s", name, limit.String())))
		case has && request.Cmp(limit) > 0:
			errs = append(errs, field.Invalid(path.Child("requests"), request.String(), fmt.Sprintf("must be less than or equal to %s limit of %s", name, limit.String())))
		case !has && mustEqual:
			errs = append(errs, field.Required(path.Child("limits").Key(name), "Limit must be set for non overcommitable resources"))
		}
	}
	if huge && !sized {
		errs = append(errs, field.Forbidden(path, "HugePages require cpu or memory"))
	}
	seen := map[claimKey]bool{}
	for i, c := range r.Claims {
		at := path.Child("claims").Index(i)
		switch {
		case c.Name == "":
			errs = append(errs, field.Required(at.Child("name"), ""))
		case seen[claimKey{c.Name, c.Request}]:
			errs = append(errs, field.Duplicate(at, c.Name))
		case claims != nil && !claims[c.Name]:
			errs = append(errs, field.NotFound(at.Child("name"), c.Name))
		}
		seen[claimKey{c.Name, c.Request}] = true
	}
	return errs
}

// claimKey tells claims of one container apart.
type claimKey struct{ name, request string }

// validatePodResources checks what a pod asks for as a whole against what its containers ask for.
func validatePodResources(s *corev1.PodSpec, path *field.Path) field.ErrorList {
	r := s.GetResources()
	if r == nil {
		return nil
	}
	errs := validateResources(r, path, podResourceName, nil)
	if len(r.Claims) > 0 {
		errs = append(errs, field.Forbidden(path.Child("claims"), "may not be set for Resources at pod-level"))
	}
	sums := effectiveRequests(s)
	requests := parseQuantities(r.Requests)
	for _, name := range slices.Sorted(maps.Keys(requests)) {
		have := requests[name]
		if sum, ok := sums[name]; ok && have.Cmp(sum) < 0 {
			errs = append(errs, field.Invalid(path.Child("requests").Key(name), have.String(),
				fmt.Sprintf("must be greater than or equal to aggregate container requests of %s", sum.String())))
		}
	}
	limits := parseQuantities(r.Limits)
	forEachContainer(s, func(c *corev1.Container) {
		for name, q := range parseQuantities(c.GetResources().GetLimits()) {
			if limit, ok := limits[name]; ok && q.Cmp(limit) > 0 {
				errs = append(errs, field.Invalid(path.Child("limits").Key(name), limit.String(),
					fmt.Sprintf("must be greater than or equal to the limit of container %s, %s", c.Name, q.String())))
			}
		}
	})
	return errs
}

// validateResizePolicies checks what a container does when its resources change while it runs.
func validateResizePolicies(policies []*corev1.ContainerResizePolicy, podRestart string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := map[string]bool{}
	for i, p := range policies {
		at := path.Index(i)
		if seen[p.ResourceName] {
			errs = append(errs, field.Duplicate(at, p.ResourceName))
		}
		seen[p.ResourceName] = true
		errs = append(errs, oneOf(at.Child("resourceName"), p.ResourceName, "cpu", "memory")...)
		errs = append(errs, oneOf(at.Child("restartPolicy"), p.RestartPolicy, "NotRequired", "RestartContainer")...)
		if podRestart == "Never" && p.RestartPolicy == "RestartContainer" {
			errs = append(errs, field.Invalid(at.Child("restartPolicy"), p.RestartPolicy, "must be 'NotRequired' when `restartPolicy` is 'Never'"))
		}
	}
	return errs
}

// validatePortNumber checks the number of a port.
func validatePortNumber(n int32, path *field.Path) field.ErrorList {
	return each(path, n, validation.IsValidPortNum(int(n)))
}
