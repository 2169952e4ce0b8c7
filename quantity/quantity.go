// Package quantity turns Quantity messages into apimachinery's resource.Quantity and back.
//
// It owns the conversion and the sums over resource lists that scheduler, node and admission share.
// It refuses text that is not a quantity; it does not judge whether a quantity makes sense where it stands.
// All functions may be called concurrently.
package quantity

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"k8s.io/apimachinery/pkg/api/resource"
)

// What bounds the text of a quantity. Reckoning with 1e999999999 takes for ever, and nobody has that much of anything:
// the largest suffix, E, is 1e18.
const (
	maxText     = 1024
	maxExponent = 256
	maxExact    = 9 // characters of text that is written as it is read, up to the suffix G
)

var errTooLarge = errors.New("it has too many digits, or too large an exponent")

// ParseText reads a quantity as Kubernetes does, but for numbers too long, or with too large an exponent, to reckon with.
func ParseText(text string) (resource.Quantity, error) {
	if len(text) > maxText {
		return resource.Quantity{}, errTooLarge
	}
	// In 1E there is no exponent: it is a suffix.
	if i := strings.LastIndexAny(text, "eE"); i >= 0 && i+1 < len(text) {
		if e, err := strconv.Atoi(text[i+1:]); err == nil && (e > maxExponent || e < -maxExponent) {
			return resource.Quantity{}, errTooLarge
		}
	}
	q, err := resource.ParseQuantity(text)
	if err != nil || len(text) <= maxExact && !strings.ContainsAny(text, "eEPT") {
		return q, err
	}
	// There is no suffix for 1e21 and more, and apimachinery writes such numbers without: 1000E becomes 1.
	if back, err := resource.ParseQuantity(q.String()); err != nil || back.Cmp(q) != 0 {
		return resource.Quantity{}, errTooLarge
	}
	return q, nil
}

// Parse reads a Quantity message. A nil or empty message is zero, as Kubernetes decodes it.
func Parse(q *metav1.Quantity) (resource.Quantity, error) {
	if q.GetString_() == "" {
		return resource.Quantity{}, nil
	}
	parsed, err := ParseText(q.GetString_())
	if err != nil {
		return resource.Quantity{}, fmt.Errorf("quantity %q: %w", q.GetString_(), err)
	}
	return parsed, nil
}

// Value is the quantity in whole units, rounded up; text that is no quantity counts as zero.
// Objects read from the API have passed validation, so callers that read them need no error.
func Value(q *metav1.Quantity) int64 {
	parsed, err := Parse(q)
	if err != nil {
		return 0
	}
	return parsed.Value()
}

// MilliValue is the quantity in thousandths, rounded up; text that is no quantity counts as zero.
func MilliValue(q *metav1.Quantity) int64 {
	parsed, err := Parse(q)
	if err != nil {
		return 0
	}
	return parsed.MilliValue()
}

// New writes a resource.Quantity as a message in its canonical form.
func New(q resource.Quantity) *metav1.Quantity {
	return &metav1.Quantity{String_: q.String()}
}

// FromInt is n whole units in decimal notation, e.g. pods.
func FromInt(n int64) *metav1.Quantity {
	return New(*resource.NewQuantity(n, resource.DecimalSI))
}

// FromBytes is n bytes in binary notation, e.g. memory: 1073741824 is "1Gi".
func FromBytes(n int64) *metav1.Quantity {
	return New(*resource.NewQuantity(n, resource.BinarySI))
}

// FromMilli is n thousandths in decimal notation, e.g. CPU: 250 is "250m".
func FromMilli(n int64) *metav1.Quantity {
	return New(*resource.NewMilliQuantity(n, resource.DecimalSI))
}

// List is a parsed resource list.
type List map[string]resource.Quantity

// ParseList reads a map of quantities as it stands in requests, limits and capacity.
func ParseList(m map[string]*metav1.Quantity) (List, error) {
	list := make(List, len(m))
	for name, q := range m {
		parsed, err := Parse(q)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		list[name] = parsed
	}
	return list, nil
}

// Add adds every quantity of other to the list.
func (l List) Add(other List) {
	for name, q := range other {
		sum := l[name].DeepCopy()
		sum.Add(q)
		l[name] = sum
	}
}

// Max raises every quantity of the list to that of other where other's is larger.
func (l List) Max(other List) {
	for name, q := range other {
		if have, ok := l[name]; !ok || have.Cmp(q) < 0 {
			l[name] = q.DeepCopy()
		}
	}
}

// Messages writes the list as messages.
func (l List) Messages() map[string]*metav1.Quantity {
	m := make(map[string]*metav1.Quantity, len(l))
	for name, q := range l {
		m[name] = New(q)
	}
	return m
}
