package containerconfig

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func TestParseResolvConf(t *testing.T) {
	got := ParseResolvConf("# c\nnameserver 1.1.1.1 # tail\n; c\nnameserver\t2001:db8::1\ndomain old.example\nsearch a.example. b.example .\noptions ndots:2 edns0\nsortlist x\nnameserver\n")
	want := ResolvConf{Nameservers: []string{"1.1.1.1", "2001:db8::1"}, Searches: []string{"a.example", "b.example", "."}, Options: []string{"ndots:2", "edns0"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := ParseResolvConf("search a\nsearch\n"); got.Searches != nil {
		t.Errorf("an empty search line clears the list, got %v", got.Searches)
	}
}

func TestDNS(t *testing.T) {
	config := func(d *corev1.PodDNSConfig) func(*corev1.PodSpec) {
		return func(s *corev1.PodSpec) { s.DnsConfig = d }
	}
	policy := func(p string) func(*corev1.PodSpec) { return func(s *corev1.PodSpec) { s.DnsPolicy = p } }
	host := func(s *corev1.PodSpec) { s.HostNetwork = true }
	cluster := DNS{[]string{"10.96.0.10"}, []string{"shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.example"}, []string{"ndots:5"}}
	node := DNS{[]string{"192.0.2.53"}, []string{"corp.example"}, []string{"edns0"}}
	full := &corev1.PodDNSConfig{
		Nameservers: []string{"10.96.0.10", "9.9.9.9"}, Searches: []string{"extra.example", "corp.example"},
		Options: []*corev1.PodDNSConfigOption{{Name: "ndots", Value: ptr("2")}, {Name: "edns0"}, {Name: "timeout", Value: ptr("3")}},
	}
	var many corev1.PodDNSConfig
	for i := range 40 {
		many.Searches = append(many.Searches, fmt.Sprintf("s%d.example", i))
		many.Nameservers = append(many.Nameservers, fmt.Sprintf("192.0.2.%d", i))
	}
	for name, c := range map[string]struct {
		change []func(*corev1.PodSpec)
		noDNS  bool
		want   *DNS
	}{
		"unset":                         {nil, false, &cluster},
		"ClusterFirst":                  {[]func(*corev1.PodSpec){policy("ClusterFirst")}, false, &cluster},
		"no cluster DNS":                {nil, true, &node},
		"Default":                       {[]func(*corev1.PodSpec){policy("Default")}, false, &node},
		"host network":                  {[]func(*corev1.PodSpec){host, policy("ClusterFirst")}, false, &node},
		"host network, cluster asked":   {[]func(*corev1.PodSpec){host, policy("ClusterFirstWithHostNet")}, false, &cluster},
		"None without config":           {[]func(*corev1.PodSpec){policy("None")}, false, nil},
		"None with config":              {[]func(*corev1.PodSpec){policy("None"), config(full)}, false, &DNS{[]string{"10.96.0.10", "9.9.9.9"}, []string{"extra.example", "corp.example"}, []string{"ndots:2", "edns0", "timeout:3"}}},
		"config is added, once":         {[]func(*corev1.PodSpec){config(full)}, false, &DNS{[]string{"10.96.0.10", "9.9.9.9"}, slices.Concat(cluster.Searches, []string{"extra.example"}), []string{"ndots:2", "edns0", "timeout:3"}}},
		"no more than a resolver reads": {[]func(*corev1.PodSpec){policy("None"), config(&many)}, false, &DNS{many.Nameservers[:3], many.Searches[:32], nil}},
	} {
		cfg := testConfig(t)
		if c.noDNS {
			cfg.ClusterDNS = nil
		}
		pod := newPod()
		for _, f := range c.change {
			f(pod.GetSpec())
		}
		got := cfg.dns(pod)
		if (got == nil) != (c.want == nil) || (got != nil && (!slices.Equal(got.Servers, c.want.Servers) || !slices.Equal(got.Searches, c.want.Searches) || !slices.Equal(got.Options, c.want.Options))) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	long := &corev1.PodDNSConfig{Searches: []string{strings.Repeat("a", 1500), strings.Repeat("b", 1000)}}
	if got := testConfig(t).dns(with(newPod(), func(s *corev1.PodSpec) { s.DnsPolicy, s.DnsConfig = "None", long })); len(got.Searches) != 1 {
		t.Errorf("%d searches of 2500 bytes together", len(got.Searches))
	}
}

// What a pod adds must not reach the node's own lists, which all pods share.
func TestDNSSharesNothing(t *testing.T) {
	cfg := testConfig(t)
	cfg.HostResolver.Searches = append(make([]string, 0, 8), "corp.example")
	cfg.HostResolver.Options = append(make([]string, 0, 8), "edns0")
	cfg.ClusterDNS = append(make([]string, 0, 8), "10.96.0.10")
	pod := with(newPod(), func(s *corev1.PodSpec) {
		s.DnsPolicy = "Default"
		s.DnsConfig = &corev1.PodDNSConfig{Searches: []string{"x"}, Options: []*corev1.PodDNSConfigOption{{Name: "edns0", Value: ptr("1")}, {Name: "y"}}}
	})
	cfg.dns(pod)
	if got := cfg.HostResolver.Searches[:2]; got[1] != "" {
		t.Errorf("the node's searches became %q", got)
	}
	if got := cfg.HostResolver.Options; got[0] != "edns0" {
		t.Errorf("the node's options became %q", got)
	}
}
