package containerconfig

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"kaji.dev/kaji/node/downward"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

const (
	minShares    = 2
	maxShares    = 262144
	sharesPerCPU = 1024
	cpuPeriod    = 100_000 // µs
	minQuota     = 1_000   // µs: the kernel takes no less
)

// amounts are requests and limits in base units: thousandths of a CPU, bytes. Absent
// is told from zero by the maps.
type amounts struct {
	requests, limits map[string]int64
}

func readAmounts(r *corev1.ResourceRequirements) (amounts, error) {
	a := amounts{requests: map[string]int64{}, limits: map[string]int64{}}
	for _, side := range []struct {
		name string
		from map[string]*metav1.Quantity
		to   map[string]int64
	}{{"requests", r.GetRequests(), a.requests}, {"limits", r.GetLimits(), a.limits}} {
		for name, q := range side.from {
			v, err := downward.Quantity(q)
			if err != nil {
				return a, fmt.Errorf("resources.%s.%s %q: %w", side.name, name, q.GetString_(), err)
			}
			side.to[name] = base(name, v)
		}
	}
	return a, nil
}

func base(name string, q resource.Quantity) int64 {
	if name == "cpu" {
		return q.MilliValue()
	}
	return q.Value()
}

// containerResources are the cgroup settings of one container. A container without a limit
// of its own is held by the pod's, where the pod has one.
func (c *Config) containerResources(pod *corev1.Pod, container *corev1.Container) (Resources, error) {
	a, err := readAmounts(container.GetResources())
	if err != nil {
		return Resources{}, err
	}
	whole, err := readAmounts(pod.GetSpec().GetResources())
	if err != nil {
		return Resources{}, fmt.Errorf("pod: %w", err)
	}
	for _, name := range []string{"cpu", "memory"} {
		if limit, ok := whole.limits[name]; ok && a.limits[name] == 0 {
			a.limits[name] = limit
			if _, asked := a.requests[name]; !asked {
				a.requests[name] = 0 // the pod's limit is not this container's wish
			}
		}
	}
	r := c.linux(&a)
	r.OOMScoreAdj = c.OOMScoreAdj(pod, container)
	for _, size := range c.HugepageSizes {
		if !slices.ContainsFunc(r.HugepageLimits, func(l HugepageLimit) bool { return l.PageSize == size }) {
			r.HugepageLimits = append(r.HugepageLimits, HugepageLimit{PageSize: size})
		}
	}
	slices.SortFunc(r.HugepageLimits, func(a, b HugepageLimit) int { return strings.Compare(a.PageSize, b.PageSize) })
	if c.CgroupV2 && c.MemoryQoS && a.requests["memory"] > 0 {
		r.Unified = map[string]string{"memory.min": strconv.FormatInt(a.requests["memory"], 10)}
	}
	return *r, nil
}

// linux spells amounts as cgroup settings; nil stays nil.
func (c *Config) linux(a *amounts) *Resources {
	if a == nil {
		return nil
	}
	r := &Resources{MemoryLimit: a.limits["memory"], CPUShares: shares(*a)}
	if limit := a.limits["cpu"]; limit > 0 && !c.DisableCPUQuota {
		r.CPUPeriod = cpuPeriod
		r.CPUQuota = max(limit*cpuPeriod/1000, minQuota)
	}
	for name, limit := range a.limits {
		if size, ok := strings.CutPrefix(name, "hugepages-"); ok {
			if unit := pageSize(size); unit != "" && limit > 0 {
				r.HugepageLimits = append(r.HugepageLimits, HugepageLimit{PageSize: unit, Limit: uint64(limit)})
			}
		}
	}
	return r
}

// shares is the weight of the CPU request, or of the limit when no request is
// there.
func shares(a amounts) int64 {
	milli, ok := a.requests["cpu"]
	if !ok {
		milli = a.limits["cpu"]
	}
	return min(max(milli*sharesPerCPU/1000, minShares), maxShares)
}

