package manifest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// yamlReader makes nodes of the documents of a YAML stream.
type yamlReader struct {
	source string
	dec    *yaml.Decoder
	nodes  int
	// open holds the anchors being expanded: one that contains itself has no end.
	open map[*yaml.Node]bool
}

func newYAMLReader(source string, in io.Reader) *yamlReader {
	return &yamlReader{source: source, dec: yaml.NewDecoder(in), open: map[*yaml.Node]bool{}}
}

// next reads one document; io.EOF after the last. An empty document is a null node.
func (r *yamlReader) next() (*node, error) {
	var doc yaml.Node
	if err := r.dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		return nil, Errors{yamlError(r.source, err)}
	}
	r.nodes = 0
	n, err := r.convert(&doc, 0)
	if err != nil {
		return nil, Errors{err}
	}
	return n, nil
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

func yamlError(source string, err error) *FieldError {
	e := &FieldError{Source: source, Message: "not valid YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		e.Line, _ = strconv.Atoi(m[1])
		e.Message = "not valid YAML: " + strings.TrimPrefix(err.Error(), m[0])
	}
	return e
}

func (r *yamlReader) fail(y *yaml.Node, message string) *FieldError {
	return &FieldError{Source: r.source, Line: y.Line, Column: y.Column, Message: message}
}

func (r *yamlReader) convert(y *yaml.Node, depth int) (*node, *FieldError) {
	if r.nodes++; depth > maxDepth || r.nodes > maxNodes {
		return nil, r.fail(y, "nested too deeply or too large, counting aliases")
	}
	n := &node{line: y.Line, column: y.Column}
	switch y.Kind {
	case yaml.DocumentNode:
		if len(y.Content) == 0 {
			return n, nil
		}
		return r.convert(y.Content[0], depth)
	case yaml.AliasNode:
		if r.open[y.Alias] {
			return nil, r.fail(y, "anchor "+strconv.Quote(y.Value)+" contains itself")
		}
		r.open[y.Alias] = true
		defer delete(r.open, y.Alias)
		return r.convert(y.Alias, depth+1)
	case yaml.SequenceNode:
		n.kind = listNode
		for _, c := range y.Content {
			item, err := r.convert(c, depth+1)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, item)
		}
		return n, nil
	case yaml.MappingNode:
		n.kind = objectNode
		return n, r.mapping(n, y, depth)
	default:
		return n, r.scalar(n, y)
	}
}

// mapping fills the fields of n. Merge keys ("<<") come last and yield to what the mapping says itself.
func (r *yamlReader) mapping(n *node, y *yaml.Node, depth int) *FieldError {
	var merges []*yaml.Node
	for i := 0; i+1 < len(y.Content); i += 2 {
		key, value := y.Content[i], y.Content[i+1]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if key.ShortTag() == "!!merge" {
			merges = append(merges, value)
			continue
		}
		if key.Kind != yaml.ScalarNode {
			return r.fail(key, "a key must be a scalar")
		}
		v, err := r.convert(value, depth+1)
		if err != nil {
			return err
		}
		n.fields = append(n.fields, member{key: r.key(key), value: v, line: key.Line, column: key.Column})
	}
	for _, m := range merges {
		sources := []*yaml.Node{m}
		if m.Kind == yaml.SequenceNode {
			sources = m.Content
		}
		for _, s := range sources {
			v, err := r.convert(s, depth+1)
			if err != nil {
				return err
			}
			if v.kind != objectNode {
				return r.fail(s, "only an object can be merged with <<")
			}
			for _, f := range v.fields {
				if n.get(f.key) == nil {
					n.fields = append(n.fields, f)
				}
			}
		}
	}
	return nil
}

// key is the name that a key stands for. Kubernetes' tools read a key as any other scalar and write that down again, so that 010 names 8, 1.10
// names 1.1, and yes without quotes names true.
func (r *yamlReader) key(y *yaml.Node) string {
	n := &node{}
	if err := r.scalar(n, y); err != nil {
		return y.Value
	}
	switch {
	case n.kind == numberNode && y.ShortTag() == "!!float":
		if f, err := strconv.ParseFloat(n.text, 64); err == nil {
			return strconv.FormatFloat(f, 'g', -1, 64)
		}
	case n.kind == numberNode:
		return n.text
	case n.kind == boolNode, n.plain:
		w := y.Value
		if b, ok := boolean(n); ok && (w[1:] == strings.ToLower(w[1:]) || w == strings.ToUpper(w)) { // yes, Yes, YES
			return strconv.FormatBool(b)
		}
	}
	return y.Value
}

func (r *yamlReader) scalar(n *node, y *yaml.Node) *FieldError {
	switch y.ShortTag() {
	case "!!null":
		n.kind = nullNode
	case "!!bool":
		n.kind, n.text = boolNode, strings.ToLower(y.Value)
	case "!!int":
		// Base 0 reads 0x, 0o, 0b and YAML 1.1's octal 0644 as Kubernetes' own tools do.
		text := strings.ReplaceAll(strings.TrimPrefix(y.Value, "+"), "_", "")
		if i, err := strconv.ParseInt(text, 0, 64); err == nil {
			n.kind, n.text = numberNode, strconv.FormatInt(i, 10)
		} else if u, err := strconv.ParseUint(text, 0, 64); err == nil {
			n.kind, n.text = numberNode, strconv.FormatUint(u, 10)
		} else {
			return r.fail(y, "not a number: "+y.Value)
		}
	case "!!float":
		f, err := strconv.ParseFloat(strings.ReplaceAll(y.Value, "_", ""), 64)
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			// .inf and .nan have no JSON form; as text they reach the field, which names them.
			n.kind, n.text = textNode, y.Value
			return nil
		}
		// The number as JSON has it, not as it was written: 1e3 becomes 1000, also as a quantity, as with Kubernetes' tools.
		text, err := json.Marshal(f)
		if err != nil {
			return r.fail(y, "not a number: "+y.Value)
		}
		n.kind, n.text = numberNode, string(text)
	case "!!binary":
		raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(y.Value), ""))
		if err != nil {
			return r.fail(y, "!!binary is not base64")
		}
		n.kind, n.text = textNode, string(raw)
	default: // !!str, !!timestamp, and tags of others, which are text to JSON
		n.kind, n.text = textNode, y.Value
		n.plain = y.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle|yaml.TaggedStyle) == 0
	}
	return nil
}
