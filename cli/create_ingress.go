package cli

import (
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	networkingv1 "kaji.dev/kaji/gen/kaji/networking/v1"
	"kaji.dev/kaji/kind"
)

func newCreateIngress(s *session) *cobra.Command {
	var class, fallback string
	var rules, annotations []string
	c := newCreateKind(s, &cobra.Command{
		Use:     "ingress NAME (--rule=HOST/PATH=SERVICE:PORT[,tls[=SECRET]]… | --default-backend=SERVICE:PORT)",
		Aliases: []string{"ing"},
		Short:   "Create an ingress",
		Long: `Create an ingress, which leads HTTP requests from outside to services. A rule is for a host, or for all when it begins
with /, and for one path, or for all below it when the path ends in *. The port is a number or a name. ",tls" ends TLS for the
host with the ingress controller's certificate, ",tls=SECRET" with that of a secret.`,
		Example: `  kaji create ingress shop --class=nginx --rule='shop.example.com/*=web:80,tls=shop-cert'
  kaji create ingress shop --rule='shop.example.com/cart=cart:http' --rule='shop.example.com/*=web:80' --default-backend=other:80
  kaji create ingress all --default-backend=web:80 --annotation=example.com/timeout=30s`,
		Args: cobra.ExactArgs(1),
	}, func(c *cobra.Command, m *metav1.ObjectMeta, _ []string) (kind.Object, error) {
		spec := &networkingv1.IngressSpec{}
		if class != "" {
			spec.IngressClassName = proto.String(class)
		}
		var err error
		if m.Annotations, err = parsePairs(c, annotations); err != nil {
			return nil, err
		}
		if fallback != "" {
			if spec.DefaultBackend, err = parseBackend(c, fallback); err != nil {
				return nil, err
			}
		}
		for _, text := range rules {
			r, err := parseIngressRule(c, text)
			if err != nil {
				return nil, err
			}
			r.addTo(spec)
		}
		return &networkingv1.Ingress{Metadata: m, Spec: spec}, nil
	})
	c.Flags().StringVar(&class, "class", "", "ingress class, which says whose the ingress is")
	c.Flags().StringVar(&fallback, "default-backend", "", "where requests go that no rule is for, SERVICE:PORT")
	// Arrays, not slices: a rule may have a comma.
	c.Flags().StringArrayVar(&rules, "rule", nil, "a rule: HOST/PATH=SERVICE:PORT[,tls[=SECRET]]")
	c.Flags().StringArrayVar(&annotations, "annotation", nil, "an annotation: KEY=VALUE")
	c.MarkFlagsOneRequired("rule", "default-backend")
	return c
}

// ingressRule is a --rule.
type ingressRule struct {
	host   string
	path   *networkingv1.HTTPIngressPath
	tls    bool
	secret string
}

func parseIngressRule(c *cobra.Command, text string) (*ingressRule, error) {
	rule, option, withTLS := strings.Cut(text, ",")
	where, to, ok := strings.Cut(rule, "=")
	host, path, hasPath := strings.Cut(where, "/")
	word, secret, named := strings.Cut(option, "=")
	if !ok || !hasPath || withTLS && word != "tls" || named && secret == "" {
		return nil, usage(c, "--rule %q is not of the form HOST/PATH=SERVICE:PORT[,tls[=SECRET]]", text)
	}
	backend, err := parseBackend(c, to)
	if err != nil {
		return nil, err
	}
	of := "Exact"
	if below, ok := strings.CutSuffix(path, "*"); ok {
		of, path = "Prefix", below
	}
	return &ingressRule{
		host: host, tls: withTLS, secret: secret,
		path: &networkingv1.HTTPIngressPath{Path: "/" + path, PathType: &of, Backend: backend},
	}, nil
}

// addTo adds the rule, to those of the same host, and its host to those of the same secret.
func (r *ingressRule) addTo(spec *networkingv1.IngressSpec) {
	at := slices.IndexFunc(spec.Rules, func(o *networkingv1.IngressRule) bool { return o.GetHost() == r.host })
	if at < 0 {
		at = len(spec.Rules)
		spec.Rules = append(spec.Rules, &networkingv1.IngressRule{
			Host: r.host, IngressRuleValue: &networkingv1.IngressRuleValue{Http: &networkingv1.HTTPIngressRuleValue{}},
		})
	}
	http := spec.Rules[at].GetIngressRuleValue().GetHttp()
	http.Paths = append(http.Paths, r.path)
	if !r.tls || r.host == "" && r.secret == "" {
		return
	}
	at = slices.IndexFunc(spec.Tls, func(o *networkingv1.IngressTLS) bool { return o.GetSecretName() == r.secret })
	if at < 0 {
		at = len(spec.Tls)
		spec.Tls = append(spec.Tls, &networkingv1.IngressTLS{SecretName: r.secret})
	}
	if tls := spec.Tls[at]; r.host != "" && !slices.Contains(tls.Hosts, r.host) {
		tls.Hosts = append(tls.Hosts, r.host)
	}
}

// parseBackend reads SERVICE:PORT, the port a number or a name.
func parseBackend(c *cobra.Command, text string) (*networkingv1.IngressBackend, error) {
	name, port, ok := strings.Cut(text, ":")
	if !ok || name == "" || port == "" {
		return nil, usage(c, "backend %q is not of the form SERVICE:PORT", text)
	}
	to := &networkingv1.ServiceBackendPort{Name: port}
	if _, err := strconv.Atoi(port); err == nil {
		number, err := parsePort(c, port)
		if err != nil {
			return nil, err
		}
		to = &networkingv1.ServiceBackendPort{Number: number}
	}
	return &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: name, Port: to}}, nil
}
