package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"kaji.dev/kaji/client/config"
	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/raftstore"
)

// storeRig is a store without a cluster: members as processes of the kaji binary, as a process manager runs them, and a configuration of an
// administrator, so that the commands need no flags.
type storeRig struct {
	*Cluster
	dir     string
	members map[string]*member
}

// member is a process.
type member struct {
	id, address, dir string
	// initial is what the store begins with; empty for one that was let in.
	initial string
	// flags are more of them.
	flags []string
	cmd   *exec.Cmd
	ended chan struct{}
	log   lockedBuffer
}

// lockedBuffer is what a process prints.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newStore lays out a store of n members, and starts none.
func newStore(t *testing.T, n int) *storeRig {
	t.Helper()
	if _, err := os.Stat(filepath.Join(repo, "bin/kaji")); err != nil {
		t.Fatal("bin/kaji is not built: run go tool task e2e")
	}
	dir := t.TempDir()
	r := &storeRig{
		Cluster: &Cluster{t: t, env: append(os.Environ(), config.Env+"="+filepath.Join(dir, "config"))},
		dir:     dir, members: map[string]*member{},
	}
	ca, err := identity.InitCA(r.pki(), "test")
	if err != nil {
		t.Fatal(err)
	}
	issue := func(file string, req identity.Request) identity.Files {
		files := identity.FilesIn(r.pki(), file)
		if err := files.Ensure(ca, req); err != nil {
			t.Fatal(err)
		}
		return files
	}
	admin := issue("admin", identity.Request{Name: identity.Admin, Groups: []string{identity.GroupMasters}})
	base, _ := slot(t)
	var initial, addresses []string
	for i := range n {
		m := r.member(fmt.Sprintf("store-%d", i+1), base+50+i+1)
		issue(m.id, identity.Request{Name: identity.StoreName(m.id), Groups: []string{identity.GroupStores}, Hosts: []string{"127.0.0.1"}})
		initial, addresses = append(initial, m.id+"="+m.address), append(addresses, m.address)
	}
	for _, m := range r.members {
		m.initial = strings.Join(initial, ",")
	}
	of := &config.Cluster{Name: "test", Endpoints: []string{fmt.Sprintf("127.0.0.1:%d", base+43)}, Store: addresses}
	if err := config.WriteCluster(filepath.Join(dir, "config"), of, admin); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, m := range r.members {
			r.end(m.id, syscall.SIGKILL)
			if t.Failed() {
				log := m.log.String()
				t.Logf("%s:\n%s", m.id, log[max(0, len(log)-4000):])
			}
		}
	})
	return r
}

func (r *storeRig) pki() string { return filepath.Join(r.dir, "pki") }

// member makes a member that is not started yet.
func (r *storeRig) member(id string, port int) *member {
	m := &member{id: id, address: fmt.Sprintf("127.0.0.1:%d", port), dir: filepath.Join(r.dir, id)}
	r.members[id] = m
	return m
}

// start starts members.
func (r *storeRig) start(ids ...string) {
	r.t.Helper()
	for _, id := range ids {
		m := r.members[id]
		files := identity.FilesIn(r.pki(), id)
		args := append([]string{"store", "--id=" + id, "--dir=" + m.dir, "--listen=" + m.address, "--ca=" + files.CA, "--cert=" + files.Cert, "--key=" + files.Key}, m.flags...)
		if m.initial != "" {
			args = append(args, "--initial-members="+m.initial)
		}
		cmd := exec.Command(filepath.Join(repo, "bin/kaji"), args...)
		cmd.Stdout, cmd.Stderr = &m.log, &m.log
		// Dies with the test, however that ends.
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		started, ended := make(chan error, 1), make(chan struct{})
		m.cmd, m.ended = cmd, ended
		go func() {
			runtime.LockOSThread() // The signal comes when this thread ends.
			defer runtime.UnlockOSThread()
			defer close(ended)
			err := cmd.Start()
			started <- err
			if err == nil {
				_ = cmd.Wait() // How it ended is in cmd.ProcessState.
			}
		}()
		if err := <-started; err != nil {
			r.t.Fatal(err)
		}
	}
}

// end sends members a signal and waits until they have ended.
func (r *storeRig) end(id string, s syscall.Signal) {
	r.t.Helper()
	m := r.members[id]
	if m.cmd == nil {
		return
	}
	if err := m.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		r.t.Error(err)
	}
	r.ended(id)
	m.cmd = nil
}

// ended waits until a member has ended, and gives its exit status.
func (r *storeRig) ended(id string) int {
	r.t.Helper()
	m := r.members[id]
	select {
	case <-m.ended:
	case <-time.After(patience):
		r.t.Fatalf("%s does not end:\n%s", id, m.log.String())
	}
	return m.cmd.ProcessState.ExitCode()
}

