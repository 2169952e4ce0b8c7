package leader

import "testing"

func TestIdentityIsThatOfTheListener(t *testing.T) {
	a, err := Identity("127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	again, _ := Identity("127.0.0.1:1")
	other, _ := Identity("127.0.0.1:2")
	if a != again || a == other {
		t.Errorf("%s, again %s, elsewhere %s", a, again, other)
	}
}
