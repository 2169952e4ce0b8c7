package equality

import (
	"fmt"
	"math/rand"
	"time"

	k8sresource "k8s.io/apimachinery/pkg/api/resource"
	k8smeta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/randfill"
)

// newFiller fills Kubernetes objects at random, the same for the same seed. The functions keep to values that
// have one form in JSON and in binary: whole seconds, quantities in canonical form, raw JSON.
func newFiller(seed int64) *randfill.Filler {
	return randfill.NewWithSeed(seed).NilChance(0.3).NumElements(0, 3).MaxDepth(20).Funcs(
		func(t *k8smeta.Time, c randfill.Continue) {
			// A pointer to the zero time is null in JSON, which nothing reads back; so there is none.
			*t = k8smeta.Unix(1+c.Int63n(1<<33), 0)
		},
		func(t *k8smeta.MicroTime, c randfill.Continue) {
			*t = k8smeta.NewMicroTime(time.Unix(1+c.Int63n(1<<33), c.Int63n(1_000_000)*1000))
		},
		func(d *k8smeta.Duration, c randfill.Continue) { d.Duration = time.Duration(c.Int63n(1 << 40)) },
		func(q *k8sresource.Quantity, c randfill.Continue) {
			formats := []string{"%d", "%dm", "%dMi", "%dG", "-%d", "%dk"}
			*q = k8sresource.MustParse(fmt.Sprintf(formats[c.Intn(len(formats))], 1+c.Intn(1_000_000)))
			*q = k8sresource.MustParse(q.String())
		},
		func(v *intstr.IntOrString, c randfill.Continue) {
			if c.Bool() {
				*v = intstr.FromInt32(c.Int31())
			} else {
				*v = intstr.FromString(c.String(10))
			}
		},
		// Where an object within an object stands says what it is; only the outer one names its kind.
		func(m *k8smeta.TypeMeta, _ randfill.Continue) { *m = k8smeta.TypeMeta{} },
		func(e *runtime.RawExtension, c randfill.Continue) {
			*e = runtime.RawExtension{Raw: fmt.Appendf(nil, `{"x":%d}`, c.Intn(100))}
		},
		func(f *k8smeta.FieldsV1, c randfill.Continue) {
			*f = *k8smeta.NewFieldsV1(fmt.Sprintf(`{"f:spec":{"f:x%d":{}}}`, rand.New(rand.NewSource(c.Int63())).Intn(100)))
		},
	)
}
