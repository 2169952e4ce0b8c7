package apiserver

import (
	"errors"
	"net"
	"time"

	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/raftstore"
	"kaji.dev/kaji/services/apiserver/flowcontrol"
	"kaji.dev/kaji/services/apiserver/strategy"
	"kaji.dev/kaji/services/apiserver/watchcache"
)

// Config is what an API server needs.
type Config struct {
	// Address is host:port to listen on; port 0 takes a free one.
	Address string
	// Listener, when set, is listened on in place of Address.
	Listener net.Listener
	// TLS are the server's certificate and key, and the CA that clients' certificates must come from. It is also
	// what the server shows to node agents and the scheduler.
	TLS identity.Files
	// Store is where everything is kept.
	Store raftstore.Store
	// CADir holds the CA's certificate and key, for nodes to join; empty for a server that signs nothing.
	CADir string
	// Endpoints are the addresses of API servers that nodes are told of when they join, host:port.
	Endpoints []string
	// MetricsAddress is host:port of /metrics; empty for none.
	MetricsAddress string
	// EventTTL is how long an Event lives after it was last written; one hour when zero.
	EventTTL time.Duration
	// Bookmarks is how often a watch that wants bookmarks gets one; 20 s when zero.
	Bookmarks time.Duration
	// Cache bounds the watch caches.
	Cache watchcache.Config
	// Conversions are those of kinds that a program adds in several versions; Kaji's own are known.
	Conversions strategy.Conversions
	// FlowControl bounds the calls under way, and divides what there is between callers.
	FlowControl flowcontrol.Config
	// DrainTimeout is how long calls under way may take at the end; 5 s when zero.
	DrainTimeout time.Duration
	// OnReady, when set, is called once with the address when the server listens and its caches are filled.
	OnReady func(net.Addr)
}

// Validate says what is missing.
func (c *Config) Validate() error {
	var errs []error
	if c.Address == "" && c.Listener == nil {
		errs = append(errs, errors.New("no address to listen on"))
	}
	if c.Store == nil {
		errs = append(errs, errors.New("no store"))
	}
	errs = append(errs, c.TLS.Validate(), c.FlowControl.Validate())
	return errors.Join(errs...)
}
