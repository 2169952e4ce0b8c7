package raftstore_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"

	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/raftstore"
)

// TestOnlyMembersSpeakRaft: on the shared port, Raft's protocol is for certificates of members alone.
func TestOnlyMembersSpeakRaft(t *testing.T) {
	c := newCluster(t, 1, nil)
	nd := c.leader()
	for _, tc := range []struct {
		name  string
		group string
		open  bool
	}{
		{identity.StoreName("s7"), identity.GroupStores, true},
		{identity.APIServer, identity.GroupComponents, false},
		{"anna", identity.GroupMasters, false},
	} {
		_, client := c.tls(tc.name, tc.group)
		client = client.Clone()
		client.NextProtos = []string{"kaji-raft/1"}
		conn, err := (&tls.Dialer{Config: client}).DialContext(timeout(t), "tcp", nd.address)
		if err != nil {
			t.Fatal(err)
		}
		// A message of no known type: Raft drops the connection after reading it; refused connections
		// are dropped before. Either way the read ends, so look for the answer to a real message.
		_, writeErr := conn.Write(requestVote)
		buf := make([]byte, 1)
		_, readErr := io.ReadFull(conn, buf)
		if opened := writeErr == nil && readErr == nil; opened != tc.open {
			t.Errorf("%s: write %v, read %v, want open %t", tc.name, writeErr, readErr, tc.open)
		}
		conn.Close()
	}
}

// requestVote is a RequestVote in Raft's framing: type 1, then an empty map in msgpack, which is refused
// with an answer.
var requestVote = []byte{1, 0x80}

func TestMetrics(t *testing.T) {
	c := newCluster(t, 1, func(cfg *raftstore.Config) { cfg.MetricsAddress = "127.0.0.1:0" })
	nd := c.leader()
	c.put(nd, "k", "12345")
	text := c.metrics(nd)
	for _, want := range []string{
		"kaji_store_revision 2", "kaji_store_keys 1", "kaji_store_live_bytes 6", "kaji_store_is_leader 1",
		"kaji_store_watchers 0", "kaji_store_apply_seconds_count", "kaji_store_batch_commands_count", "kaji_store_commit_seconds_count",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

func (c *cluster) metrics(nd *node) string {
	c.Helper()
	_, client := c.tls(identity.APIServer)
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: client}}
	defer web.CloseIdleConnections()
	var body bytes.Buffer
	c.waitFor("the metrics' address", func() bool { return nd.MetricsAddress() != "" })
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://"+nd.MetricsAddress()+"/metrics", nil)
	if err != nil {
		c.Fatal(err)
	}
	res, err := web.Do(req)
	if err != nil {
		c.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := body.ReadFrom(res.Body); err != nil {
		c.Fatal(err)
	}
	return body.String()
}
