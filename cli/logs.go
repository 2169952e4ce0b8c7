package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

type logsCommand struct {
	*session
	follow, previous, timestamps  bool
	allContainers, allPods, names bool
	ignoreErrors                  bool
	container, label              string
	tail, limit                   int64
	since                         time.Duration
	sinceTime                     string
	max                           int
}

func newLogs(s *session) *cobra.Command {
	l := &logsCommand{session: s}
	c := &cobra.Command{
		Use:   "logs (POD | KIND/NAME | -l SELECTOR)",
		Short: "Print what containers write",
		Long: `Print what containers write. Of a workload (Deployment, StatefulSet, Job…) or a Service, one pod is taken, or all with --all-pods.

With -f and -l or --all-pods, pods may come and go: new ones and containers that are restarted are followed from their first
line on, until all pods have ended or you interrupt it.`,
		Example: `  kaji logs web-1
  kaji logs -f deployment/web --tail=20
  kaji logs web-1 -c sidecar --previous
  kaji logs -l app=web --all-containers --prefix --since=10m`,
		Args:              cobra.MaximumNArgs(2),
		ValidArgsFunction: s.completePods,
		RunE:              func(c *cobra.Command, args []string) error { return l.run(c, args) },
	}
	f := c.Flags()
	f.BoolVarP(&l.follow, "follow", "f", false, "go on printing until the container ends")
	f.BoolVarP(&l.previous, "previous", "p", false, "of the container that ran before the last restart")
	f.BoolVar(&l.timestamps, "timestamps", false, "begin each line with its time")
	f.BoolVar(&l.allContainers, "all-containers", false, "of all containers of the pod")
	f.BoolVar(&l.allPods, "all-pods", false, "of all pods of the workload or Service, with --prefix")
	f.BoolVar(&l.ignoreErrors, "ignore-errors", false, "with -f: a log that cannot be read is told, and no failure")
	f.BoolVar(&l.names, "prefix", false, "begin each line with its pod and container")
	f.StringVarP(&l.container, "container", "c", "", "container; the only or first one when not given")
	f.StringVarP(&l.label, "selector", "l", "", "label selector of pods")
	f.Int64Var(&l.tail, "tail", -1, "lines from the end; -1 is all, or 10 with a selector")
	f.Int64Var(&l.limit, "limit-bytes", 0, "bytes at most; 0 is no limit")
	f.DurationVar(&l.since, "since", 0, "not older than this, e.g. 5m")
	f.StringVar(&l.sinceTime, "since-time", "", "not older than this moment, e.g. 2006-01-02T15:04:05Z")
	f.IntVar(&l.max, "max-log-requests", 5, "how many logs may be followed at once")
	_ = c.RegisterFlagCompletionFunc("container", s.completeContainers)
	return c
}

func (l *logsCommand) options(c *cobra.Command) (*corev1.PodLogOptions, error) {
	o := &corev1.PodLogOptions{Follow: l.follow, Previous: l.previous, Timestamps: l.timestamps}
	if l.since != 0 && l.sinceTime != "" {
		return nil, usage(c, "give --since or --since-time, not both")
	}
	if l.since < 0 || l.limit < 0 || l.tail < -1 {
		return nil, usage(c, "--since, --limit-bytes and --tail cannot be negative")
	}
	if l.since > 0 {
		o.SinceSeconds = proto.Int64(max(int64(l.since.Round(time.Second)/time.Second), 1))
	}
	if l.sinceTime != "" {
		t, err := time.Parse(time.RFC3339, l.sinceTime)
		if err != nil {
			return nil, usage(c, "--since-time %q is not of the form 2006-01-02T15:04:05Z", l.sinceTime)
		}
		o.SinceTime = timestamppb.New(t)
	}
	if l.limit > 0 {
		o.LimitBytes = proto.Int64(l.limit)
	}
	if l.tail == -1 && l.label != "" && !c.Flags().Changed("tail") {
		l.tail = 10
	}
	if l.tail >= 0 {
		o.TailLines = proto.Int64(l.tail)
	}
	return o, nil
}

// source is one log to print.
type source struct {
	pod       *corev1.Pod
	container string
}

