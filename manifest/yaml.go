package manifest

import (
	"bytes"
	"strings"

	"go.yaml.in/yaml/v3"

	"kaji.dev/kaji/kind"
)

// ToYAML writes an object as ToJSON does, as YAML.
func ToYAML(o kind.Object) ([]byte, error) {
	b, err := ToJSON(o)
	if err != nil {
		return nil, err
	}
	return JSONToYAML(b)
}

// JSONToYAML turns JSON into YAML and keeps the order of keys.
func JSONToYAML(b []byte) ([]byte, error) {
	n, err := parseJSON("", b)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	enc.CompactSeqIndent() // as kubectl writes it
	if err := enc.Encode(toYAMLNode(n)); err != nil {
		return nil, err
	}
	if err := enc.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func toYAMLNode(n *node) *yaml.Node {
	switch n.kind {
	case nullNode:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
	case boolNode:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: n.text}
	case numberNode:
		tag := "!!int"
		if strings.ContainsAny(n.text, ".eE") {
			tag = "!!float"
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: n.text}
	case textNode:
		return textToYAML(n.text)
	case listNode:
		y := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		if len(n.items) == 0 {
			y.Style = yaml.FlowStyle
		}
		for _, item := range n.items {
			y.Content = append(y.Content, toYAMLNode(item))
		}
		return y
	}
	y := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	if len(n.fields) == 0 {
		y.Style = yaml.FlowStyle
	}
	for _, f := range n.fields {
		y.Content = append(y.Content, textToYAML(f.key), toYAMLNode(f.value))
	}
	return y
}

// textToYAML quotes what other readers, of YAML 1.1, would not take for a string.
func textToYAML(s string) *yaml.Node {
	y := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	switch {
	case strings.ContainsAny(s, "\x00\r\u0085\u2028\u2029\uFEFF\t") || !printable(s):
		y.Style = yaml.DoubleQuotedStyle
	case strings.Contains(s, "\n"):
		y.Style = yaml.LiteralStyle
		if strings.TrimSpace(s) == "" || strings.HasPrefix(s, " ") || strings.HasPrefix(s, "\n") || trailingSpace(s) {
			y.Style = yaml.DoubleQuotedStyle
		}
	case old(s):
		y.Style = yaml.DoubleQuotedStyle
	}
	return y
}

// trailingSpace reports whether a line ends in a space, which a block scalar would hide.
func trailingSpace(s string) bool { return strings.Contains(s, " \n") || strings.HasSuffix(s, " ") }

func printable(s string) bool {
	for _, c := range s {
		if c < ' ' && c != '\n' || c == 0x7f || c == '\uFFFD' {
			return false
		}
	}
	return true
}

// old reports whether YAML 1.1 reads s as a boolean, as a merge key, or as a number in base 60.
func old(s string) bool {
	switch strings.ToLower(s) {
	case "y", "n", "yes", "no", "on", "off", "<<":
		return true
	}
	return s != "" && strings.Contains(s, ":") && strings.Trim(s, "0123456789_:.+-") == ""
}
