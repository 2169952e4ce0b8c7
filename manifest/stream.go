package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/similar"
)

// Options says how to read manifests.
type Options struct {
	// Strict makes unknown and duplicate fields errors.
	Strict bool
}

// Document is one object of a manifest.
type Document struct {
	Kind   *kind.Kind
	Object kind.Object
	// Source and Line say where the object begins.
	Source string
	Line   int
	// JSON is the object as it was written, with explicit nulls and zeros and nothing added; quantities and
	// times are in canonical form. Three-way merges start from it.
	JSON []byte
}

// Decode reads all objects of a stream: YAML documents separated by ---, JSON values one after the other,
// and lists (kind List, PodList, …), whose items become documents of their own. source names the stream in
// errors. Everything wrong with any object is reported; the error is an Errors.
func Decode(in io.Reader, source string, opts Options) ([]*Document, error) {
	data, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", source, err)
	}
	r := &streamReader{source: source, opts: opts}
	if trimmed := bytes.TrimLeft(data, " \t\r\n\xef\xbb\xbf"); len(trimmed) > 0 && trimmed[0] == '{' {
		err = r.all(newJSONReader(source, data).next)
		if err == nil {
			return r.result()
		}
		// YAML may begin with a brace too. When it is no YAML either, JSON's complaint is the better one.
		y := &streamReader{source: source, opts: opts}
		if y.all(newYAMLReader(source, bytes.NewReader(data)).next) != nil {
			return nil, err
		}
		return y.result()
	}
	if err := r.all(newYAMLReader(source, bytes.NewReader(data)).next); err != nil {
		return nil, err
	}
	return r.result()
}

type streamReader struct {
	source string
	opts   Options
	docs   []*Document
	errs   Errors
}

// all reads nodes until the end. Its error is one of syntax; what is wrong with objects is gathered in errs.
func (r *streamReader) all(next func() (*node, error)) error {
	for {
		n, err := next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			var syntax Errors
			if len(r.errs) > 0 && errors.As(err, &syntax) {
				return append(r.errs, syntax...)
			}
			return err
		}
		if n.kind != nullNode {
			r.object(n, "")
		}
	}
}

func (r *streamReader) result() ([]*Document, error) {
	if len(r.errs) > 0 {
		return nil, r.errs
	}
	return r.docs, nil
}

func (r *streamReader) fail(n *node, path, format string, args ...any) {
	r.errs = append(r.errs, &FieldError{Source: r.source, Line: n.line, Column: n.column, Path: path, Message: fmt.Sprintf(format, args...)})
}

func (r *streamReader) object(n *node, path string) {
	if n.kind != objectNode {
		r.fail(n, path, "an object must be a mapping with apiVersion and kind, not %v", n.kind)
		return
	}
	apiVersion, name := n.string("apiVersion"), n.string("kind")
	if apiVersion == "" || name == "" {
		missing := "apiVersion"
		if name == "" {
			missing = "kind"
		}
		r.fail(n, child(path, missing), "required: says what the object is, e.g. apiVersion: apps/v1, kind: Deployment")
		return
	}
	k := kind.ByAPIVersionKind(apiVersion, name)
	if k == nil {
		if of := strings.TrimSuffix(name, "List"); of != name && (of == "" || kind.ByAPIVersionKind(apiVersion, of) != nil) {
			r.list(n, path, apiVersion, of)
			return
		}
		r.fail(n.get("kind"), child(path, "kind"), "%s", unknownKind(apiVersion, name))
		return
	}
	d := &decoder{source: r.source, strict: r.opts.Strict}
	o := k.New()
	d.message(n, o.ProtoReflect(), path, true)
	if d.err() != nil {
		r.errs = append(r.errs, d.errs...)
		return
	}
	r.docs = append(r.docs, &Document{Kind: k, Object: o, Source: r.source, Line: n.line, JSON: n.appendJSON(nil)})
}

// list reads the items of a list. Those of a typed list may leave apiVersion and kind out.
func (r *streamReader) list(n *node, path, apiVersion, of string) {
	items := n.get("items")
	if items == nil || items.kind == nullNode {
		return
	}
	at := child(path, "items")
	if items.kind != listNode {
		r.fail(items, at, "must be a list, not %v", items.kind)
		return
	}
	for i, item := range items.items {
		if of != "" && item.kind == objectNode {
			for key, value := range map[string]string{"kind": of, "apiVersion": apiVersion} {
				if item.get(key) == nil {
					m := member{key: key, value: &node{kind: textNode, text: value, line: item.line}, line: item.line}
					item.fields = append([]member{m}, item.fields...)
				}
			}
		}
		r.object(item, index(at, i))
	}
}

func unknownKind(apiVersion, name string) string {
	for _, k := range kind.All() {
		if strings.EqualFold(k.Name(), name) {
			return fmt.Sprintf("%s/%s is not served; did you mean apiVersion: %s, kind: %s?", apiVersion, name, k.APIVersion(), k.Name())
		}
	}
	names := make([]string, 0, len(kind.All()))
	for _, k := range kind.All() {
		names = append(names, k.Name())
	}
	if best := similar.Best(name, names); best != "" {
		return fmt.Sprintf("unknown kind %q of %s; did you mean %q?", name, apiVersion, best)
	}
	return fmt.Sprintf("unknown kind %q of %s; see `kaji api-resources`", name, apiVersion)
}
