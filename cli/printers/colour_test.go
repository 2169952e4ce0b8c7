package printers_test

import (
	"strings"
	"testing"

	"kaji.dev/kaji/cli/printers"
)

func TestColour(t *testing.T) {
	for cell, want := range map[string]string{
		"Running": "32", "Ready,SchedulingDisabled": "33", "NotReady,SchedulingDisabled": "31", "Init:0/1": "33", "Init:CrashLoopBackOff": "31",
		"CrashLoopBackOff": "31", "running": "", "web-1": "", "a,b": "", "": "",
	} {
		got := strings.TrimSuffix(strings.TrimPrefix(printers.Colour(cell), "\x1b["), "m")
		if got != want {
			t.Errorf("%q has colour %q, want %q", cell, got, want)
		}
	}
}

func TestColouredTablesStayAligned(t *testing.T) {
	rows := [][]string{{"STATUS", "AGE"}, {"Running", "1d"}, {"Odd", "2d"}}
	var with, without strings.Builder
	if err := printers.NewTable(&with).InColour(true).Write(rows...); err != nil {
		t.Fatal(err)
	}
	if err := printers.NewTable(&without).Write(rows...); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(with.String(), "\x1b[32mRunning\x1b[0m   1d") {
		t.Errorf("%q", with.String())
	}
	if got := strings.NewReplacer("\x1b[32m", "", "\x1b[0m", "").Replace(with.String()); got != without.String() {
		t.Errorf("%q, want %q", got, without.String())
	}
}
