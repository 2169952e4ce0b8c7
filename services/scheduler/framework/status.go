package framework

import "strings"

// Code is the kind of a verdict.
type Code int

// Verdicts. Success is a nil *Status as well.
const (
	Success Code = iota
	// Unschedulable says no; other pods going away could change that.
	Unschedulable
	// Unresolvable says no, and no other pod going away changes that.
	Unresolvable
	// Skip says that the plugin has nothing to say about the pod, so its later steps are left out.
	Skip
	// Failed says that the plugin could not tell.
	Failed
)

// Status is a plugin's verdict. Values are never changed, so plugins return the same ones again and again.
type Status struct {
	Code    Code
	Plugin  string
	Reasons []string
}

// NewStatus returns a verdict of a plugin.
func NewStatus(code Code, plugin string, reasons ...string) *Status {
	return &Status{Code: code, Plugin: plugin, Reasons: reasons}
}

// GetCode returns the code; Success of nil.
func (s *Status) GetCode() Code {
	if s == nil {
		return Success
	}
	return s.Code
}

// OK tells whether the verdict is Success.
func (s *Status) OK() bool { return s.GetCode() == Success }

// Rejected tells whether the verdict is that the pod does not fit.
func (s *Status) Rejected() bool {
	return s.GetCode() == Unschedulable || s.GetCode() == Unresolvable
}

// Message is the reasons in one line.
func (s *Status) Message() string {
	if s == nil {
		return ""
	}
	return strings.Join(s.Reasons, ", ")
}
