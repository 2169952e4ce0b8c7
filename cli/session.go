package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/config"
)

// session is one invocation: its flags, and the connection once a command asks for it.
type session struct {
	Options

	configPath    string
	context       string
	namespaceFlag string
	colour        string

	client *client.Client
	// contextNamespace comes with the connection.
	contextNamespace string
}

func (s *session) bind(root *cobra.Command) {
	f := root.PersistentFlags()
	f.StringVar(&s.configPath, "config", "", "client configuration; $"+config.Env+" or ~/.kaji/config when not given")
	f.StringVar(&s.context, "context", "", "context of the configuration; its current one when not given")
	f.StringVarP(&s.namespaceFlag, "namespace", "n", "", "namespace; the context's when not given")
	f.StringVar(&s.colour, "color", "auto", "colour states in tables: auto, always or never; auto does on a terminal, unless $NO_COLOR is set")
	_ = root.RegisterFlagCompletionFunc("color", cobra.FixedCompletions([]string{"auto", "always", "never"}, cobra.ShellCompDirectiveNoFileComp))
	_ = root.RegisterFlagCompletionFunc("namespace", func(c *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
		return s.completeNames(c.Context(), "namespaces", word)
	})
	_ = root.RegisterFlagCompletionFunc("context", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		f, err := config.Load(s.configPath)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for _, c := range f.Contexts {
			names = append(names, c.Name)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	})
}

// errNoConfig says that this user has no cluster yet.
var errNoConfig = errors.New("there is no client configuration yet")

// connect returns the connection, and makes it the first time.
func (s *session) connect() (*client.Client, error) {
	if s.client != nil {
		return s.client, nil
	}
	if s.Client != nil {
		s.client, s.contextNamespace = s.Client, config.DefaultNamespace
		return s.client, nil
	}
	settings, namespace, err := config.Find(config.Wanted{Path: s.configPath, Context: s.context, UserAgent: "kaji/" + s.Version})
	if errors.Is(err, config.ErrNone) {
		return nil, &advice{err: errNoConfig, next: "`kaji up` starts a cluster and writes one; --config or $" + config.Env + " name another file"}
	}
	if err != nil {
		return nil, err
	}
	c, err := s.Connect(settings)
	if err != nil {
		return nil, err
	}
	s.client, s.contextNamespace = client.New(withWarnings(c.Conn(), s.Err)), namespace
	return s.client, nil
}

// namespace is the one that is meant when an object does not say. The connection must have been made.
func (s *session) namespace() string {
	if s.namespaceFlag != "" {
		return s.namespaceFlag
	}
	if s.contextNamespace != "" {
		return s.contextNamespace
	}
	return config.DefaultNamespace
}
