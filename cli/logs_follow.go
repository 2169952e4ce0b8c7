package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

// follower follows the logs of pods that come and go.
type follower struct {
	*logsCommand
	conn    *client.Client
	options *corev1.PodLogOptions // for what was there at the beginning
	out     *lineWriter
	logs    sync.WaitGroup

	mu   sync.Mutex
	pods map[string]*corev1.Pod // by uid
	// runs are those of containers that are followed, by pod and the runtime's id; false once they have been.
	runs   map[string]bool
	open   int             // logs that are read at the moment
	full   map[string]bool // runs that had to wait for others
	failed []error
	// began is set once all that was there at first is known.
	began bool
	over  context.CancelCauseFunc
}

// errAllEnded ends the following when there is nothing left that could write.
var errAllEnded = errors.New("all pods have ended")

// followAll follows all pods of a selector, or the one of a name, until all have ended.
func (l *logsCommand) followAll(ctx context.Context, conn *client.Client, namespace, label, name string, options *corev1.PodLogOptions, out *lineWriter) error {
	parent := ctx
	ctx, over := context.WithCancelCause(ctx)
	defer over(nil)
	f := &follower{logsCommand: l, conn: conn, options: options, out: out, over: over,
		pods: map[string]*corev1.Pod{}, runs: map[string]bool{}, full: map[string]bool{}}
	selected := &metav1.ListOptions{LabelSelector: label}
	if name != "" {
		selected.FieldSelector = "metadata.name=" + name
	}
	err := listThenWatch(ctx, conn, kind.Lookup("pods"), namespace, selected, func(items []kind.Object) (bool, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		clear(f.pods)
		for _, o := range items {
			f.pods[o.GetMetadata().GetUid()] = o.(*corev1.Pod)
		}
		f.look(ctx)
		f.began = true
		return false, nil
	}, func(e metav1.EventType, o kind.Object) (bool, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if e == metav1.EventType_EVENT_TYPE_DELETED {
			delete(f.pods, o.GetMetadata().GetUid())
		} else {
			f.pods[o.GetMetadata().GetUid()] = o.(*corev1.Pod)
		}
		f.look(ctx)
		return false, nil
	})
	over(err) // without the pods, what is being read ends too
	f.logs.Wait()
	if err == nil {
		err = parent.Err()
	}
	if l.ignoreErrors {
		return err
	}
	return errors.Join(append(f.failed, err)...)
}

// look begins to follow what runs and is not followed, and ends all when nothing will come. mu is held.
func (f *follower) look(ctx context.Context) {
	ended := len(f.pods) > 0
	for _, uid := range slices.Sorted(maps.Keys(f.pods)) {
		pod := f.pods[uid]
		ended = ended && podEnded(pod)
		for _, container := range f.containers(pod) {
			id := runOf(pod, container)
			if id == "" {
				continue
			}
			run := uid + "/" + container + "/" + id
			if _, known := f.runs[run]; !known {
				f.begin(ctx, run, source{pod, container})
			}
			if busy, known := f.runs[run]; busy || !known {
				ended = false
			}
		}
	}
	if ended {
		f.over(errAllEnded)
	}
}

// containers are those of a pod that are asked for. What was chosen for the user has been said at the beginning.
func (f *follower) containers(pod *corev1.Pod) []string {
	if f.allContainers {
		return containerNames(pod)
	}
	quiet := *f.session
	quiet.Err = io.Discard
	name, err := containerOf(&quiet, pod, f.container)
	if err != nil {
		return nil
	}
	return []string{name}
}

// runOf is the id of the run of a container that has a log, the newest; empty when there is none yet.
func runOf(pod *corev1.Pod, container string) string {
	st := pod.GetStatus()
	for _, all := range [][]*corev1.ContainerStatus{st.GetInitContainerStatuses(), st.GetContainerStatuses(), st.GetEphemeralContainerStatuses()} {
		for _, c := range all {
			if c.GetName() == container && (c.GetState().GetRunning() != nil || c.GetState().GetTerminated() != nil) {
				return fmt.Sprintf("%s#%d", c.GetContainerId(), c.GetRestartCount())
			}
		}
	}
	return ""
}

// begin follows one run of a container. mu is held.
func (f *follower) begin(ctx context.Context, run string, src source) {
	if f.open >= f.max {
		if !f.full[run] {
			f.full[run] = true
			fmt.Fprintf(f.Err, "pod/%s, container %s is not followed yet: --max-log-requests=%d are open\n", src.pod.GetMetadata().GetName(), src.container, f.max)
		}
		return
	}
	options := proto.CloneOf(f.options)
	if f.began && !f.full[run] {
		// It is new: all of it is.
		options.TailLines, options.SinceSeconds, options.SinceTime = nil, nil, nil
	}
	f.runs[run] = true
	f.open++
	f.logs.Go(func() {
		err := printLog(ctx, f.conn, src, options, f.out.source(f.prefix(src), true))
		f.mu.Lock()
		defer f.mu.Unlock()
		f.runs[run] = false
		f.open--
		if err != nil && ctx.Err() == nil {
			err = fmt.Errorf("pod/%s, container %s: %w", src.pod.GetMetadata().GetName(), src.container, err)
			if f.ignoreErrors {
				fmt.Fprintln(f.Err, err)
			} else {
				f.failed = append(f.failed, err)
			}
		}
		if ctx.Err() == nil {
			f.look(ctx)
		}
	})
}
