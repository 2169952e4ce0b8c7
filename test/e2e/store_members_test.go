package e2e

import (
	"fmt"
	"strings"
	"testing"

	"kaji.dev/kaji/raftstore"
)

// TestStoreMembers changes members of a store that is being written to, as docs/store/members.md says. No acknowledged write is lost, and in the end all members hold
// the same.
func TestStoreMembers(t *testing.T) {
	r := newStore(t, 3)
	r.start("store-1", "store-2", "store-3")
	r.well()
	w := r.write("w")
	r.more(w, 200)

	contains(t, "members", r.kaji("store", "members"), "ID", "store-1", "store-2", "store-3", "voter")
	if out := r.kaji("store", "members", "-o", "yaml"); strings.Count(out, "voter: true") != 3 {
		t.Errorf("members: %s", out)
	}
	contains(t, "status", r.kaji("store", "status"), "LAG", "leader", "follower", "% of 4.0 GiB")
	contains(t, "check", r.kaji("store", "check"), "the same on store-1, store-2, store-3", "all of 3 voters follow the leader: 1 may fail")

	// A learner is let in and started, catches up, and gets its vote.
	new4 := r.member("store-4", port(r.members["store-1"].address)+3)
	out := r.kaji("store", "add", "store-4", new4.address, "--certificate-dir", r.pki(), "--tls-dir", r.pki())
	contains(t, "add", out, "member store-4 is in", "kaji store promote store-4")
	contains(t, "members", r.kaji("store", "members"), "learner")
	out, err := r.try("store", "check")
	if exitCode(err) != 1 {
		t.Errorf("a member does not run, and check ends with %v", err)
	}
	contains(t, "check", out, "member store-4", "does not answer")
	r.start("store-4")
	contains(t, "promote", r.kaji("store", "promote", "store-4"), "member store-4 has a vote")
	if st := r.well(); st.Voters != 4 {
		t.Errorf("%+v", st)
	}
	contains(t, "check", r.kaji("store", "check"), "4 voters survive no more failures than 3")

	contains(t, "move-leader", r.kaji("store", "move-leader", "store-4"), "store-4 leads")
	if st := r.well(); st.Leader != "store-4" {
		t.Errorf("%+v", st)
	}
	if out := r.kaji("store", "move-leader"); strings.Contains(out, "store-4 leads") {
		t.Errorf("leadership stayed: %s", out)
	}
	r.more(w, 100)

	// Whoever is put out ends by itself; the leader hands over first.
	leader := r.well().Leader
	contains(t, "remove", r.kaji("store", "remove", leader), "member "+leader+" is out")
	if code := r.ended(leader); code == 0 {
		t.Errorf("%s was removed and ended with 0: a process manager would not know", leader)
	}
	contains(t, "log of "+leader, r.members[leader].log.String(), raftstore.ErrRemoved.Error())
	if st := r.well(); st.Voters != 3 || st.Leader == leader {
		t.Errorf("%+v", st)
	}
	r.more(w, 100)

	// Refused, and why.
	r.refuses(`there is no member "store-9"`, "store", "remove", "store-9")
	r.refuses(`there is no member "store-9"`, "store", "promote", "store-9")
	r.refuses(`there is no voter "store-9"`, "store", "move-leader", "store-9")
	r.refuses("is the address of member", "store", "add", "store-9", r.members[r.well().Leader].address)

	contains(t, "compact", r.kaji("store", "compact"), "the oldest revision is")
	r.refuses("has not been reached", "store", "compact", "999999999999")
	r.check(w)
	contains(t, "check", r.kaji("store", "check"), "the same on", "all of 3 voters")
}

// refuses runs a command that must fail and say why.
func (r *storeRig) refuses(why string, args ...string) {
	r.t.Helper()
	out, err := r.try(args...)
	if exitCode(err) != 1 || !strings.Contains(out, why) {
		r.t.Errorf("kaji %s: %v, want exit status 1 and %q\n%s", strings.Join(args, " "), err, why, out)
	}
}

func port(address string) (n int) {
	_, after, _ := strings.Cut(address, ":")
	fmt.Sscan(after, &n)
	return n
}
