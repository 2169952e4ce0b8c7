package cli

import (
	"context"
	"errors"
	"fmt"
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
	return &cobra.Command{
		Use:     "cluster-info",
		Short:   "Show where the cluster is, and how it is",
		Long:    "Show the API servers of the context, whether each one serves, and how many nodes are ready. The exit status is 1 when none serves.",
		Example: "  kaji cluster-info",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			conn, err := s.connect()
			if err != nil {
				return err
			}
			if err := s.showServers(c.Context()); err != nil {
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
			fmt.Fprintf(s.Out, "Nodes: %d, of which %d ready\n", len(nodes), ready)
			return nil
		},
	}
}

// showServers asks each API server of the configuration how it is.
func (s *session) showServers(ctx context.Context) error {
	if s.Client != nil {
		return nil // there is no configuration
	}
	f, err := config.Load(s.configPath)
	if err != nil {
		return err
	}
	settings, _, err := f.ClientConfig(s.context)
	if err != nil {
		return err
	}
	settings.UserAgent = "kaji/" + s.Version
	rows := [][]string{{"API SERVER", "STATUS"}}
	var errs []error
	for _, endpoint := range settings.Endpoints {
		one := settings
		one.Endpoints = []string{endpoint}
		state, err := s.health(ctx, one)
		if err != nil {
			state = "does not answer"
			errs = append(errs, fmt.Errorf("%s: %w", endpoint, err))
		}
		rows = append(rows, []string{endpoint, state})
	}
	if err := printers.NewTable(s.Out).Write(rows...); err != nil {
		return err
	}
	fmt.Fprintln(s.Out)
	if len(errs) == len(settings.Endpoints) {
		return errors.Join(errs...)
	}
	return nil
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
