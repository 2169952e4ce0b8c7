package e2e

import (
	"net"
	"os"
	"syscall"
	"testing"
)

// TestStoreLostQuorum loses the disks of two members of three, and goes on from the third, as docs/store/lost-quorum.md says.
func TestStoreLostQuorum(t *testing.T) {
	r := newStore(t, 3)
	r.start("store-1", "store-2", "store-3")
	r.well()
	w := r.write("w")
	r.more(w, 200)
	w.stop()
	left := "store-1"
	revision := r.well().Members[0].Revision
	r.refuses("is in use", "store", "recover", "--data-dir", r.members[left].dir, "--yes")

	for _, id := range []string{"store-2", "store-3"} {
		r.end(id, syscall.SIGKILL)
		if err := os.RemoveAll(r.members[id].dir); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "status tells that the quorum is lost", func() error {
		out, err := r.try("store", "status")
		if exitCode(err) != 1 {
			return err
		}
		contains(t, "status", out, "store-2 does not answer", "store-3 does not answer", "no quorum: 1 of 3 voters answer, and 2 must", "kaji store recover")
		return nil
	})
	r.end(left, syscall.SIGTERM)

	// Those who still answer are not lost.
	dir := r.members[left].dir
	store2 := r.member("store-2", port(r.members["store-2"].address)) // Begins with nothing, and with nobody.
	r.start("store-2")
	until(t, "store-2 listens", func() error {
		conn, err := net.Dial("tcp", store2.address)
		if err == nil {
			conn.Close()
		}
		return err
	})
	r.refuses("something answers at store-2 at "+store2.address, "store", "recover", "--data-dir", dir, "--yes")
	r.end("store-2", syscall.SIGKILL)

	contains(t, "check", r.kaji("store", "check", "--data-dir", dir), "there is none yet", "members")
	r.refuses("none of them", "store", "recover", "--data-dir", dir, "--id=store-7", "--yes")
	out, err := r.tryIn("\n", "store", "recover", "--data-dir", dir)
	if err == nil {
		t.Error("recovered without an answer")
	}
	contains(t, "the question", out, "These must never be started again: store-2 at", "nothing was done")
	contains(t, "recover", r.kaji("store", "recover", "--data-dir", dir, "--yes"), "store-1 is the only member of its store")

	r.start(left)
	st := r.well()
	if st.Voters != 1 || st.Members[0].Revision <= revision {
		t.Errorf("%+v; it was at revision %d", st, revision)
	}
	r.has(r.store(), w.acked)

	// New members, under new ids, make it a store of three again.
	base := port(r.members[left].address)
	for i, id := range []string{"store-4", "store-5"} {
		m := r.member(id, base+3+i)
		r.kaji("store", "add", id, m.address, "--certificate-dir", r.pki(), "--tls-dir", r.pki())
		r.start(id)
		r.kaji("store", "promote", id)
	}
	if st := r.well(); st.Voters != 3 {
		t.Errorf("%+v", st)
	}
	more := r.write("more")
	r.more(more, 100)
	r.end(left, syscall.SIGKILL)
	r.more(more, 100)
	r.check(more)
	r.has(r.store(), w.acked)
}
