package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"sort"
)

// jsonReader makes nodes of JSON text and knows the line of every one.
type jsonReader struct {
	source string
	data   []byte
	dec    *json.Decoder
	// newlines holds the offsets of line ends; empty until a line is asked for.
	newlines []int
	nodes    int
}

func newJSONReader(source string, data []byte) *jsonReader {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	r := &jsonReader{source: source, data: data, dec: dec}
	for i, c := range data {
		if c == '\n' {
			r.newlines = append(r.newlines, i)
		}
	}
	return r
}

// position turns the offset at the end of a token into a line and column. Tokens hold no line ends, so the
// end has the line of the start.
func (r *jsonReader) position(offset int64) (line, column int) {
	n := sort.SearchInts(r.newlines, int(offset))
	start := 0
	if n > 0 {
		start = r.newlines[n-1] + 1
	}
	return n + 1, int(offset) - start + 1
}

// next reads one value of a stream; io.EOF after the last.
func (r *jsonReader) next() (*node, error) {
	n, err := r.value(0)
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	var place *FieldError
	if errors.As(err, &place) {
		return nil, Errors{place}
	}
	offset := r.dec.InputOffset()
	var syntax *json.SyntaxError
	message := "not valid JSON: " + err.Error()
	if errors.As(err, &syntax) {
		// Some offsets are those of the offending byte, some of the one after it.
		offset = min(syntax.Offset, int64(len(r.data)))
		if offset > 0 && r.data[offset-1] != '\n' {
			offset--
		}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		message = "not valid JSON: the text ends too early"
		offset = int64(len(r.data))
	}
	line, column := r.position(offset)
	return nil, Errors{{Source: r.source, Line: line, Column: column, Message: message}}
}

func (r *jsonReader) value(depth int) (*node, error) {
	token, err := r.dec.Token()
	if err != nil {
		if depth > 0 && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	n := &node{}
	n.line, n.column = r.position(r.dec.InputOffset())
	if r.nodes++; depth > maxDepth || r.nodes > maxNodes {
		return nil, &FieldError{Source: r.source, Line: n.line, Column: n.column, Message: "nested too deeply or too large"}
	}
	switch t := token.(type) {
	case nil:
		n.kind = nullNode
	case bool:
		n.kind, n.text = boolNode, "false"
		if t {
			n.text = "true"
		}
	case json.Number:
		n.kind, n.text = numberNode, t.String()
	case string:
		n.kind, n.text = textNode, t
	case json.Delim:
		if t == '[' {
			n.kind = listNode
			for r.dec.More() {
				item, err := r.value(depth + 1)
				if err != nil {
					return nil, err
				}
				n.items = append(n.items, item)
			}
		} else {
			n.kind = objectNode
			for r.dec.More() {
				key, err := r.dec.Token()
				if err != nil {
					return nil, err
				}
				m := member{key: key.(string)}
				m.line, m.column = r.position(r.dec.InputOffset())
				if m.value, err = r.value(depth + 1); err != nil {
					return nil, err
				}
				n.fields = append(n.fields, m)
			}
		}
		if _, err := r.dec.Token(); err != nil { // the closing bracket
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return n, nil
}

// parseJSON reads exactly one JSON value.
func parseJSON(source string, data []byte) (*node, error) {
	r := newJSONReader(source, data)
	n, err := r.next()
	if errors.Is(err, io.EOF) {
		return nil, Errors{{Source: source, Message: "not valid JSON: the text is empty"}}
	}
	if err != nil {
		return nil, err
	}
	if _, err := r.dec.Token(); !errors.Is(err, io.EOF) {
		line, column := r.position(r.dec.InputOffset())
		return nil, Errors{{Source: source, Line: line, Column: column, Message: "not valid JSON: more follows the first value"}}
	}
	return n, nil
}