// pageSize turns 2Mi into 2MB, the spelling of the hugetlb cgroup.
func pageSize(size string) string {
	q, err := resource.ParseQuantity(size)
	if err != nil || q.Sign() <= 0 {
		return ""
	}
	v := q.Value()
	for _, unit := range []string{"B", "KB", "MB", "GB"} {
		if v < 1024 || unit == "GB" {
			return strconv.FormatInt(v, 10) + unit
		}
		v /= 1024
	}
	return ""
}

// podResources is what the pod uses at most at one time, nil when it asks for
// nothing: the sum of the containers that run together, or the hungriest of the init
// containers with the sidecars started before it; the pod's own figures where it has them.
func podResources(pod *corev1.Pod) (*amounts, error) {
	sum := amounts{requests: map[string]int64{}, limits: map[string]int64{}}
	peak := amounts{requests: map[string]int64{}, limits: map[string]int64{}}
	for _, container := range pod.GetSpec().GetInitContainers() {
		a, err := readAmounts(container.GetResources())
		if err != nil {
			return nil, fmt.Errorf("container %q: %w", container.GetName(), err)
		}
		if isSidecar(container) {
			add(sum, a)
			raise(peak, sum)
			continue
		}
		together := amounts{requests: map[string]int64{}, limits: map[string]int64{}}
		add(together, sum)
		add(together, a)
		raise(peak, together)
	}
	for _, container := range pod.GetSpec().GetContainers() {
		a, err := readAmounts(container.GetResources())
		if err != nil {
			return nil, fmt.Errorf("container %q: %w", container.GetName(), err)
		}
		add(sum, a)
	}
	raise(peak, sum)
	// One container without a limit may use all there is.
	for name := range peak.limits {
		for _, container := range runningContainers(pod) {
			if q, err := downward.Quantity(container.GetResources().GetLimits()[name]); err == nil && q.IsZero() {
				delete(peak.limits, name)
				break
			}
		}
	}
	own, err := readAmounts(pod.GetSpec().GetResources())
	if err != nil {
		return nil, fmt.Errorf("pod: %w", err)
	}
	for name, v := range own.requests {
		peak.requests[name] = v
	}
	for name, v := range own.limits {
		peak.limits[name] = v
	}
	if len(peak.requests)+len(peak.limits) == 0 {
		return nil, nil
	}
	return &peak, nil
}

// Amounts are cpu in thousandths of one and memory in bytes, by name.
type Amounts map[string]int64

// PodRequests is what a node has to set aside for a pod: the most that it uses at one time, and its overhead.
func PodRequests(pod *corev1.Pod) (Amounts, error) {
	out := Amounts{"cpu": 0, "memory": 0}
	whole, err := podResources(pod)
	if err != nil {
		return nil, err
	}
	over, err := overheadOf(pod)
	if err != nil {
		return nil, err
	}
	for _, a := range []*amounts{whole, over} {
		for name := range out {
			if a != nil {
				out[name] += a.requests[name]
			}
		}
	}
	return out, nil
}

// Thousandths reads a quantity for comparing it; one that is missing or cannot be read is zero.
func Thousandths(q *metav1.Quantity) int64 { return value(map[string]*metav1.Quantity{"": q}, "") }

// Update is what a running container's cgroup settings become when it has the resources of container.
func (c *Config) Update(pod *corev1.Pod, container *corev1.Container) (Resources, error) {
	return c.containerResources(pod, container)
}

func overheadOf(pod *corev1.Pod) (*amounts, error) {
	if len(pod.GetSpec().GetOverhead()) == 0 {
		return nil, nil
	}
	a, err := readAmounts(&corev1.ResourceRequirements{Limits: pod.GetSpec().GetOverhead(), Requests: pod.GetSpec().GetOverhead()})
	if err != nil {
		return nil, fmt.Errorf("overhead: %w", err)
	}
	return &a, nil
}

func add(to, from amounts) {
	for name, v := range from.requests {
		to.requests[name] += v
	}
	for name, v := range from.limits {
		to.limits[name] += v
	}
}

func raise(to, from amounts) {
	for name, v := range from.requests {
		to.requests[name] = max(to.requests[name], v)
	}
	for name, v := range from.limits {
		to.limits[name] = max(to.limits[name], v)
	}
}
