package admin

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/cli"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/raftstore"
	"kaji.dev/kaji/raftstore/mvcc"
)

// Where is what the flags say about which store is meant, and as whom it is asked. All of it may be empty.
type Where struct {
	// Endpoints are host:port of members.
	Endpoints []string
	// Files are the certificate files to ask with.
	Files identity.Files
	// TLSDir holds ca.crt, admin.crt and admin.key.
	TLSDir string
	// Dir is the directory of a cluster of `kaji up`.
	Dir string
}

// Connection is where a store is, and what opens it.
type Connection struct {
	Endpoints []string
	TLS       *tls.Config
}

// Options is what the commands need from outside.
type Options struct {
	// Find tells where the store is that is meant.
	Find func(*cobra.Command, Where) (Connection, error)
	// Issue writes the certificate of a new member to a directory: by the CA of the cluster that is meant, good for
	// the host.
	Issue func(c *cobra.Command, w Where, id, host, dir string) (identity.Files, error)
	// Now is the clock that ages are reckoned by; nil means time.Now.
	Now func() time.Time
}

// Add adds the commands to `kaji store`.
func Add(store *cobra.Command, o Options) {
	if o.Now == nil {
		o.Now = time.Now
	}
	snapshot := &cobra.Command{
		Use: "snapshot", Short: "Copy the store to a file, and back",
		Example: "  kaji store snapshot save backup.kaji\n  kaji store snapshot status backup.kaji",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	snapshot.AddCommand(o.save(), o.restore(), o.describe())
	for _, c := range []*cobra.Command{
		o.status(), o.members(), o.add(), o.remove(), o.promote(), o.moveLeader(), snapshot, o.compact(), o.check(), o.recover(),
	} {
		c.SilenceUsage = true
		store.AddCommand(c)
	}
}

// connected is a command that asks a store.
type connected struct {
	Options
	where   Where
	timeout time.Duration
}

// bind adds the flags that say which store, and how long to wait for it.
func (s *connected) bind(c *cobra.Command, timeout time.Duration) {
	fl := c.Flags()
	s.bindWhere(c)
	fl.DurationVar(&s.timeout, "timeout", timeout, "give up after this long")
}

func (s *connected) bindWhere(c *cobra.Command) {
	fl := c.Flags()
	fl.StringSliceVar(&s.where.Endpoints, "endpoints", nil, "members of the store, as HOST:PORT; one is enough. The context's, or those of --cluster-dir, when not given")
	fl.StringVar(&s.where.Files.CA, "ca", "", "file of the cluster's CA certificate")
	fl.StringVar(&s.where.Files.Cert, "cert", "", "file of a certificate of the group system:masters")
	fl.StringVar(&s.where.Files.Key, "key", "", "file of its key")
	fl.StringVar(&s.where.TLSDir, "tls-dir", "", "directory with ca.crt, admin.crt and admin.key, in place of --ca, --cert and --key")
	fl.StringVar(&s.where.Dir, "cluster-dir", "", "directory of a cluster of this machine, as kaji up has it")
}

// ask runs a command's work with a client, and says what to do next when it fails.
func (s *connected) ask(c *cobra.Command, work func(context.Context, *raftstore.Client, Connection) error) error {
	where, err := s.Find(c, s.where)
	if err != nil {
		return err
	}
	client, err := raftstore.NewClient(raftstore.ClientConfig{Endpoints: where.Endpoints, TLS: where.TLS})
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(c.Context(), s.timeout)
	defer cancel()
	return advise(work(ctx, client, where), s.timeout)
}

// advise adds what to do next to an error of the store.
func advise(err error, timeout time.Duration) error {
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("the store did not answer in %s (--timeout)", timeout)
		return cli.Advise(err, "`kaji store status` shows which members answer")
	}
	next := ""
	switch raftstore.ReasonOf(err) {
	case raftstore.Unavailable:
		next = "`kaji store status` shows which members answer; without a majority of voters nothing can be changed"
	case raftstore.OutcomeUnknown:
		next = "it may have been done: `kaji store status` and `kaji store members` show how things are"
	case raftstore.Forbidden:
		next = "the store is for certificates of the group system:masters, such as admin.crt of the cluster's pki directory"
	case mvcc.Corrupt:
		next = "take another copy; `kaji store snapshot status FILE` says whether one is good"
	case mvcc.FutureRevision, mvcc.Compacted:
		next = "`kaji store status -o yaml` shows the revisions that there are"
	}
	if next == "" {
		return err
	}
	return cli.Advise(err, next)
}
