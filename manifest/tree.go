package manifest

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// maxDepth bounds nesting and maxNodes the size of one document after aliases are expanded, so that a small
// hostile input cannot exhaust stack or memory.
const (
	maxDepth = 512
	maxNodes = 1 << 19
)

type nodeKind int

const (
	nullNode nodeKind = iota
	boolNode
	numberNode
	textNode
	listNode
	objectNode
)

func (k nodeKind) String() string {
	return [...]string{"null", "a boolean", "a number", "a string", "a list", "an object"}[k]
}

// node is a value of a document with its place. JSON and YAML both become nodes, so that there is one
// decoder. Aliases of YAML are copies: a node has one parent.
type node struct {
	kind nodeKind
	// text is the value of a scalar: "true" or "false", a JSON number, or the string itself.
	text string
	// plain is true for a YAML string without quotes: YAML 1.1 takes yes, no, on and off for booleans.
	plain  bool
	items  []*node
	fields []member
	line   int
	column int
}

type member struct {
	key          string
	value        *node
	line, column int
}

// get returns the value of a key; with duplicates the last one, nil when there is none.
func (n *node) get(key string) *node {
	for i := len(n.fields) - 1; i >= 0; i-- {
		if n.fields[i].key == key {
			return n.fields[i].value
		}
	}
	return nil
}

// string returns the text under a key; empty when it is absent or no string.
func (n *node) string(key string) string {
	if v := n.get(key); v != nil && v.kind == textNode {
		return v.text
	}
	return ""
}

// appendJSON writes the node as compact JSON, keeping the order of keys.
func (n *node) appendJSON(b []byte) []byte {
	switch n.kind {
	case nullNode:
		return append(b, "null"...)
	case boolNode, numberNode:
		return append(b, n.text...)
	case textNode:
		return appendString(b, n.text)
	case listNode:
		b = append(b, '[')
		for i, item := range n.items {
			if i > 0 {
				b = append(b, ',')
			}
			b = item.appendJSON(b)
		}
		return append(b, ']')
	default:
		b = append(b, '{')
		for i, f := range n.fields {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendString(b, f.key), ':')
			b = f.value.appendJSON(b)
		}
		return append(b, '}')
	}
}

// appendString writes a JSON string. Printable ASCII, the usual case, is copied; the rest goes through
// encoding/json, which also replaces invalid UTF-8.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(s) // a string always has a JSON form
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

func child(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
