package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"kaji.dev/kaji/cli/printers"
	"kaji.dev/kaji/client/config"
)

func newConfig(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Look at and change the client configuration",
		Example: `  kaji config get-contexts
  kaji config use-context prod
  kaji config set-context --current --namespace=shop
  grpcurl $(kaji config grpcurl) list`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(c, "there is no config command %q", args[0])
			}
			return c.Help()
		},
	}
	c.AddCommand(newConfigView(s), newConfigContexts(s), newConfigCurrent(s), newConfigUse(s), newConfigSet(s), newConfigDelete(s), newConfigRename(s),
		newConfigList(s, "clusters", clusterNames), newConfigSetCluster(s), newConfigDeleteCluster(s),
		newConfigList(s, "users", userNames), newConfigSetUser(s), newConfigDeleteUser(s), newConfigGrpcurl(s))
	return c
}

func newConfigView(s *session) *cobra.Command {
	var raw, minify, flatten bool
	var format string
	c := &cobra.Command{
		Use: "view", Short: "Print the configuration", Args: noArgs,
		Long:    "Print the configuration, without keys and certificates that it holds itself.",
		Example: "  kaji config view\n  kaji config view --minify\n  kaji config view --minify --flatten --raw > portable",
		RunE: func(c *cobra.Command, _ []string) error {
			if format != "" && format != "yaml" && format != "json" {
				return usage(c, "the output of view is yaml or json, not %q", format)
			}
			f, err := config.LoadOrNew(s.configPath)
			if err != nil {
				return err
			}
			path := f.Path()
			if minify {
				if f, err = f.Minify(s.context); err != nil {
					return err
				}
			}
			if flatten {
				if err := f.Flatten(); err != nil {
					return err
				}
			}
			if !raw {
				for _, c := range f.Clusters {
					hide(&c.CAData)
				}
				for _, u := range f.Users {
					hide(&u.CertData)
					hide(&u.KeyData)
					hide(&u.Token)
					hide(&u.Token)
				}
			}
			if format == "json" {
				return writeJSON(s.Out, f)
			}
			fmt.Fprintf(s.Out, "# %s\n", path)
			return writeYAML(s.Out, f)
		},
	}
	c.Flags().BoolVar(&raw, "raw", false, "print keys, certificates and tokens too")
	c.Flags().BoolVar(&minify, "minify", false, "only the current context, or that of --context, and what it needs")
	c.Flags().BoolVar(&flatten, "flatten", false, "put the files that it names into it, so that it can be taken elsewhere")
	c.Flags().StringVarP(&format, "output", "o", "", "form of the output: yaml, json")
	return c
}

func hide(data *string) {
	if *data != "" {
		*data = "DATA+OMITTED"
	}
}

func writeYAML(w io.Writer, v any) error {
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	if err := e.Encode(v); err != nil {
		return err
	}
	return e.Close()
}

// writeJSON writes what writeYAML does, as JSON.
func writeJSON(w io.Writer, v any) error {
	text, err := yaml.Marshal(v)
	if err != nil {
		return err
	}
	var plain any
	if err := yaml.Unmarshal(text, &plain); err != nil {
		return err
	}
	b, err := json.MarshalIndent(plain, "", "    ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, string(b))
	return err
}

func newConfigContexts(s *session) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "get-contexts", Short: "List the contexts", Args: noArgs,
		Example: "  kaji config get-contexts",
		RunE: func(c *cobra.Command, _ []string) error {
			f, err := config.LoadOrNew(s.configPath)
			if err != nil {
				return err
			}
			rows := [][]string{{"CURRENT", "NAME", "CLUSTER", "USER", "NAMESPACE"}}
			for _, c := range f.Contexts {
				if format == "name" {
					fmt.Fprintln(s.Out, c.Name)
					continue
				}
				current := ""
				if c.Name == f.CurrentContext {
					current = "*"
				}
				rows = append(rows, []string{current, c.Name, c.Cluster, c.User, c.Namespace})
			}
			if format == "name" {
				return nil
			}
			if format != "" {
				return usage(c, "the output of get-contexts is name, not %q", format)
			}
			return printers.NewTable(s.Out).Write(rows...)
		},
	}
	c.Flags().StringVarP(&format, "output", "o", "", "form of the output: name")
	return c
}

func newConfigCurrent(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "current-context", Short: "Print the current context", Args: noArgs,
		Example: "  kaji config current-context",
		RunE: func(*cobra.Command, []string) error {
			f, err := config.LoadOrNew(s.configPath)
			if err != nil {
				return err
			}
			c, err := f.Context(s.context)
			if err != nil {
				return err
			}
			fmt.Fprintln(s.Out, c.Name)
			return nil
		},
	}
}

