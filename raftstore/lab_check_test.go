package raftstore_test

import (
	"bytes"
	"time"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// check compares what all clients and watchers saw with each other and with what the members hold.
func (l *lab) check(last int64) {
	l.Helper()
	begin := time.Now()
	l.history.check()
	all := l.watching[0].events
	l.gapless(all, last)
	for _, f := range l.watching {
		f.check(all)
	}
	at := map[string]int64{}
	values := map[string]int64{}
	for _, e := range all {
		at[string(e.Kv.Key)] = e.Kv.ModRevision
		if e.Type == storev1.EventType_EVENT_TYPE_DELETE {
			delete(at, string(e.Kv.Key))
		}
		values[string(e.Kv.Value)] = e.Kv.ModRevision
	}
	for value, rev := range l.history.written {
		if values[value] != rev {
			l.Errorf("value %s was acknowledged at revision %d, and watchers were told of it at %d", value, rev, values[value])
		}
	}
	for _, a := range l.appenders {
		a.check(l.admin)
	}
	l.sameAsTold(at)
	var first []byte
	for _, m := range l.members {
		var copied bytes.Buffer
		if _, err := m.pinned.Snapshot(timeout(l.T), &copied); err != nil {
			l.Fatalf("a copy of %s: %v", m.id, err)
		}
		if first == nil {
			first = copied.Bytes()
		}
		if !bytes.Equal(first, copied.Bytes()) {
			l.Errorf("%s holds another state than %s", m.id, l.members[0].id)
		}
	}
	l.Logf("%d events at %d revisions, the same to %d watchers; checked in %.1f s", len(all), last, len(l.watching), time.Since(begin).Seconds())
}

// gapless: each revision is one more than the one before, and each changed something that was watched.
func (l *lab) gapless(all []*storev1.Event, last int64) {
	l.Helper()
	told := int64(1) // The revision of an empty store.
	for _, e := range all {
		if rev := e.Kv.ModRevision; rev != told && rev != told+1 {
			l.Errorf("%s: told of revision %d after %d", l.watching[0].name, rev, told)
		}
		told = e.Kv.ModRevision
	}
	if told != last {
		l.Errorf("%s: told up to revision %d of %d", l.watching[0].name, told, last)
	}
}

// sameAsTold compares the keys that are there with what is left of all events.
func (l *lab) sameAsTold(at map[string]int64) {
	l.Helper()
	key, n := []byte("/"), 0
	for {
		res, err := l.admin.Range(timeout(l.T), &storev1.RangeRequest{Key: key, RangeEnd: []byte("0")})
		if err != nil {
			l.Fatal(err)
		}
		for _, kv := range res.Kvs {
			n++
			if at[string(kv.Key)] != kv.ModRevision {
				l.Errorf("%s is at revision %d, and watchers were told of it at %d", kv.Key, kv.ModRevision, at[string(kv.Key)])
			}
		}
		if !res.More {
			break
		}
		key = append(res.Kvs[len(res.Kvs)-1].Key, 0)
	}
	if n != len(at) {
		l.Errorf("%d keys are there, and %d by what watchers were told", n, len(at))
	}
}
