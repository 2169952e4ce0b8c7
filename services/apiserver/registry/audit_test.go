package registry

import (
	"testing"

	"kaji.dev/kaji/apierror"
)

func TestTheLogQuotesNoSecret(t *testing.T) {
	wrong := []apierror.FieldViolation{
		{Field: "stringData[pin]", Description: `must be a string, not a number; put it in quotes: "4711"`},
		{Field: "metadata.name", Description: "Required value"},
	}
	for _, c := range []struct {
		kind string
		err  error
		want string
	}{
		{"secrets.core", apierror.Invalid("secrets.core", "default", "s", wrong), "INVALID: stringData[pin], metadata.name"},
		{"secrets.core", apierror.NotFound("secrets.core", "default", "s"), `secrets.core "default/s" not found`},
		{"pods.core", apierror.BadRequest("no such field", wrong[1]), "no such field"},
	} {
		if got := told(c.kind, c.err); got != c.want {
			t.Errorf("%s: %q, want %q", c.kind, got, c.want)
		}
	}
}
