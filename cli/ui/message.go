package ui

import (
	"time"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

// What a Model is told. Those of a feed or a text carry the number of the effect that asked for it: what belongs to an older one is
// dropped.
type (
	// Size is that of the screen, in cells.
	Size struct{ Width, Height int }
	// Key is a key as Bubble Tea names it: "a", "enter", "ctrl+d".
	Key string
	// Tick is the time, which passes.
	Tick time.Time
	// Kinds are those that are served.
	Kinds struct {
		Kinds []*kind.Kind
		Err   error
	}
	// Listed is all that a feed has.
	Listed struct {
		Feed    Feed
		Number  int
		Objects []kind.Object
	}
	// Changed is one change in a feed.
	Changed struct {
		Feed   Feed
		Number int
		Type   metav1.EventType
		Object kind.Object
	}
	// Lost says that a feed broke, and is being tried again.
	Lost struct {
		Number int
		Err    error
	}
	// Text is a text that was asked for, or with More a piece that follows it.
	Text struct {
		Number int
		Body   string
		More   bool
		Err    error
		// Ended says that no more will come of a text that grows.
		Ended bool
	}
	// Deleted is the outcome of a deletion.
	Deleted struct {
		Object Ref
		Err    error
	}
)

// Feed is what a watch is for.
type Feed int

const (
	// FeedTable has the objects of the table.
	FeedTable Feed = iota
	// FeedPods has all pods, for what is requested of nodes.
	FeedPods
)

// What a Model asks for.
type (
	// Effect is one of the types below.
	Effect interface{ effect() }
	// LoadKinds asks for Kinds.
	LoadKinds struct{}
	// Follow asks for a feed, in place of those of lower numbers.
	Follow struct {
		Number    int
		Kind      *kind.Kind
		Namespace string
		// Pods asks for FeedPods too.
		Pods bool
	}
	// Show asks for a text: "describe" or "yaml".
	Show struct {
		Number int
		Form   string
		Object Ref
	}
	// FollowLogs asks for a log as a text that grows.
	FollowLogs struct {
		Number    int
		Object    Ref
		Container string
	}
	// StopText ends the text that is being loaded.
	StopText struct{}
	// Delete asks for a deletion.
	Delete struct{ Object Ref }
	// Redraw asks for the whole screen to be drawn anew.
	Redraw struct{}
	// Quit ends the program.
	Quit struct{}
)

func (LoadKinds) effect()  {}
func (Follow) effect()     {}
func (Show) effect()       {}
func (FollowLogs) effect() {}
func (StopText) effect()   {}
func (Delete) effect()     {}
func (Redraw) effect()     {}
func (Quit) effect()       {}
