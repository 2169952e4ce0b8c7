package raftstore

import (
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"google.golang.org/grpc"

	"kaji.dev/kaji/raftstore/mvcc"
)

// world is what a member has around it: its disk and its ways to others. Simulations put one of their own there; everything
// else of a member is the same in both.
type world struct {
	// storage opens what the member keeps.
	storage func(cfg *Config, log hclog.Logger) (*storage, error)
	// transport is how members speak Raft with each other.
	transport func(log hclog.Logger) raft.Transport
	// peers is how members call each other's services.
	peers connections
	// raised is told the store's format; nil when nobody wants to know.
	raised func(mvcc.Format)
}

// storage is what a member keeps: its log, its vote, its snapshots.
type storage struct {
	logs      raft.LogStore
	stable    raft.StableStore
	snapshots raft.SnapshotStore
	// free gives the bytes free on the disk; nil where there is none to run out of.
	free  func() (int64, error)
	close func() error
}

// connections gives the connection to an address; it may not stand yet.
type connections interface {
	get(address string) (grpc.ClientConnInterface, error)
	close()
}

// raftTimeout bounds one message between members, and how long a new connection may take.
const raftTimeout = 10 * time.Second

// realWorld is a data directory and mutual TLS. Connections of other members come in through stream.
func realWorld(cfg *Config, stream *raftStream) world {
	return world{
		storage: openStorage,
		transport: func(log hclog.Logger) raft.Transport {
			return raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
				Logger: log, Stream: stream, MaxPool: 3, Timeout: raftTimeout,
			})
		},
		peers:  newPeers(cfg.ClientTLS),
		raised: stream.raised,
	}
}

// openStorage opens a data directory.
func openStorage(cfg *Config, log hclog.Logger) (*storage, error) {
	d, err := openDisk(cfg.DataDir, log)
	if err != nil {
		return nil, err
	}
	snapshots, err := raft.NewFileSnapshotStoreWithLogger(cfg.DataDir, snapshotsKept, log.Named("raft"))
	if err != nil {
		d.close()
		return nil, fmt.Errorf("opening the snapshots in %s: %w", cfg.DataDir, err)
	}
	return &storage{logs: d.log, stable: d.votes, snapshots: snapshots, free: d.free, close: d.close}, nil
}
