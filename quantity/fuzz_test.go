package quantity_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/quantity"
)

// FuzzParse compares with apimachinery, whose quantities these are, and expects that what is written reads as the same.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"0", "1", "-1", "+1", "1.5", ".5", "5.", "500m", "1Gi", "1.5Gi", "1E", "1Ei", "1e3", "1E-3", "100n", "1u", "0.0000000001",
		"9223372036854775807", "9223372036854775808", "1e256", "1e-256", "1e999999999", "00001", "1 Gi", "1ki", "", "e3", "-0", "1e", "0x10", "8Ei",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := quantity.ParseText(text)
		if err != nil {
			// Refused is what Kubernetes refuses too, or what only takes long there; see TestNumbersTooLargeToReckonWith.
			return
		}
		want, err := resource.ParseQuantity(text)
		if err != nil || got.Cmp(want) != 0 || got.String() != want.String() {
			t.Fatalf("%q is %v, Kubernetes' %v (%v)", text, &got, &want, err)
		}
		written := quantity.New(got)
		back, err := quantity.Parse(written)
		if err != nil {
			t.Fatalf("%q is written %q, which is refused: %v", text, written.GetString_(), err)
		}
		if again := quantity.New(back); again.GetString_() != written.GetString_() || back.Cmp(got) != 0 {
			t.Fatalf("%q is written %q, then %q", text, written.GetString_(), again.GetString_())
		}
		message := &metav1.Quantity{String_: text}
		if v := quantity.Value(message); v != got.Value() {
			t.Fatalf("the value of %q is %d, not %d", text, v, got.Value())
		}
		if v := quantity.MilliValue(message); v != got.MilliValue() {
			t.Fatalf("the milli value of %q is %d, not %d", text, v, got.MilliValue())
		}
	})
}
