package cluster

import (
	"net"
	"strconv"
)

const (
	maxMembers = 9
	maxNodes   = 9

	// Ports, counted from Config.BasePort. Metrics are metricsOffset above the port of their service.
	portAPIServer   = 43
	portStore       = 50 // plus the member's number
	portScheduler   = 61
	portControllers = 62
	portNode        = 70 // plus the node's number
	portRegistry    = 80
	metricsOffset   = 500
)

func (c *Config) at(port int) string {
	return net.JoinHostPort(c.Address, strconv.Itoa(c.BasePort+port))
}

// APIServer is where the API is served.
func (c *Config) APIServer() string { return c.at(portAPIServer) }

// Store is where a member, counted from 1, serves.
func (c *Config) Store(number int) string { return c.at(portStore + number) }

// Registry is where the images of the cluster are served; image names begin with it.
func (c *Config) Registry() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.BasePort+portRegistry))
}