func (l *logsCommand) run(c *cobra.Command, args []string) error {
	if (len(args) == 0) == (l.label == "") {
		return usage(c, "give a pod, or a selector with -l")
	}
	if len(args) == 2 {
		l.container = args[1]
	}
	if l.container != "" && l.allContainers {
		return usage(c, "give -c or --all-containers, not both")
	}
	options, err := l.options(c)
	if err != nil {
		return err
	}
	conn, err := l.connect()
	if err != nil {
		return err
	}
	if l.allPods && !c.Flags().Changed("prefix") {
		l.names = true
	}
	sources, err := l.sources(c, conn, args)
	if err != nil {
		return err
	}
	if l.follow && len(sources) > l.max {
		return &advice{err: fmt.Errorf("that would follow %d logs at once", len(sources)), next: fmt.Sprintf("--max-log-requests=%d allows it", len(sources))}
	}
	out := &lineWriter{out: l.Out}
	if l.follow && (l.label != "" || l.allPods) {
		namespace, text := l.namespace(), l.label
		if l.label == "" {
			var pod *corev1.Pod
			if pod, namespace, text, err = podSelector(c.Context(), l.session, c, conn, args[0]); err != nil {
				return err
			}
			if pod != nil {
				namespace, text = pod.GetMetadata().GetNamespace(), ""
			}
			return l.followAll(c.Context(), conn, namespace, text, pod.GetMetadata().GetName(), options, out)
		}
		return l.followAll(c.Context(), conn, namespace, text, "", options, out)
	}
	print := func(ctx context.Context, src source) error {
		return printLog(ctx, conn, src, proto.CloneOf(options), out.source(l.prefix(src), len(sources) > 1))
	}
	if !l.follow || len(sources) == 1 {
		for _, src := range sources {
			if err := print(c.Context(), src); err != nil {
				return err
			}
		}
		return nil
	}
	errs := make([]error, len(sources))
	var wg sync.WaitGroup
	for i, src := range sources {
		wg.Go(func() { errs[i] = print(c.Context(), src) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (l *logsCommand) prefix(src source) string {
	if !l.names {
		return ""
	}
	return fmt.Sprintf("[pod/%s/%s] ", src.pod.GetMetadata().GetName(), src.container)
}

func (l *logsCommand) sources(c *cobra.Command, conn *client.Client, args []string) ([]source, error) {
	var pods []*corev1.Pod
	var err error
	if l.label != "" {
		if pods, err = podsBy(c.Context(), conn, l.namespace(), l.label); err == nil && len(pods) == 0 {
			err = fmt.Errorf("no pod in namespace %s has %s", l.namespace(), l.label)
		}
	} else {
		pods, err = podsFor(c.Context(), l.session, c, conn, args[0])
		if len(pods) > 1 && !l.allPods {
			fmt.Fprintf(l.Err, "Found %d pods, using pod/%s\n", len(pods), pods[0].GetMetadata().GetName())
			pods = pods[:1]
		}
	}
	if err != nil {
		return nil, err
	}
	var out []source
	for _, p := range pods {
		names := containerNames(p)
		if !l.allContainers {
			name, err := containerOf(l.session, p, l.container)
			if err != nil {
				return nil, err
			}
			names = []string{name}
		}
		for _, name := range names {
			out = append(out, source{p, name})
		}
	}
	return out, nil
}

func printLog(ctx context.Context, conn *client.Client, src source, o *corev1.PodLogOptions, out io.WriteCloser) error {
	o.Container = src.container
	stream, err := corev1.NewPodServiceClient(conn.Conn()).GetPodLogs(ctx, &corev1.PodLogsRequest{
		Namespace: src.pod.GetMetadata().GetNamespace(), Name: src.pod.GetMetadata().GetName(), Options: o,
	})
	if err != nil {
		return apierror.FromStatus(err)
	}
	for {
		piece, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return out.Close()
		}
		if err != nil {
			return errors.Join(apierror.FromStatus(err), out.Close())
		}
		if _, err := out.Write(piece.GetData()); err != nil {
			return err
		}
	}
}

// lineWriter mixes several logs line by line.
type lineWriter struct {
	mu  sync.Mutex
	out io.Writer
}

// source returns a writer for one log. A log alone, without prefix, passes through as it comes; of several,
// only whole lines do.
func (w *lineWriter) source(prefix string, several bool) io.WriteCloser {
	return &logWriter{to: w, prefix: prefix, whole: several || prefix != ""}
}

type logWriter struct {
	to     *lineWriter
	prefix string
	whole  bool
	rest   []byte
}

func (l *logWriter) Write(b []byte) (int, error) {
	if !l.whole {
		return l.to.out.Write(b)
	}
	l.rest = append(l.rest, b...)
	for {
		end := bytes.IndexByte(l.rest, '\n')
		if end < 0 {
			return len(b), nil
		}
		if err := l.line(l.rest[:end+1]); err != nil {
			return 0, err
		}
		l.rest = l.rest[end+1:]
	}
}

func (l *logWriter) line(b []byte) error {
	l.to.mu.Lock()
	defer l.to.mu.Unlock()
	_, err := l.to.out.Write(append([]byte(l.prefix), b...))
	return err
}

// Close writes a last line that has no end.
func (l *logWriter) Close() error {
	if len(l.rest) == 0 {
		return nil
	}
	return l.line(append(l.rest, '\n'))
}
