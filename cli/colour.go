package cli

import (
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// coloured says whether tables have colours.
func (s *session) coloured() bool {
	switch s.colour {
	case "always":
		return true
	case "never":
		return false
	}
	f, ok := s.Out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// checkColour refuses a value of --color that is none, whatever the command.
func (s *session) checkColour(c *cobra.Command, _ []string) error {
	switch s.colour {
	case "auto", "always", "never":
		return nil
	}
	return usage(c, "--color is auto, always or never, not %q", s.colour)
}
