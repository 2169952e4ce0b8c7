package raftstore

import (
	"sync"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// decoded are the commands of log entries that this member proposed, so that it need not decode an entry that it has put together from commands
// that it had read. An entry is known by where its data is in memory: what Raft applies on the member that proposed it are the
// bytes that were proposed, and nobody changes those. So what is applied here is what the log says, as on members that decode it.
type decoded struct {
	mu      sync.Mutex
	byEntry map[*byte][]*storev1.Command
}

func newDecoded() *decoded { return &decoded{byEntry: map[*byte][]*storev1.Command{}} }

// put notes the commands of an entry. While they are noted its memory is not used for anything else.
func (d *decoded) put(entry []byte, commands []*storev1.Command) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.byEntry[&entry[0]] = commands
}

// take gives the commands of an entry, once, or nil. Who proposes nothing has no decoded.
func (d *decoded) take(entry []byte) []*storev1.Command {
	if d == nil || len(entry) == 0 {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	commands := d.byEntry[&entry[0]]
	delete(d.byEntry, &entry[0])
	return commands
}
