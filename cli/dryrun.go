package cli

import "github.com/spf13/cobra"

// dryRun is the flag --dry-run: none, client or server.
type dryRun string

func (d *dryRun) bind(c *cobra.Command) {
	c.Flags().StringVar((*string)(d), "dry-run", "none", "none; client: send nothing; server: let the server check, store nothing")
	c.Flags().Lookup("dry-run").NoOptDefVal = "client"
}

func (d *dryRun) check(c *cobra.Command) error {
	switch *d {
	case "", "none", "client", "server":
		return nil
	}
	return usage(c, "--dry-run is none, client or server, not %q", string(*d))
}

// server is the value for request options.
func (d dryRun) server() []string {
	if d == "server" {
		return []string{"All"}
	}
	return nil
}

// note ends the line that tells what was done.
func (d dryRun) note() string {
	switch d {
	case "client":
		return " (dry run)"
	case "server":
		return " (server dry run)"
	}
	return ""
}

// noArgs is cobra.NoArgs with words for people.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage(c, "%q is one argument too many", args[0])
	}
	return nil
}
