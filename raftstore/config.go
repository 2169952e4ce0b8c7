package raftstore

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"kaji.dev/kaji/raftstore/mvcc"
)

// Config is what a member of the store needs.
type Config struct {
	// ID names the member for the life of its data; its certificate is for system:store:ID.
	ID string
	// Address is host:port to listen on, for clients and members alike.
	Address string
	// Listener, when set, is listened on in place of Address.
	Listener net.Listener
	// AdvertiseAddress is host:port where other members and clients reach it; empty means its address in Members,
	// or else Address.
	AdvertiseAddress string
	// DataDir is where the log, snapshots and the member's vote are kept. It belongs to one member, for ever.
	DataDir string
	// ServerTLS and ClientTLS are mandatory (see package identity); ClientTLS is how it reaches other members.
	ServerTLS, ClientTLS *tls.Config
	// MetricsAddress is host:port of /metrics; empty for none.
	MetricsAddress string

	// Members are the members that a new store begins with, this one among them, the same on all of
	// them. It only counts while DataDir is empty. Leave it empty for a member that MemberAdd
	// lets into a store that exists.
	Members []Peer

	// QuotaBytes bounds the bytes of keys and values in the newest revision; 0 means 4 GiB.
	QuotaBytes int64
	// DiskReserveBytes is what is kept free on disk beside what a snapshot takes, which is as much as the store holds: with less, on a majority of
	// members, writes that make the store grow are refused. 0 means 192 MiB, three segments of the
	// log; with less than a third of it all puts are refused. Negative means that nothing is kept: the disk is met when it is full.
	DiskReserveBytes int64
	// HistoryAge is how long superseded values can be read and watched; 0 means 5 min.
	HistoryAge time.Duration
	// HistoryBytes bounds the bytes of superseded values: past it the older half goes early. 0 means 512 MiB.
	HistoryBytes int64
	// ProgressInterval is how often watches that ask for it are told the revision when nothing changes; 0 means 1 s.
	ProgressInterval time.Duration
	// LeaderWait is how long a request waits for a leader to be there; 0 means 10 s.
	LeaderWait time.Duration

	// HeartbeatTimeout is the silence of a leader after which a member stands for election; 0 means 1 s.
	HeartbeatTimeout time.Duration
	// SnapshotEntries and SnapshotBytes are how much log there may be before a snapshot; 0 means 8192 and 256 MiB.
	SnapshotEntries uint64
	SnapshotBytes   int64
	// TrailingEntries is how much log stays after a snapshot, for members that lag; 0 means 2048.
	TrailingEntries uint64

	// newestFormat is the newest format that the member reads; 0 means this program's. Tests lower it, for members of older programs.
	newestFormat mvcc.Format
}

// Peer is a member that a store begins with.
type Peer struct {
	ID      string
	Address string
}

func (c *Config) setDefaults() {
	for _, p := range c.Members {
		if c.AdvertiseAddress == "" && p.ID == c.ID {
			c.AdvertiseAddress = p.Address
		}
	}
	if c.AdvertiseAddress == "" {
		c.AdvertiseAddress = c.Address
		if c.Listener != nil {
			c.AdvertiseAddress = c.Listener.Addr().String()
		}
	}
	setDefault(&c.QuotaBytes, 4<<30)
	setDefault(&c.DiskReserveBytes, 192<<20)
	setDefault(&c.HistoryAge, 5*time.Minute)
	setDefault(&c.HistoryBytes, 512<<20)
	setDefault(&c.ProgressInterval, time.Second)
	setDefault(&c.LeaderWait, 10*time.Second)
	setDefault(&c.HeartbeatTimeout, time.Second)
	setDefault(&c.SnapshotEntries, 8192)
	setDefault(&c.SnapshotBytes, 256<<20)
	setDefault(&c.TrailingEntries, 2048)
	setDefault(&c.newestFormat, mvcc.NewestFormat)
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate says what is missing or makes no sense, all of it at once.
func (c *Config) Validate() error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.ID == "" {
		refuse("no ID")
	}
	if c.Address == "" && c.Listener == nil {
		refuse("no address to listen on")
	}
	if c.DataDir == "" {
		refuse("no data directory")
	}
	if c.ServerTLS == nil || c.ClientTLS == nil {
		refuse("no TLS settings: every port is mutual TLS")
	}
	if err := c.validateMembers(); err != nil {
		errs = append(errs, err)
	}
	for name, negative := range map[string]bool{
		"QuotaBytes": c.QuotaBytes < 0, "HistoryAge": c.HistoryAge < 0, "HistoryBytes": c.HistoryBytes < 0,
		"ProgressInterval": c.ProgressInterval < 0, "LeaderWait": c.LeaderWait < 0, "HeartbeatTimeout": c.HeartbeatTimeout < 0,
		"SnapshotBytes": c.SnapshotBytes < 0,
	} {
		if negative {
			refuse("%s is negative", name)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// validateMembers says what makes no sense about the members to begin with.
func (c *Config) validateMembers() error {
	if len(c.Members) == 0 {
		return nil
	}
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(c.Members)%2 == 0 {
		refuse("%d members to begin with: an even number survives no more failures than one less", len(c.Members))
	}
	self, seen := false, map[string]bool{}
	for _, m := range c.Members {
		self = self || m.ID == c.ID
		if m.ID == c.ID && c.AdvertiseAddress != "" && c.AdvertiseAddress != m.Address {
			refuse("member %q is at %q by its own word and at %q by the list of members", m.ID, c.AdvertiseAddress, m.Address)
		}
		if m.ID == "" || m.Address == "" || seen[m.ID] {
			refuse("member %q at %q: needs an address and an id of its own", m.ID, m.Address)
		}
		seen[m.ID] = true
	}
	if !self {
		refuse("members to begin with do not include %q itself", c.ID)
	}
	return errors.Join(errs...)
}
