package ui

import (
	"context"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

// Options is what Run needs.
type Options struct {
	Cluster Cluster
	// Kind and Namespace are shown first; "" is all namespaces.
	Kind      *kind.Kind
	Namespace string
	// In and Out are the terminal.
	In  io.Reader
	Out io.Writer
}

// Run shows the screen until the user quits, or ctx ends, whose error it returns then.
func Run(ctx context.Context, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	model, effects := New(o.Kind, o.Namespace, time.Now())
	s := &shell{ctx: ctx, cluster: o.Cluster, model: model, first: effects}
	p := tea.NewProgram(s, tea.WithContext(ctx), tea.WithInput(o.In), tea.WithOutput(o.Out))
	s.send = p.Send
	_, err := p.Run()
	over := ctx.Err()
	cancel()
	s.running.Wait()
	if over != nil {
		return over
	}
	return err
}

// shell carries out effects and draws. Bubble Tea calls it from one goroutine.
type shell struct {
	ctx     context.Context
	cluster Cluster
	model   *Model
	first   []Effect
	send    func(tea.Msg)
	running sync.WaitGroup

	endFeed, endText context.CancelFunc
}

// tickEvery is how often ages are drawn anew.
const tickEvery = time.Second

func tick() tea.Cmd { return tea.Tick(tickEvery, func(t time.Time) tea.Msg { return Tick(t) }) }

// Init implements tea.Model.
func (s *shell) Init() tea.Cmd { return tea.Batch(append(s.carryOut(s.first), tick())...) }

// Update implements tea.Model.
func (s *shell) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var then []tea.Cmd
	var told any = msg
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		told = Size{msg.Width, msg.Height}
	case tea.KeyPressMsg:
		told = Key(msg.String())
	case Tick:
		then = append(then, tick())
	}
	then = append(then, s.carryOut(s.model.Update(told))...)
	return s, tea.Batch(then...)
}

// View implements tea.Model.
func (s *shell) View() tea.View {
	v := tea.NewView(s.model.View())
	v.AltScreen = true
	v.WindowTitle = "kaji"
	return v
}

// tell sends a message, unless the program is over.
func (s *shell) tell(ctx context.Context, msg tea.Msg) {
	if ctx.Err() == nil {
		s.send(msg)
	}
}

func (s *shell) carryOut(effects []Effect) []tea.Cmd {
	var out []tea.Cmd
	for _, e := range effects {
		switch e := e.(type) {
		case LoadKinds:
			out = append(out, func() tea.Msg {
				kinds, err := s.cluster.Kinds(s.ctx)
				return Kinds{kinds, err}
			})
		case Follow:
			s.follow(e)
		case Show:
			ctx := s.newText()
			out = append(out, func() tea.Msg {
				write := s.cluster.Describe
				if e.Form == "yaml" {
					write = s.cluster.YAML
				}
				body, err := write(ctx, e.Object)
				return Text{Number: e.Number, Body: body, Err: err}
			})
		case FollowLogs:
			ctx := s.newText()
			s.running.Go(func() {
				err := s.cluster.Logs(ctx, e.Object, e.Container, func(text string) { s.tell(ctx, Text{Number: e.Number, Body: text, More: true}) })
				s.tell(ctx, Text{Number: e.Number, More: true, Err: err, Ended: err == nil})
			})
		case StopText:
			s.newText()
		case Delete:
			out = append(out, func() tea.Msg { return Deleted{e.Object, s.cluster.Delete(s.ctx, e.Object)} })
		case Redraw:
			out = append(out, tea.ClearScreen)
		case Quit:
			out = append(out, tea.Quit)
		}
	}
	return out
}

// newText ends the loading of the old text.
func (s *shell) newText() context.Context {
	if s.endText != nil {
		s.endText()
	}
	ctx, cancel := context.WithCancel(s.ctx)
	s.endText = cancel
	return ctx
}

// follow begins a feed in place of the old one.
func (s *shell) follow(e Follow) {
	if s.endFeed != nil {
		s.endFeed()
	}
	ctx, cancel := context.WithCancel(s.ctx)
	s.endFeed = cancel
	s.running.Go(func() { s.keep(ctx, e.Number, FeedTable, e.Kind, e.Namespace) })
	if e.Pods {
		s.running.Go(func() { s.keep(ctx, e.Number, FeedPods, kind.Lookup("pods"), "") })
	}
}

const (
	retryFirst = 250 * time.Millisecond
	retryMost  = 5 * time.Second
)

// keep follows until ctx ends, again after every end.
func (s *shell) keep(ctx context.Context, number int, feed Feed, k *kind.Kind, namespace string) {
	for wait := retryFirst; ctx.Err() == nil; {
		err := s.cluster.Follow(ctx, k, namespace, func(objects []kind.Object) {
			wait = retryFirst
			s.tell(ctx, Listed{feed, number, objects})
		}, func(t metav1.EventType, o kind.Object) { s.tell(ctx, Changed{feed, number, t, o}) })
		if err != nil {
			s.tell(ctx, Lost{number, err})
		}
		timer := time.NewTimer(wait/2 + rand.N(wait/2))
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
		wait = min(2*wait, retryMost)
	}
}