// well waits until the store has a leader that all of its voters follow.
func (r *storeRig) well() storeStatus {
	r.t.Helper()
	var st storeStatus
	until(r.t, "all voters follow a leader", func() error {
		out, err := r.try("store", "status", "-o", "json")
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		st = storeStatus{}
		if err := json.Unmarshal([]byte(out), &st); err != nil {
			r.t.Fatalf("%v: %s", err, out)
		}
		if st.Following < st.Voters {
			return fmt.Errorf("%s", out)
		}
		return nil
	})
	return st
}

// storeStatus is some of what `kaji store status -o json` tells.
type storeStatus struct {
	Leader                       string
	Voters, Answering, Following int
	Quorum                       bool
	Members                      []struct {
		ID, Role, Error              string
		Voter                        bool
		Revision, Keys               int64
		Alarms                       []string
		AppliedIndex, SnapshotIndex  uint64
		LiveBytes, QuotaBytes, Bytes int64
	}
}

// client is a client of the store, as an API server has.
func (r *storeRig) store() *raftstore.Client {
	r.t.Helper()
	tls, err := identity.ClientTLS(identity.FilesIn(r.pki(), "admin"), "")
	if err != nil {
		r.t.Fatal(err)
	}
	var addresses []string
	for _, m := range r.members {
		addresses = append(addresses, m.address)
	}
	slices.Sort(addresses)
	c, err := raftstore.NewClient(raftstore.ClientConfig{Endpoints: addresses, TLS: tls})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(c.Close)
	return c
}

func put(key string, value []byte) *storev1.TxnRequest {
	return &storev1.TxnRequest{Success: []*storev1.Op{{Op: &storev1.Op_Put{Put: &storev1.PutOp{Key: []byte(key), Value: value}}}}}
}

// writer puts keys one after the other and notes which were acknowledged.
type writer struct {
	store  *raftstore.Client
	prefix string
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu    sync.Mutex
	acked []string
	// refused is the last error.
	refused error
}

// write begins to write keys that begin with prefix.
func (r *storeRig) write(prefix string) *writer {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &writer{store: r.store(), prefix: prefix, cancel: cancel}
	w.done.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			key := fmt.Sprintf("%s/%06d", prefix, n)
			call, stop := context.WithTimeout(ctx, 10*time.Second)
			_, err := w.store.Txn(call, put(key, []byte(key)))
			stop()
			w.mu.Lock()
			if err == nil {
				w.acked = append(w.acked, key)
			} else {
				w.refused = err
			}
			w.mu.Unlock()
			pause := time.NewTimer(5 * time.Millisecond) // What is tested is not speed.
			select {
			case <-ctx.Done():
			case <-pause.C:
			}
			pause.Stop()
		}
	})
	r.t.Cleanup(w.stop)
	return w
}

func (w *writer) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acked)
}

func (w *writer) stop() {
	w.cancel()
	w.done.Wait()
}

// more waits until more writes were acknowledged.
func (r *storeRig) more(w *writer, n int) {
	r.t.Helper()
	from := w.count()
	until(r.t, "writes are acknowledged", func() error {
		if w.count() < from+n {
			w.mu.Lock()
			defer w.mu.Unlock()
			return fmt.Errorf("%d since; last error: %v", len(w.acked)-from, w.refused)
		}
		return nil
	})
}

// keys are those with a prefix, with their values.
func (r *storeRig) keys(s *raftstore.Client, prefix string) map[string]string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	out := map[string]string{}
	for from := []byte(prefix); ; {
		res, err := s.Range(ctx, &storev1.RangeRequest{Key: from, RangeEnd: raftstore.Prefix([]byte(prefix)), Limit: 5000})
		if err != nil {
			r.t.Fatal(err)
		}
		for _, kv := range res.Kvs {
			out[string(kv.Key)] = string(kv.Value)
		}
		if !res.More {
			return out
		}
		from = append(res.Kvs[len(res.Kvs)-1].Key, 0)
	}
}

// check stops the writer, and says which of the acknowledged writes are not there.
func (r *storeRig) check(w *writer) {
	r.t.Helper()
	w.stop()
	r.has(w.store, w.acked)
	if len(w.acked) < 20 {
		r.t.Errorf("only %d writes were acknowledged: that proves little", len(w.acked))
	}
}

// has says which keys are not there. Their values are themselves.
func (r *storeRig) has(s *raftstore.Client, keys []string) {
	r.t.Helper()
	if len(keys) == 0 {
		return
	}
	prefix, _, _ := strings.Cut(keys[0], "/")
	there := r.keys(s, prefix+"/")
	for _, k := range keys {
		if there[k] != k {
			r.t.Errorf("%s was acknowledged and is %q", k, there[k])
		}
	}
	r.t.Logf("%d acknowledged writes were looked for", len(keys))
}
