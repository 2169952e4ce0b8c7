package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/client/config"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/identity/join"
)

// DefaultNodeDir is where a joined node keeps its certificates and state.
const DefaultNodeDir = "/var/lib/kaji/node"

// Agent is the agent of a node that has just joined.
type Agent struct {
	// Name of the node, and Dir for its state.
	Name, Dir string
	// Endpoints are the API servers.
	Endpoints []string
	// Files are its certificate.
	Files identity.Files
}

// newNode makes the command that `node join` hangs on; whoever builds the program may let it run the agent.
func newNode(s *session) *cobra.Command {
	c := &cobra.Command{
		Use: "node", Short: "Join this machine to a cluster as a node", Example: "  kaji node join 10.0.0.1:7443 --token $(cat token)",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(c, "there is no node command %q", args[0])
			}
			return c.Help()
		},
	}
	c.AddCommand(newNodeJoin(s))
	return c
}

func newNodeJoin(s *session) *cobra.Command {
	var o join.Options
	var dir string
	var certificateOnly bool
	c := &cobra.Command{
		Use:   "join HOST:PORT --token TOKEN",
		Short: "Join this machine to a cluster and run its agent",
		Long: `Join this machine to a cluster and run its agent: a key is made here, and the API server at HOST:PORT signs a certificate
for it. The server is trusted only if its CA is the one in the token. With --certificate-only the agent is not run, and
what would run it is printed, for the machine's own process manager.`,
		Example: "  kaji node join 10.0.0.1:7443 --token $(cat token)",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Endpoint = args[0]
			if o.Token == "-" {
				var text string
				if _, err := fmt.Fscan(s.In, &text); err != nil {
					return fmt.Errorf("read the token: %w", err)
				}
				o.Token = text
			}
			if o.NodeName == "" {
				name, err := os.Hostname()
				if err != nil {
					return err
				}
				o.NodeName = strings.ToLower(name)
			}
			o.Files = identity.FilesIn(dir, "node")
			r, err := join.Join(c.Context(), o)
			if err != nil {
				return &advice{err: err, next: "check HOST:PORT; `kaji token create`, where the cluster is, makes a fresh token"}
			}
			servers := strings.Join(r.Endpoints, ",")
			if servers == "" {
				servers = o.Endpoint
			}
			fmt.Fprintf(s.Out, "This machine is node %q; its certificate is %s.\n", o.NodeName, o.Files.Cert)
			if s.StartAgent != nil && !certificateOnly {
				return s.StartAgent(c.Context(), Agent{Name: o.NodeName, Dir: dir, Endpoints: strings.Split(servers, ","), Files: o.Files})
			}
			fmt.Fprintf(s.Out, "Start its agent: kaji node --name=%s --dir=%s --apiserver=%s --ca=%s --cert=%s --key=%s\n",
				o.NodeName, dir, servers, o.Files.CA, o.Files.Cert, o.Files.Key)
			return nil
		},
	}
	c.Flags().StringVar(&o.Token, "token", "", "join token; - reads it from standard input")
	c.Flags().StringVar(&o.NodeName, "name", "", "name of the node; the host name when not given")
	c.Flags().StringVar(&dir, "dir", DefaultNodeDir, "folder for certificates and state")
	c.Flags().BoolVar(&certificateOnly, "certificate-only", false, "only get the certificate; do not run the agent")
	_ = c.MarkFlagRequired("token")
	return c
}

// endpoint is the address of an API server, as the configuration has it.
func (s *session) endpoint() string {
	if f, err := config.Load(s.configPath); err == nil {
		if _, endpoints, _, err := f.Materials(s.context); err == nil && len(endpoints) > 0 {
			return endpoints[0]
		}
	}
	return "HOST:PORT"
}