func (s *session) completeContexts(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	if f, err := config.Load(s.configPath); err == nil {
		for _, c := range f.Contexts {
			names = append(names, c.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func newConfigUse(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "use-context NAME", Short: "Choose the context to use", Example: "  kaji config use-context prod", Args: cobra.ExactArgs(1), ValidArgsFunction: s.completeContexts,
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := config.Load(s.configPath)
			if err != nil {
				return err
			}
			if _, err := f.Context(args[0]); err != nil {
				return err
			}
			f.CurrentContext = args[0]
			if err := f.Save(""); err != nil {
				return err
			}
			fmt.Fprintf(s.Out, "Switched to context %q.\n", args[0])
			return nil
		},
	}
}

func newConfigSet(s *session) *cobra.Command {
	var current bool
	var cluster, user string
	c := &cobra.Command{
		Use:     "set-context (NAME | --current)",
		Short:   "Change a context, or add one",
		Long:    "Change a context, or add one. --namespace sets its namespace.",
		Example: "  kaji config set-context --current --namespace=shop\n  kaji config set-context shop --cluster=prod --user=prod -n shop",
		Args:    cobra.MaximumNArgs(1), ValidArgsFunction: s.completeContexts,
		RunE: func(c *cobra.Command, args []string) error {
			if current == (len(args) == 1) {
				return usage(c, "give a name or --current")
			}
			f, err := config.LoadOrNew(s.configPath)
			if err != nil {
				return err
			}
			var to *config.Context
			done := "modified"
			if current {
				if to, err = f.Context(s.context); err != nil {
					return err
				}
			} else if to, err = f.Context(args[0]); err != nil {
				if cluster == "" || user == "" {
					return usage(c, "there is no context %q; a new one needs --cluster and --user", args[0])
				}
				to, done = &config.Context{Name: args[0]}, "created"
				f.SetContext(to)
			}
			if cluster != "" {
				if !slices.ContainsFunc(f.Clusters, func(c *config.Cluster) bool { return c.Name == cluster }) {
					return fmt.Errorf("there is no cluster %q in %s", cluster, f.Path())
				}
				to.Cluster = cluster
			}
			if user != "" {
				if !slices.ContainsFunc(f.Users, func(u *config.User) bool { return u.Name == user }) {
					return fmt.Errorf("there is no user %q in %s", user, f.Path())
				}
				to.User = user
			}
			if s.namespaceFlag != "" {
				to.Namespace = s.namespaceFlag
			}
			if err := f.Save(""); err != nil {
				return err
			}
			fmt.Fprintf(s.Out, "Context %q %s.\n", to.Name, done)
			return nil
		},
	}
	c.Flags().BoolVar(&current, "current", false, "the current context")
	c.Flags().StringVar(&cluster, "cluster", "", "cluster of the context")
	c.Flags().StringVar(&user, "user", "", "user of the context")
	return c
}

func newConfigDelete(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "delete-context NAME", Short: "Remove a context", Example: "  kaji config delete-context old", Args: cobra.ExactArgs(1), ValidArgsFunction: s.completeContexts,
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := config.Load(s.configPath)
			if err != nil {
				return err
			}
			if _, err := f.Context(args[0]); err != nil {
				return err
			}
			f.Contexts = slices.DeleteFunc(f.Contexts, func(c *config.Context) bool { return c.Name == args[0] })
			if f.CurrentContext == args[0] {
				f.CurrentContext = ""
			}
			if err := f.Save(""); err != nil {
				return err
			}
			fmt.Fprintf(s.Out, "Context %q removed.\n", args[0])
			return nil
		},
	}
}

func newConfigGrpcurl(s *session) *cobra.Command {
	return &cobra.Command{
		Use:     "grpcurl",
		Short:   "Print the flags and the address that grpcurl needs",
		Example: "  grpcurl $(kaji config grpcurl) list\n  grpcurl -d '{\"namespace\":\"default\"}' $(kaji config grpcurl) kaji.core.v1.PodService/ListPods",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			f, err := config.Load(s.configPath)
			if err != nil {
				if os.IsNotExist(err) {
					return &advice{err: errNoConfig, next: "`kaji up` starts a cluster and writes one"}
				}
				return err
			}
			files, endpoints, serverName, err := f.Materials(s.context)
			if err != nil {
				return err
			}
			if err := files.Validate(); err != nil {
				return err
			}
			for _, path := range []string{files.CA, files.Cert, files.Key} {
				if strings.ContainsAny(path, " \t\n") {
					return fmt.Errorf("%q has a space, which $(…) would split; move the configuration to a path without", path)
				}
			}
			words := []string{"-cacert", files.CA, "-cert", files.Cert, "-key", files.Key}
			host, _, err := net.SplitHostPort(endpoints[0])
			if err != nil {
				return fmt.Errorf("endpoint %q: %w", endpoints[0], err)
			}
			if serverName != "" && serverName != host {
				words = append(words, "-authority", serverName)
			}
			fmt.Fprintln(s.Out, strings.Join(append(words, endpoints[0]), " "))
			return nil
		},
	}
}
