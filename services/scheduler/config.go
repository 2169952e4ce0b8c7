package scheduler

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"
)

// DefaultSchedulerName is the scheduler that pods ask for when they name none.
const DefaultSchedulerName = "default-scheduler"

// Config is what a scheduler needs.
type Config struct {
	// Address is host:port on which Explain is served; port 0 takes a free one. Required unless Listener is set.
	Address string
	// Listener, when set, is served on in place of Address.
	Listener net.Listener
	// Advertise is host:port under which the API server reaches Address; what is listened on when empty.
	Advertise string
	// MetricsAddress is host:port of the HTTPS endpoint /metrics; empty for none.
	MetricsAddress string
	// TLS is for serving, ClientTLS for calling the API server; both required.
	TLS, ClientTLS *tls.Config
	// Endpoints are the API servers, host:port. Required.
	Endpoints []string
	// SchedulerName is whose pods it schedules; DefaultSchedulerName when empty.
	SchedulerName string
	// Identity is this process among those that contend for leadership; see leader.Identity for the default.
	Identity string
	// Seed of the choices among equals and of jitter; taken from the clock when 0.
	Seed uint64
	// PercentageOfNodesToScore ends the search for nodes once so many percent of them fit; 0 goes by the size of the cluster.
	PercentageOfNodesToScore int
	// LeaseDuration, RenewDeadline and RetryPeriod of the leader election; see package client/leader for the defaults.
	LeaseDuration, RenewDeadline, RetryPeriod time.Duration
}

// Validate fills defaults and reports what is missing or contradictory.
func (c *Config) Validate() error {
	if c.SchedulerName == "" {
		c.SchedulerName = DefaultSchedulerName
	}
	if c.Seed == 0 {
		c.Seed = uint64(time.Now().UnixNano())
	}
	var errs []error
	if c.Address == "" && c.Listener == nil {
		errs = append(errs, errors.New("scheduler: no address to listen on"))
	}
	if c.TLS == nil || c.ClientTLS == nil {
		errs = append(errs, errors.New("scheduler: TLS settings for serving and for calling the API server are required"))
	}
	if len(c.Endpoints) == 0 {
		errs = append(errs, errors.New("scheduler: no API server given"))
	}
	if host, _, err := net.SplitHostPort(c.Address); err == nil && c.Advertise == "" && c.Listener == nil {
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			errs = append(errs, fmt.Errorf("scheduler: %s is every address of this host: the one that API servers reach it by must be given", c.Address))
		}
	}
	if p := c.PercentageOfNodesToScore; p < 0 || p > 100 {
		errs = append(errs, fmt.Errorf("scheduler: the percentage of nodes to score must be 0 to 100, got %d", p))
	}
	return errors.Join(errs...)
}
