package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/cli/printers"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/config"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

// healthTimeout bounds how long one API server may take to say how it is.
const healthTimeout = 3 * time.Second

func newClusterInfo(s *session) *cobra.Command {
	var out data
	c := &cobra.Command{
		Use:     "cluster-info",
		Short:   "Show where the cluster is, and how it is",
		Long:    "Show the API servers of the context, whether each one serves, and how many nodes are ready. The exit status is 1 when none serves.",
		Example: "  kaji cluster-info\n  kaji cluster-info -o json",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := out.check(c); err != nil {
				return err
			}
			conn, err := s.connect()
			if err != nil {
				return err
			}
			servers, err := s.servers(c.Context())
			if err == nil && !out.wanted() {
				err = showServers(s.Out, servers)
			}
			if err != nil {
				return err
			}
			nodes, _, err := listAll(c.Context(), conn, kind.Lookup("nodes"), "", &metav1.ListOptions{})
			if err != nil {
				return err
			}
			ready := 0
			for _, o := range nodes {
				for _, condition := range o.(*corev1.Node).GetStatus().GetConditions() {
					if condition.GetType() == "Ready" && condition.GetStatus() == "True" {
						ready++
					}
				}
			}
			if out.wanted() {
				return out.write(s.Out, map[string]any{"servers": append([]server{}, servers...), "nodes": len(nodes), "readyNodes": ready})
			}
			fmt.Fprintf(s.Out, "Nodes: %d, of which %d ready\n", len(nodes), ready)
			return nil
		},
	}
	out.bind(c)
	return c
}

// server is one API server and how it is.
type server struct {
	Endpoint string `json:"endpoint"`
	Status   string `json:"status"`
}

func showServers(w io.Writer, servers []server) error {
	if len(servers) == 0 {
		return nil
	}
	rows := [][]string{{"API SERVER", "STATUS"}}
	for _, one := range servers {
		rows = append(rows, []string{one.Endpoint, one.Status})
	}
	err := printers.NewTable(w).Write(rows...)
	fmt.Fprintln(w)
	return err
}

// servers asks each API server of the configuration how it is. It fails when none answers.
func (s *session) servers(ctx context.Context) ([]server, error) {
	if s.Client != nil {
		return nil, nil // there is no configuration
	}
	f, err := config.Load(s.configPath)
	if err != nil {
		return nil, err
	}
	settings, _, err := f.ClientConfig(s.context)
	if err != nil {
		return nil, err
	}
	settings.UserAgent = "kaji/" + s.Version
	var all []server
	var errs []error
	for _, endpoint := range settings.Endpoints {
		one := settings
		one.Endpoints = []string{endpoint}
		state, err := s.health(ctx, one)
		if err != nil {
			state = "does not answer"
			errs = append(errs, fmt.Errorf("%s: %w", endpoint, err))
		}
		all = append(all, server{Endpoint: endpoint, Status: state})
	}
	if len(errs) == len(settings.Endpoints) {
		return nil, errors.Join(errs...)
	}
	return all, nil
}

func (s *session) health(ctx context.Context, settings client.Config) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	conn, err := s.Connect(settings)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	answer, err := healthpb.NewHealthClient(conn.Conn()).Check(ctx, &healthpb.HealthCheckRequest{})
	if err != nil {
		return "", apierror.FromStatus(err)
	}
	if answer.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		return "is not ready", nil
	}
	return "serving", nil
}
