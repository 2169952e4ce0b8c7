package registry

import (
	"errors"
	"strings"

	"kaji.dev/kaji/apierror"
)

// told is what the log says of an error. The caller sees what was wrong with a Secret, which may quote it; the log
// says only where.
func told(kind string, err error) string {
	var e *apierror.Error
	if kind != "secrets.core" || !errors.As(err, &e) || len(e.Violations) == 0 {
		return err.Error()
	}
	fields := make([]string, len(e.Violations))
	for i, v := range e.Violations {
		fields[i] = v.Field
	}
	return string(e.Reason) + ": " + strings.Join(fields, ", ")
}
