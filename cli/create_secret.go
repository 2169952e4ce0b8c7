package cli

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

func newCreateSecret(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:     "secret (generic | docker-registry | tls) NAME",
		Short:   "Create a secret",
		Example: "  kaji create secret generic db --from-literal=password=sesame",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(c, "there is no secret of type %q: it is generic, docker-registry or tls", args[0])
			}
			return usage(c, "which type of secret? generic, docker-registry or tls")
		},
	}
	c.AddCommand(newCreateSecretGeneric(s), newCreateSecretRegistry(s), newCreateSecretTLS(s))
	return c
}

func newCreateSecretGeneric(s *session) *cobra.Command {
	var data dataFlags
	var kindOf string
	c := newCreateKind(s, &cobra.Command{
		Use:     "generic NAME [--from-literal=KEY=VALUE…] [--from-file=[KEY=]FILE…]",
		Short:   "Create a secret from literals and files",
		Example: "  kaji create secret generic db --from-literal=user=shop --from-file=password=password.txt",
		Args:    cobra.ExactArgs(1),
	}, func(c *cobra.Command, m *metav1.ObjectMeta, _ []string) (kind.Object, error) {
		entries, err := data.read(c)
		return &corev1.Secret{Metadata: m, Type: kindOf, Data: entries}, err
	})
	data.bind(c)
	c.Flags().StringVar(&kindOf, "type", "Opaque", "type of the secret")
	return c
}

func newCreateSecretRegistry(s *session) *cobra.Command {
	var server, user, password, email string
	c := newCreateKind(s, &cobra.Command{
		Use:     "docker-registry NAME --docker-server=HOST --docker-username=USER --docker-password=PASSWORD",
		Short:   "Create a secret that images are pulled with",
		Long:    "Create a secret that images are pulled with; a pod names it in imagePullSecrets.",
		Example: "  kaji create secret docker-registry pull --docker-server=registry.local --docker-username=shop --docker-password=sesame",
		Args:    cobra.ExactArgs(1),
	}, func(_ *cobra.Command, m *metav1.ObjectMeta, _ []string) (kind.Object, error) {
		type entry struct {
			Username string `json:"username"`
			Password string `json:"password"`
			Email    string `json:"email,omitempty"`
			Auth     string `json:"auth"`
		}
		auth := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
		b, err := json.Marshal(map[string]map[string]entry{"auths": {server: {user, password, email, auth}}})
		return &corev1.Secret{Metadata: m, Type: "kubernetes.io/dockerconfigjson", Data: map[string][]byte{".dockerconfigjson": b}}, err
	})
	c.Flags().StringVar(&server, "docker-server", "", "host of the registry")
	c.Flags().StringVar(&user, "docker-username", "", "user at the registry")
	c.Flags().StringVar(&password, "docker-password", "", "password at the registry")
	c.Flags().StringVar(&email, "docker-email", "", "address of the user")
	for _, f := range []string{"docker-server", "docker-username", "docker-password"} {
		_ = c.MarkFlagRequired(f)
	}
	return c
}

func newCreateSecretTLS(s *session) *cobra.Command {
	var certFile, keyFile string
	c := newCreateKind(s, &cobra.Command{
		Use:     "tls NAME --cert=FILE --key=FILE",
		Short:   "Create a secret of a certificate and its key",
		Example: "  kaji create secret tls web --cert=web.crt --key=web.key",
		Args:    cobra.ExactArgs(1),
	}, func(_ *cobra.Command, m *metav1.ObjectMeta, _ []string) (kind.Object, error) {
		cert, err := os.ReadFile(certFile)
		if err != nil {
			return nil, err
		}
		key, err := os.ReadFile(keyFile)
		if err != nil {
			return nil, err
		}
		if _, err := tls.X509KeyPair(cert, key); err != nil {
			return nil, fmt.Errorf("%s and %s are no certificate with its key: %w", certFile, keyFile, err)
		}
		return &corev1.Secret{Metadata: m, Type: "kubernetes.io/tls", Data: map[string][]byte{"tls.crt": cert, "tls.key": key}}, nil
	})
	c.Flags().StringVar(&certFile, "cert", "", "file with the certificate, PEM")
	c.Flags().StringVar(&keyFile, "key", "", "file with the key, PEM")
	_ = c.MarkFlagRequired("cert")
	_ = c.MarkFlagRequired("key")
	return c
}
