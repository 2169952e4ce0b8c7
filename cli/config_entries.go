package cli

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/client/config"
)

// change edits the configuration: f changes it and says what it did.
func (s *session) changeConfig(f func(*config.File) (string, error)) error {
	file, err := config.LoadOrNew(s.configPath)
	if err != nil {
		return err
	}
	done, err := f(file)
	if err != nil {
		return err
	}
	if err := file.Save(""); err != nil {
		return err
	}
	fmt.Fprintln(s.Out, done)
	return nil
}

func newConfigRename(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "rename-context OLD NEW", Short: "Give a context another name",
		Example: "  kaji config rename-context kaji home", Args: cobra.ExactArgs(2), ValidArgsFunction: s.completeContexts,
		RunE: func(_ *cobra.Command, args []string) error {
			return s.changeConfig(func(f *config.File) (string, error) {
				c, err := f.Context(args[0])
				if err != nil {
					return "", err
				}
				if _, err := f.Context(args[1]); err == nil {
					return "", fmt.Errorf("there is a context %q already in %s", args[1], f.Path())
				}
				c.Name = args[1]
				if f.CurrentContext == args[0] {
					f.CurrentContext = args[1]
				}
				return fmt.Sprintf("Context %q renamed to %q.", args[0], args[1]), nil
			})
		},
	}
}

func newConfigSetCluster(s *session) *cobra.Command {
	var cluster config.Cluster
	var embed bool
	c := &cobra.Command{
		Use:   "set-cluster NAME [--server=HOST:PORT…] [--certificate-authority=FILE]",
		Short: "Change a cluster, or add one",
		Long: `Change a cluster, or add one: the addresses of its API servers, and the certificate of its CA as the path of a file, or
with --embed-certs the certificate itself.`,
		Example: "  kaji config set-cluster prod --server=10.0.0.1:7443,10.0.0.2:7443 --certificate-authority=ca.crt --embed-certs",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return s.changeConfig(func(f *config.File) (string, error) {
				to := &config.Cluster{Name: args[0]}
				if i := slices.IndexFunc(f.Clusters, func(c *config.Cluster) bool { return c.Name == args[0] }); i >= 0 {
					to = f.Clusters[i]
				} else if len(cluster.Endpoints) == 0 {
					return "", usage(c, "there is no cluster %q; a new one needs --server", args[0])
				}
				if len(cluster.Endpoints) > 0 {
					to.Endpoints = cluster.Endpoints
				}
				if cluster.ServerName != "" {
					to.ServerName = cluster.ServerName
				}
				if cluster.CA != "" {
					if err := certificate(&to.CA, &to.CAData, cluster.CA, embed); err != nil {
						return "", err
					}
				}
				f.SetCluster(to)
				return fmt.Sprintf("Cluster %q set.", args[0]), nil
			})
		},
	}
	f := c.Flags()
	f.StringSliceVar(&cluster.Endpoints, "server", nil, "addresses of API servers, as HOST:PORT")
	f.StringVar(&cluster.CA, "certificate-authority", "", "file of the CA's certificate")
	f.StringVar(&cluster.ServerName, "tls-server-name", "", "name that the servers' certificates are for, when it is not the host")
	f.BoolVar(&embed, "embed-certs", false, "write the certificate into the configuration in place of its path")
	return c
}

