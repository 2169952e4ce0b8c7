package mvcc

import (
	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// Format numbers what members have in common: which commands there are and what they do, and what a snapshot holds. The state has
// a format, which a command raises once all members read the next; docs/checklists/new-store-command.md says what needs a new one.
//
//	1  transactions, compaction, leases
//	2  RaiseFormat; the header of a snapshot holds the state's format
type Format uint32

// OldestFormat and NewestFormat are what this program reads. It writes what the state's format says.
const (
	OldestFormat Format = 1
	NewestFormat Format = 2
)

// FormatOf gives the format that a program has to read to apply a command.
func FormatOf(c *storev1.Command) Format {
	if _, ok := c.GetCommand().(*storev1.Command_RaiseFormat); ok {
		// Whoever reads the new format knows what raising is.
		return max(2, Format(c.GetRaiseFormat().GetFormat()))
	}
	return 1
}

// CheckFormat refuses, as Unreadable, what has a format that a program which reads formats up to newest does not read.
func CheckFormat(what string, f, newest Format) error {
	switch {
	case f < OldestFormat:
		return errorf(Unreadable, "%s has format %d, and this program reads formats %d to %d: run an older version of kaji first", what, f, OldestFormat, newest)
	case f > newest:
		return errorf(Unreadable, "%s has format %d, and this program reads formats %d to %d: run the newer version of kaji that wrote it, or one after it", what, f, OldestFormat, newest)
	}
	return nil
}

// Format gives the state's format.
func (s *State) Format() Format { return Format(s.format.Load()) }

// AdoptFormat raises the format of a state that is not in use yet: of a copy, to that of the store which takes it in.
func (s *State) AdoptFormat(f Format) { s.format.Store(uint32(max(f, s.Format()))) }

// raiseFormat never lowers the format: asking for less is no error.
func (s *State) raiseFormat(req *storev1.RaiseFormat) error {
	f := Format(req.GetFormat())
	if err := CheckFormat("the command", f, NewestFormat); err != nil {
		return err
	}
	s.AdoptFormat(f)
	return nil
}
