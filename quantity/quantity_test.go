package quantity

import (
	"strings"
	"testing"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		text         string
		value, milli int64
		canonical    string
		bad          bool
	}{
		{text: "", value: 0, milli: 0, canonical: "0"},
		{text: "250m", value: 1, milli: 250, canonical: "250m"},
		{text: "1.5", value: 2, milli: 1500, canonical: "1500m"},
		{text: "1024Mi", value: 1 << 30, milli: 1 << 30 * 1000, canonical: "1Gi"},
		{text: "1e3", value: 1000, milli: 1000000, canonical: "1e3"},
		{text: "one", bad: true},
		{text: "1 Gi", bad: true},
	} {
		t.Run(tc.text, func(t *testing.T) {
			q, err := Parse(&metav1.Quantity{String_: tc.text})
			if (err != nil) != tc.bad {
				t.Fatalf("error %v, want one: %v", err, tc.bad)
			}
			if tc.bad {
				return
			}
			if q.Value() != tc.value || q.MilliValue() != tc.milli {
				t.Errorf("value %d milli %d, want %d and %d", q.Value(), q.MilliValue(), tc.value, tc.milli)
			}
			if got := New(q).GetString_(); got != tc.canonical {
				t.Errorf("canonical %q, want %q", got, tc.canonical)
			}
		})
	}
	if q, err := Parse(nil); err != nil || !q.IsZero() {
		t.Errorf("nil gave %v, %v", q, err)
	}
}

func TestConstructorsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(0, 1<<50).Draw(t, "n")
		if got := Value(FromInt(n)); got != n {
			t.Fatalf("FromInt(%d) = %d", n, got)
		}
		if got := Value(FromBytes(n)); got != n {
			t.Fatalf("FromBytes(%d) = %d", n, got)
		}
		if got := MilliValue(FromMilli(n)); got != n {
			t.Fatalf("FromMilli(%d) = %d", n, got)
		}
	})
}

func TestListSumsAndMaxima(t *testing.T) {
	a, err := ParseList(map[string]*metav1.Quantity{"cpu": FromMilli(300), "memory": FromBytes(100)})
	if err != nil {
		t.Fatal(err)
	}
	b, err := ParseList(map[string]*metav1.Quantity{"cpu": FromMilli(700), "pods": FromInt(1)})
	if err != nil {
		t.Fatal(err)
	}
	sum := List{}
	sum.Add(a)
	sum.Add(b)
	if got := MilliValue(sum.Messages()["cpu"]); got != 1000 {
		t.Errorf("cpu %dm, want 1000m", got)
	}
	a.Max(b)
	messages := a.Messages()
	if MilliValue(messages["cpu"]) != 700 || Value(messages["memory"]) != 100 || Value(messages["pods"]) != 1 {
		t.Errorf("maxima %v", messages)
	}
	if _, err := ParseList(map[string]*metav1.Quantity{"cpu": {String_: "x"}}); err == nil {
		t.Error("a bad quantity was taken")
	}
}

func TestNumbersTooLargeToReckonWith(t *testing.T) {
	for text, fine := range map[string]bool{
		"1e18": true, "1E": true, "1E3": true, "1e256": true, "1e-256": true, "1e257": false, "1e-257": false,
		"1e999999999": false, "1E-999999999": false, "1e99999999999999999999": false,
		strings.Repeat("9", 1024): true, "1" + strings.Repeat("0", 31): false, "1" + strings.Repeat("0", 20): true, "1000E": false, "1000000P": false, "999E": true, strings.Repeat("9", 1025): false,
	} {
		if _, err := ParseText(text); (err == nil) != fine {
			t.Errorf("%.20s: %v", text, err)
		}
	}
}