func newConfigSetUser(s *session) *cobra.Command {
	var user config.User
	var embed bool
	c := &cobra.Command{
		Use:     "set-credentials NAME [--client-certificate=FILE --client-key=FILE] [--token=TOKEN]",
		Short:   "Change a user, or add one",
		Long:    "Change a user, or add one: its certificate and key as paths of files, or with --embed-certs themselves, and its token.",
		Example: "  kaji config set-credentials ada --client-certificate=ada.crt --client-key=ada.key --embed-certs",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if (user.Cert == "") != (user.Key == "") {
				return usage(c, "--client-certificate and --client-key go together")
			}
			if user.Cert == "" && user.Token == "" {
				return usage(c, "give --client-certificate and --client-key, or --token")
			}
			return s.changeConfig(func(f *config.File) (string, error) {
				to := &config.User{Name: args[0]}
				if i := slices.IndexFunc(f.Users, func(u *config.User) bool { return u.Name == args[0] }); i >= 0 {
					to = f.Users[i]
				}
				if user.Cert != "" {
					if err := certificate(&to.Cert, &to.CertData, user.Cert, embed); err != nil {
						return "", err
					}
					if err := certificate(&to.Key, &to.KeyData, user.Key, embed); err != nil {
						return "", err
					}
				}
				if user.Token != "" {
					to.Token, to.TokenFile = user.Token, ""
				}
				f.SetUser(to)
				return fmt.Sprintf("User %q set.", args[0]), nil
			})
		},
	}
	f := c.Flags()
	f.StringVar(&user.Cert, "client-certificate", "", "file of the certificate")
	f.StringVar(&user.Key, "client-key", "", "file of the key")
	f.StringVar(&user.Token, "token", "", "bearer token; others see it in the list of processes, a token file in the configuration is better")
	f.BoolVar(&embed, "embed-certs", false, "write certificate and key into the configuration in place of their paths")
	return c
}

// certificate sets the path of a file, or what it holds.
func certificate(path, data *string, file string, embed bool) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if embed {
		*path, *data = "", base64.StdEncoding.EncodeToString(b)
		return nil
	}
	abs, err := filepath.Abs(file)
	*path, *data = abs, ""
	return err
}

// newConfigList lists the names of the clusters or of the users.
func newConfigList(s *session, what string, names func(*config.File) []string) *cobra.Command {
	return &cobra.Command{
		Use: "get-" + what, Short: "List the " + what, Example: "  kaji config get-" + what, Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			f, err := config.LoadOrNew(s.configPath)
			if err != nil {
				return err
			}
			for _, name := range names(f) {
				fmt.Fprintln(s.Out, name)
			}
			return nil
		},
	}
}

func clusterNames(f *config.File) []string {
	var out []string
	for _, c := range f.Clusters {
		out = append(out, c.Name)
	}
	return out
}

func userNames(f *config.File) []string {
	var out []string
	for _, u := range f.Users {
		out = append(out, u.Name)
	}
	return out
}

// newConfigForget removes a cluster or a user that no context needs.
func newConfigForget(s *session, what string, names func(*config.File) []string, needs func(*config.Context) string, remove func(*config.File, string)) *cobra.Command {
	return &cobra.Command{
		Use: "delete-" + what + " NAME", Short: "Remove a " + what + " that no context needs",
		Example: "  kaji config delete-" + what + " old", Args: cobra.ExactArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			f, err := config.Load(s.configPath)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return names(f), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			return s.changeConfig(func(f *config.File) (string, error) {
				if !slices.Contains(names(f), args[0]) {
					return "", fmt.Errorf("there is no %s %q in %s", what, args[0], f.Path())
				}
				for _, c := range f.Contexts {
					if needs(c) == args[0] {
						return "", &advice{err: fmt.Errorf("context %q needs %s %q", c.Name, what, args[0]), next: "`kaji config delete-context " + c.Name + "` removes it first"}
					}
				}
				remove(f, args[0])
				return fmt.Sprintf("%s %q removed.", what, args[0]), nil
			})
		},
	}
}

func newConfigDeleteCluster(s *session) *cobra.Command {
	return newConfigForget(s, "cluster", clusterNames, func(c *config.Context) string { return c.Cluster }, func(f *config.File, name string) {
		f.Clusters = slices.DeleteFunc(f.Clusters, func(c *config.Cluster) bool { return c.Name == name })
	})
}

func newConfigDeleteUser(s *session) *cobra.Command {
	return newConfigForget(s, "user", userNames, func(c *config.Context) string { return c.User }, func(f *config.File, name string) {
		f.Users = slices.DeleteFunc(f.Users, func(u *config.User) bool { return u.Name == name })
	})
}
