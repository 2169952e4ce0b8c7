package fake

import (
	"maps"

	"kaji.dev/kaji/kind"
)

// Backup is all that a server held at one revision.
type Backup struct {
	revision int64
	objects  map[string]kind.Object
}

// Backup copies what there is.
func (s *Server) Backup() Backup {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Backup{revision: s.revision, objects: maps.Clone(s.objects)}
}

// Restore puts a backup in the place of what there is, revision and all, as when a lost store is begun anew from a backup. Watches end,
// and those from revisions that are not there any more expire.
func (s *Server) Restore(b Backup) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects, s.revision, s.compacted, s.bookmarks = maps.Clone(b.objects), b.revision, b.revision, 0
	s.history = nil
	s.pages = map[string]page{}
	close(s.broken)
	s.broken = make(chan struct{})
	s.wake()
}
