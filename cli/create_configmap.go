package cli

import (
	"unicode/utf8"

	"github.com/spf13/cobra"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

func newCreateConfigMap(s *session) *cobra.Command {
	var data dataFlags
	c := newCreateKind(s, &cobra.Command{
		Use:     "configmap NAME [--from-literal=KEY=VALUE…] [--from-file=[KEY=]FILE…]",
		Aliases: []string{"cm"},
		Short:   "Create a config map from literals and files",
		Long:    "Create a config map from literals and files. What is no UTF-8 goes to binaryData.",
		Example: `  kaji create configmap settings --from-literal=colour=blue --from-file=app.conf
  kaji create configmap pages --from-file=index.html=site/start.html --from-file=site/assets`,
		Args: cobra.ExactArgs(1),
	}, func(c *cobra.Command, m *metav1.ObjectMeta, _ []string) (kind.Object, error) {
		entries, err := data.read(c)
		if err != nil {
			return nil, err
		}
		o := &corev1.ConfigMap{Metadata: m, Data: map[string]string{}, BinaryData: map[string][]byte{}}
		for key, value := range entries {
			if utf8.Valid(value) {
				o.Data[key] = string(value)
			} else {
				o.BinaryData[key] = value
			}
		}
		return o, nil
	})
	data.bind(c)
	return c
}
