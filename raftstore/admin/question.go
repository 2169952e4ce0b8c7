package admin

import (
	"bufio"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// errNotConfirmed is said when a question was not answered with yes.
var errNotConfirmed = errors.New("nothing was done: the question was not answered with yes")

// confirm asks whether to go on, unless it has been answered by --yes.
func confirm(c *cobra.Command, yes bool, format string, args ...any) error {
	if yes {
		return nil
	}
	fmt.Fprintf(c.ErrOrStderr(), format+"\nType yes to go on: ", args...)
	answer, err := bufio.NewReader(c.InOrStdin()).ReadString('\n')
	if strings.TrimSpace(answer) != "yes" {
		if err != nil {
			fmt.Fprintln(c.ErrOrStderr())
		}
		return errNotConfirmed
	}
	return nil
}
