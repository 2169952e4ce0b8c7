// Command kaji is the whole of Kaji in one binary: each service is a subcommand, and so is every verb that
// users type. This package only wires: flags to configuration, configuration to services.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Execute(ctx, newRoot())
	stop()
	os.Exit(code)
}

func newRoot() *cobra.Command {
	options := cli.System()
	joined := &joinFlags{version: options.Version}
	options.StartAgent = joined.start
	root := cli.NewRootCommand(options)
	addSetUp(root)
	addServices(root, options.Version)
	joined.bind(root)
	cli.AddPlugins(root, os.Getenv("PATH"))
	return root
}
