package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	k8smeta "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientscheme "k8s.io/client-go/kubernetes/scheme"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/apiserver/authz"
	"kaji.dev/kaji/services/apiserver/strategy"
)

const intro = `<!-- Made by go run ./tools/compatibility. Do not edit: a test compares. -->

# Compatibility with Kubernetes

Kaji's API is Kubernetes' v1.37, kind for kind and field for field: a message here has the same field numbers,
the same types and the same names in JSON as the Kubernetes type it stands for (` + "`test/equality`" + ` proves it), so a
manifest that Kubernetes takes is read here without loss. ` + "`test/corpus`" + ` applies manifests as people write them and
compares what is stored, warned of and refused with what Kubernetes' own code makes of them. This page says what is
*acted on*, and by whom.

- A kind that is not listed does not exist yet: applying it fails, and says so.
- A kind that nothing acts on yet is stored, checked and served all the same; writing one gives a warning.
- Every field of a listed kind is stored and served. Fields that nothing acts on are in its table; setting one
  gives a warning when the object is written, never silence.
- Defaults, validation and what may not change are Kubernetes', for all fields, whether acted on or not.

`

const differences = `## Differences that are no single field

| Kubernetes | Kaji |
|---|---|
| HTTP with JSON, at paths | gRPC: a typed service per kind, and ` + "`kaji.api.v1.ResourceService`" + ` for all. The gateway for kubectl and helm comes later. |
| RBAC | Roles and bindings are stored and checked, not enforced. System components, nodes (each for its own objects) and administrators for now. |
| Eviction under memory or disk pressure | A node under pressure is tainted and gets no new pods; those it runs are left to the kernel. |
| Quantities of any size | At most 1024 characters, and exponents up to 256: more would only keep a processor busy. 1000E and more, which Kubernetes stores as 1, is refused. |
| ` + "`ports[].hostIP`" + ` may be any text | It must be an IP address. |
| Alpha features behind gates | There are no gates. Fields of alpha features are read and checked, and listed below where nothing acts on them. |

`

// page is the whole document.
func page() []byte {
	var b bytes.Buffer
	b.WriteString(intro)
	b.WriteString("## Kinds\n\n| kind | apiVersion | acted on by | verbs | sub-resources | fields not acted on |\n|---|---|---|---|---|---|\n")
	for _, k := range kind.All() {
		verbs, subresources := methods(k)
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s | %s | %s |\n", k.Name(), strings.ToLower(k.Name()), k.APIVersion(), actor(k),
			strings.Join(verbs, ", "), orDash(strings.Join(subresources, ", ")), count(k))
	}
	b.WriteString("\n" + differences)
	for _, k := range kind.All() {
		section(&b, k)
	}
	messages(&b)
	b.WriteString("\n## Kinds of Kubernetes that do not exist yet\n\n| apiVersion | kinds |\n|---|---|\n")
	for _, line := range missing() {
		b.WriteString(line)
	}
	return b.Bytes()
}

func section(b *bytes.Buffer, k *kind.Kind) {
	fmt.Fprintf(b, "## %s\n\n", k.Name())
	if g := idle(k); g != nil {
		fmt.Fprintf(b, "Nothing acts on this kind yet: %s.\n\n", g.Why)
		return
	}
	gaps := gapsOf(k)
	if template := templateOf(k); template != "" {
		fmt.Fprintf(b, "Below `%s` it is as for a [Pod](#pod).", template)
		if len(gaps) == 0 {
			b.WriteString(" Everything else is acted on.\n\n")
			return
		}
		b.WriteString(" ")
	}
	if len(gaps) == 0 {
		b.WriteString("Every field is acted on, or needs no action.\n\n")
		return
	}
	b.WriteString("Nothing acts on these yet:\n\n| field | why | no warning for |\n|---|---|---|\n")
	for _, g := range gaps {
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", g.path, g.gap.Why, orDash(strings.Join(g.gap.Fine, ", ")))
	}
	b.WriteString("\n")
}

// methods lists what the kind's typed service offers.
func methods(k *kind.Kind) (verbs, subresources []string) {
	seen := map[string]bool{}
	all := k.ServiceDescriptor().Methods()
	for i := range all.Len() {
		o := kind.MethodOptions(all.Get(i))
		if o == nil {
			continue
		}
		word := authz.Word(o.GetVerb())
		if o.GetSubresource() == "" {
			verbs = append(verbs, word)
		} else if !seen[o.GetSubresource()] {
			seen[o.GetSubresource()] = true
			subresources = append(subresources, o.GetSubresource())
		}
	}
	return verbs, subresources
}

type located struct {
	path string
	gap  strategy.Gap
}

// gapsOf finds every place in a kind where a gap shows. Those of a pod template are named with the pod.
func gapsOf(k *kind.Kind) []located {
	var out []located
	visit(k, func(path string, fd protoreflect.FieldDescriptor) bool {
		if isTemplate(fd) {
			return false
		}
		for _, g := range strategy.Unsupported() {
			if g.Message == fd.ContainingMessage().FullName() && g.Field == fd.Name() {
				out = append(out, located{path, g})
				return false
			}
		}
		return true
	})
	return out
}

// idle is the gap of a kind that nothing acts on at all; nil when something does.
func idle(k *kind.Kind) *strategy.Gap {
	for _, g := range strategy.Unsupported() {
		if g.Message == k.Message && g.Field == "" {
			return &g
		}
	}
	return nil
}

