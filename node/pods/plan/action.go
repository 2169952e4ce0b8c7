package plan

import (
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// Action is one operation to carry out. Its key names what it works on: at most
// one action per key is under way.
type Action interface{ Key() string }

// CreateSandbox makes and starts a pod sandbox.
type CreateSandbox struct{ Attempt uint32 }

// InspectSandbox reads a sandbox's particulars.
type InspectSandbox struct{ ID string }

// StopSandbox stops a sandbox and gives back its network.
type StopSandbox struct{ ID string }

// RemoveSandbox removes a stopped sandbox with the containers still in it.
type RemoveSandbox struct{ ID string }

// MountVolumes makes the pod's volumes.
type MountVolumes struct{}

// UnmountVolumes takes the pod's volumes away.
type UnmountVolumes struct{}

// RefreshVolumes brings the contents of the pod's volumes up to date. It is not
// planned here: the actor begins it when it is time.
type RefreshVolumes struct{}

// StartContainer pulls the image if need be, creates and starts a container, and
// runs its postStart hook.
type StartContainer struct {
	Container *corev1.Container
	SandboxID string
	Attempt   uint32
	// Backoff to record with the container: the wait after its end.
	Backoff time.Duration
	// Target is the container whose process namespace an ephemeral container
	// joins, if any.
	Target string
}

// InspectContainer reads a container's particulars.
type InspectContainer struct{ ID, Name string }

// StopContainer runs the preStop hook, asks the container to end, and kills it
// at the deadline.
type StopContainer struct {
	ID, Name string
	Deadline time.Time
	// Least is what the container gets between the request to end and the
	// kill even if the deadline is nearer.
	Least   time.Duration
	PreStop bool
	Reason  string // of the event
	Message string
	// Resize: it is started again with other resources.
	Resize bool
}

// ResizeContainer gives a running container the resources that Container has.
type ResizeContainer struct {
	ID        string
	Container *corev1.Container
}

// RemoveContainer removes a container that has ended, and its log.
type RemoveContainer struct {
	ID, Name string
	Attempt  uint32
	KeepLog  bool
}

// RemoveDirectories removes the pod's logs and other files.
type RemoveDirectories struct{}

// Keys by which actions exclude one another.
const (
	keySandbox = "sandbox"
	keyVolumes = "volumes"
	keyStart   = "start/"
	keyStop    = "stop/"
	keyInspect = "inspect/"
	keyResize  = "resize/"
)

// Key implements Action.
func (a CreateSandbox) Key() string { return keySandbox }

// Key implements Action.
func (a InspectSandbox) Key() string { return keyInspect + a.ID }

// Key implements Action.
func (a StopSandbox) Key() string { return keyStop + a.ID }

// Key implements Action.
func (a RemoveSandbox) Key() string { return keyStop + a.ID }

// Key implements Action.
func (a MountVolumes) Key() string { return keyVolumes }

// Key implements Action.
func (a UnmountVolumes) Key() string { return keyVolumes }

// Key implements Action.
func (a RefreshVolumes) Key() string { return keyVolumes }

// Key implements Action.
func (a StartContainer) Key() string { return keyStart + a.Container.GetName() }

// Key implements Action.
func (a InspectContainer) Key() string { return keyInspect + a.ID }

// Key implements Action.
func (a StopContainer) Key() string { return keyStop + a.ID }

// Key implements Action.
func (a ResizeContainer) Key() string { return keyResize + a.ID }

// Key implements Action.
func (a RemoveContainer) Key() string { return keyStop + a.ID }

// Key implements Action.
func (a RemoveDirectories) Key() string { return "directories" }

func (s *State) starting(name string) bool {
	_, busy := s.Busy[keyStart+name]
	return busy
}

func (s *State) startingAny() bool {
	for k := range s.Busy {
		if len(k) > len(keyStart) && k[:len(keyStart)] == keyStart {
			return true
		}
	}
	return false
}

// Busy tells whether an action has to wait for another of the same key.
func Busy(s *State, a Action) bool { return busy(s, a.Key()) }

// Starting tells whether a container's start is under way.
func Starting(s *State, name string) bool { return s.starting(name) }
