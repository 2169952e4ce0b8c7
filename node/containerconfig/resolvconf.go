package containerconfig

import (
	"slices"
	"strings"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// ResolvConf is what a resolv.conf says.
type ResolvConf struct {
	Nameservers, Searches, Options []string
}

// The limits of resolv.conf that Kubernetes keeps.
const (
	maxNameservers   = 3
	maxSearches      = 32
	maxSearchesBytes = 2048
)

// ParseResolvConf reads a resolv.conf. What it does not know it skips; of search and
// options the last line counts.
func ParseResolvConf(text string) ResolvConf {
	var r ResolvConf
	for line := range strings.Lines(text) {
		if i := strings.IndexAny(line, "#;"); i >= 0 {
			line = line[:i]
		}
		fields := strings.Fields(line)
		if len(fields) < 2 {
			if len(fields) == 1 && fields[0] == "search" {
				r.Searches = nil
			}
			continue
		}
		switch fields[0] {
		case "nameserver":
			r.Nameservers = append(r.Nameservers, fields[1])
		case "search", "domain":
			r.Searches = nil
			for _, s := range fields[1:] {
				if s != "." {
					s = strings.TrimSuffix(s, ".")
				}
				r.Searches = append(r.Searches, s)
			}
		case "options":
			r.Options = append([]string(nil), fields[1:]...)
		}
	}
	return r
}

// dns gives the pod's resolv.conf by its dnsPolicy and dnsConfig.
func (c *Config) dns(pod *corev1.Pod) *DNS {
	policy := pod.GetSpec().GetDnsPolicy()
	if policy == "" {
		policy = "ClusterFirst"
	}
	if policy == "ClusterFirst" && pod.GetSpec().GetHostNetwork() {
		policy = "Default"
	}
	if policy == "ClusterFirstWithHostNet" {
		policy = "ClusterFirst"
	}
	if policy == "ClusterFirst" && len(c.ClusterDNS) == 0 {
		policy = "Default"
	}
	host := c.HostResolver
	d := &DNS{}
	switch policy {
	case "ClusterFirst":
		d.Servers = slices.Clone(c.ClusterDNS)
		if c.ClusterDomain != "" {
			ns := pod.GetMetadata().GetNamespace()
			d.Searches = []string{ns + ".svc." + c.ClusterDomain, "svc." + c.ClusterDomain, c.ClusterDomain}
		}
		d.Searches = append(d.Searches, host.Searches...)
		d.Options = []string{"ndots:5"}
	case "None":
	default:
		d.Servers = slices.Clone(host.Nameservers)
		d.Searches = slices.Clone(host.Searches)
		d.Options = slices.Clone(host.Options)
	}
	if extra := pod.GetSpec().GetDnsConfig(); extra != nil {
		d.Servers = append(d.Servers, extra.GetNameservers()...)
		d.Searches = append(d.Searches, extra.GetSearches()...)
		d.Options = mergeOptions(d.Options, extra.GetOptions())
	}
	d.Servers = unique(d.Servers)
	d.Searches = unique(d.Searches)
	if len(d.Servers) > maxNameservers {
		d.Servers = d.Servers[:maxNameservers]
	}
	d.Searches = fitSearches(d.Searches)
	if len(d.Servers)+len(d.Searches)+len(d.Options) == 0 {
		return nil
	}
	return d
}

// mergeOptions lets the pod's option replace the one of the same name.
func mergeOptions(base []string, extra []*corev1.PodDNSConfigOption) []string {
	out := slices.Clone(base)
	for _, o := range extra {
		text := o.GetName()
		if o.Value != nil && o.GetValue() != "" {
			text += ":" + o.GetValue()
		}
		i := slices.IndexFunc(out, func(have string) bool {
			name, _, _ := strings.Cut(have, ":")
			return name == o.GetName()
		})
		if i >= 0 {
			out[i] = text
		} else {
			out = append(out, text)
		}
	}
	return out
}

func unique(in []string) []string {
	var out []string
	for _, s := range in {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// fitSearches drops from the end what a resolver would not read.
func fitSearches(in []string) []string {
	if len(in) > maxSearches {
		in = in[:maxSearches]
	}
	for len(in) > 0 && len(strings.Join(in, " ")) > maxSearchesBytes {
		in = in[:len(in)-1]
	}
	return in
}