// templateOf is where a kind has a pod template; empty when it has none.
func templateOf(k *kind.Kind) string {
	at := ""
	visit(k, func(path string, fd protoreflect.FieldDescriptor) bool {
		if isTemplate(fd) {
			at = path
			return false
		}
		return true
	})
	return at
}

func isTemplate(fd protoreflect.FieldDescriptor) bool {
	return fd.Message() != nil && fd.Message().FullName() == "kaji.core.v1.PodTemplateSpec"
}

// messages lists every message with its fields as JSON has them, those that nothing acts on struck out.
func messages(b *bytes.Buffer) {
	b.WriteString("## Every field, message by message\n\nStruck out is what nothing acts on yet.\n\n| message | fields |\n|---|---|\n")
	gaps := map[protoreflect.FullName]bool{}
	for _, g := range strategy.Unsupported() {
		if g.Field != "" {
			gaps[g.Message.Append(g.Field)] = g.Partly == nil
		}
	}
	seen := map[protoreflect.FullName]bool{}
	for _, k := range kind.All() {
		all(k.New().ProtoReflect().Descriptor(), seen, func(m protoreflect.MessageDescriptor) {
			var names []string
			for i := range m.Fields().Len() {
				fd := m.Fields().Get(i)
				name := fd.JSONName()
				if kind.FieldOptions(fd).GetInline() {
					name = "*(" + string(fd.Message().Name()) + ")*"
				}
				if gaps[fd.FullName()] {
					name = "~~" + name + "~~"
				}
				names = append(names, name)
			}
			fmt.Fprintf(b, "| %s | %s |\n", strings.TrimPrefix(string(m.FullName()), "kaji."), strings.Join(names, ", "))
		})
	}
}

// all visits a message and what it is made of, each once.
func all(m protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool, f func(protoreflect.MessageDescriptor)) {
	if seen[m.FullName()] || opaque(m) || !strings.HasPrefix(string(m.FullName()), "kaji.") {
		return
	}
	seen[m.FullName()] = true
	f(m)
	for i := range m.Fields().Len() {
		fd := m.Fields().Get(i)
		if fd.IsMap() {
			fd = fd.MapValue()
		}
		if fd.Message() != nil {
			all(fd.Message(), seen, f)
		}
	}
}

// visit walks all fields that a user may set in a kind, in the order of the proto files. It goes on below a field
// when f says so.
func visit(k *kind.Kind, f func(path string, fd protoreflect.FieldDescriptor) bool) {
	var walk func(m protoreflect.MessageDescriptor, prefix string, above []protoreflect.FullName)
	walk = func(m protoreflect.MessageDescriptor, prefix string, above []protoreflect.FullName) {
		if slices.Contains(above, m.FullName()) || !strings.HasPrefix(string(m.FullName()), "kaji.") {
			return
		}
		above = append(slices.Clone(above), m.FullName())
		for i := range m.Fields().Len() {
			fd := m.Fields().Get(i)
			if prefix == "" && fd.Name() == "status" {
				continue
			}
			path := prefix
			if !kind.FieldOptions(fd).GetInline() {
				path = strings.TrimPrefix(prefix+"."+fd.JSONName(), ".")
				if fd.IsList() {
					path += "[]"
				}
				if !f(path, fd) {
					continue
				}
			}
			value := fd
			if fd.IsMap() {
				value = fd.MapValue()
			}
			if value.Message() != nil && !opaque(value.Message()) {
				walk(value.Message(), path, above)
			}
		}
	}
	walk(k.New().ProtoReflect().Descriptor(), "", nil)
}

// opaque messages are one value to users.
func opaque(m protoreflect.MessageDescriptor) bool {
	switch m.FullName() {
	case (&metav1.Quantity{}).ProtoReflect().Descriptor().FullName(), (&metav1.IntOrString{}).ProtoReflect().Descriptor().FullName():
		return true
	}
	return false
}

// missing lists the kinds of Kubernetes' stable groups that Kaji has not.
func missing() []string {
	byVersion := map[string][]string{}
	for gvk := range clientscheme.Scheme.AllKnownTypes() {
		if gvk.Version != "v1" && gvk.Version != "v2" {
			continue
		}
		name := gvk.Kind
		if strings.HasSuffix(name, "List") || kind.ByAPIVersionKind(gvk.GroupVersion().String(), name) != nil {
			continue
		}
		// Only what has a list is a kind of its own; the rest are options and parts.
		list := gvk
		list.Kind += "List"
		obj, err := clientscheme.Scheme.New(gvk)
		if _, isObject := obj.(k8smeta.Object); err != nil || !isObject || !clientscheme.Scheme.Recognizes(list) {
			continue
		}
		v := gvk.GroupVersion().String()
		byVersion[v] = append(byVersion[v], name)
	}
	var out []string
	for v, kinds := range byVersion {
		slices.Sort(kinds)
		out = append(out, fmt.Sprintf("| %s | %s |\n", v, strings.Join(kinds, ", ")))
	}
	slices.Sort(out)
	return out
}

func count(k *kind.Kind) string {
	n := len(gapsOf(k))
	switch {
	case idle(k) != nil:
		return "**all: stored and checked only**"
	case templateOf(k) != "" && n == 0:
		return "those of a pod"
	case n == 0:
		return "none"
	default:
		return fmt.Sprint(n)
	}
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}
