package main

import (
	"github.com/spf13/cobra"

	"kaji.dev/kaji/deploy/images"
)

func registryCommand() *cobra.Command {
	var f serviceFlags
	var dir, blobs string
	var plain bool
	c := &cobra.Command{
		Use:     "registry",
		Short:   "Serve the images of a directory to this machine's runtime",
		Example: `  kaji registry --listen 127.0.0.1:7480 --images images --blobs blobs --plain-http`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg := images.Config{Address: f.listen, Dir: images.Dir(dir), BlobDir: blobs}
			if !plain {
				r, err := f.tls()
				if err != nil {
					return err
				}
				cfg.TLS = r.Server()
			}
			return images.Run(c.Context(), cfg, f.logger("registry"))
		},
	}
	f.bind(c)
	c.Flags().StringVar(&dir, "images", "", "directory of images")
	c.Flags().StringVar(&blobs, "blobs", "", "directory for layers")
	c.Flags().BoolVar(&plain, "plain-http", false, "serve plain HTTP, on loopback only, for a runtime that trusts registries of its own machine")
	return c
}
