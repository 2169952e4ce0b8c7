package printers

import "strings"

// colours of states, by the escape sequences of ANSI terminals.
const (
	good    = "\x1b[32m"
	waiting = "\x1b[33m"
	bad     = "\x1b[31m"
	plain   = "\x1b[0m"
)

// states are words that tables show of how things are. Names of objects are never among them: those have no capitals.
var states = map[string]string{
	"Running": good, "Ready": good, "Active": good, "Bound": good, "Available": good, "Completed": good, "Succeeded": good, "Complete": good,
	"Pending": waiting, "ContainerCreating": waiting, "PodInitializing": waiting, "Terminating": waiting, "NotReady": bad,
	"SchedulingDisabled": waiting, "Unknown": bad, "Error": bad, "Failed": bad, "CrashLoopBackOff": bad, "OOMKilled": bad, "Evicted": bad,
	"ImagePullBackOff": bad, "ErrImagePull": bad, "ErrImageNeverPull": bad, "InvalidImageName": bad, "CreateContainerError": bad,
	"CreateContainerConfigError": bad, "RunContainerError": bad, "StartError": bad, "Lost": bad, "Warning": waiting,
}

// Colour is the escape sequence for what a cell says; empty when it says nothing of a state.
func Colour(cell string) string {
	if c := states[cell]; c != "" {
		return c
	}
	if strings.HasPrefix(cell, "Init:") {
		if c := states[strings.TrimPrefix(cell, "Init:")]; c != "" {
			return c
		}
		return waiting
	}
	// Ready,SchedulingDisabled: what is worse counts.
	worst := ""
	if strings.Contains(cell, ",") {
		for _, word := range strings.Split(cell, ",") {
			c := states[word]
			switch {
			case c == "":
				return ""
			case worst == "" || c == bad || c == waiting && worst == good:
				worst = c
			}
		}
	}
	return worst
}
