package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/apierror"
)

// ExitError ends the program with a status of its own; what there was to say has been said.
type ExitError struct{ Code int }

func (e *ExitError) Error() string { return fmt.Sprintf("exit status %d", e.Code) }

// exitMessage is an exit status with something to say.
type exitMessage struct {
	code int
	text string
}

func (e *exitMessage) Error() string { return e.text }

// failure is an error with an exit status of its own.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// advice is an error with what to do next.
type advice struct {
	err  error
	next string
}

func (a *advice) Error() string { return a.err.Error() }
func (a *advice) Unwrap() error { return a.err }

// Advise gives an error with what to do next, which is written below it.
func Advise(err error, next string) error { return &advice{err: err, next: next} }

// usageError is a command line that makes no sense.
type usageError struct {
	command *cobra.Command
	err     error
}

func (u *usageError) Error() string { return u.err.Error() }
func (u *usageError) Unwrap() error { return u.err }

func usage(c *cobra.Command, format string, args ...any) error {
	return &usageError{command: c, err: fmt.Errorf(format, args...)}
}

// Execute runs a command tree made by NewRootCommand and returns the exit status: 0, 1, or what the command
// itself wants. Errors are written with what to do next.
func Execute(ctx context.Context, root *cobra.Command) int {
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var exit *ExitError
	if errors.As(err, &exit) {
		return exit.Code
	}
	var failed *exitMessage
	if errors.As(err, &failed) {
		Report(root.ErrOrStderr(), err)
		return failed.code
	}
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || apierror.ReasonOf(err) == apierror.ReasonCanceled) {
		// Interrupted by the user, who knows.
		return 130
	}
	Report(root.ErrOrStderr(), err)
	var own *failure
	if errors.As(err, &own) {
		return own.code
	}
	return 1
}

// Report writes an error for people: what is wrong, every violation on a line of its own, what to do next.
func Report(w io.Writer, err error) {
	var several interface{ Unwrap() []error }
	if errors.As(err, &several) {
		for _, one := range several.Unwrap() {
			Report(w, one)
		}
		return
	}
	fmt.Fprintf(w, "Error: %s\n", message(err))
	if next := nextStep(err); next != "" {
		fmt.Fprintf(w, "  → %s\n", next)
	}
}

// message is the text of an error; field violations are listed below it.
func message(err error) string {
	var e *apierror.Error
	if !errors.As(err, &e) || len(e.Violations) == 0 {
		return err.Error()
	}
	var b strings.Builder
	text := err.Error()
	if i := strings.Index(text, "is invalid: "); i >= 0 && e.Reason == apierror.ReasonInvalid {
		text = text[:i+len("is invalid:")]
	}
	b.WriteString(text)
	for _, v := range e.Violations {
		b.WriteString("\n  " + v.String())
	}
	return b.String()
}

func nextStep(err error) string {
	var a *advice
	if errors.As(err, &a) {
		return a.next
	}
	var u *usageError
	if errors.As(err, &u) {
		return fmt.Sprintf("`%s --help` has the flags and examples", u.command.CommandPath())
	}
	var e *apierror.Error
	if !errors.As(err, &e) {
		if strings.HasPrefix(err.Error(), "unknown command") {
			return "`kaji help` lists the commands"
		}
		return ""
	}
	switch e.Reason {
	case apierror.ReasonNotFound:
		if e.Kind == "namespaces.core" {
			return fmt.Sprintf("`kaji create namespace %s` makes it", e.Name)
		}
	case apierror.ReasonUnavailable:
		text := e.Error()
		switch {
		case strings.Contains(text, "certificate has expired") || strings.Contains(text, "expired certificate"):
			return "a certificate is past its time, or a clock is wrong; `kaji config view` shows which is used, `kaji up` renews those of this machine's cluster"
		case strings.Contains(text, "x509") || strings.Contains(text, "certificate") || strings.Contains(text, "tls:"):
			return "the certificates do not fit this cluster; `kaji config view` shows which are used, `kaji up` writes them anew"
		case strings.Contains(text, "connection refused") || strings.Contains(text, "no such host") || strings.Contains(text, "dial ") || strings.Contains(text, "connect:"):
			return "is the cluster up? try `kaji up`; `kaji config view` shows where I looked"
		}
		return "a part of the cluster does not answer; try again in a moment"
	case apierror.ReasonUnauthenticated:
		return "the server does not know you; `kaji config view` shows which certificate is used"
	case apierror.ReasonForbidden:
		return "`kaji auth whoami` shows who you are to this cluster, `kaji auth can-i --list` what you may do"
	case apierror.ReasonConflict:
		return "someone else changed it meanwhile; do it again"
	case apierror.ReasonAlreadyExists:
		return "`kaji apply` changes what exists, `kaji replace` replaces it"
	case apierror.ReasonTimeout:
		return "the server took too long; try again in a moment"
	case apierror.ReasonTooManyRequests:
		if e.RetryAfter > 0 {
			return fmt.Sprintf("try again in %v", e.RetryAfter)
		}
		return "try again in a moment"
	}
	return ""
}
