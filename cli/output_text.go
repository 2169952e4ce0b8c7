package cli

import (
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/template"

	"k8s.io/apimachinery/pkg/util/json"
)

// columnsOf reads the file of custom-columns-file: a line of headings, and below each the path.
func columnsOf(text string) (string, error) {
	rows := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(rows) != 2 {
		return "", errors.New("the file needs two lines: headings, and a path below each")
	}
	headings, paths := strings.Fields(rows[0]), strings.Fields(rows[1])
	if len(headings) != len(paths) {
		return "", fmt.Errorf("there are %d headings and %d paths", len(headings), len(paths))
	}
	var out []string
	for i, heading := range headings {
		out = append(out, heading+":"+paths[i])
	}
	return strings.Join(out, ","), nil
}

// writePathAsJSON writes what a path finds as a JSON list.
func writePathAsJSON(w io.Writer, text string, whole []byte) error {
	p, err := parsePath(text)
	if err != nil {
		return err
	}
	var v any
	if err := json.Unmarshal(whole, &v); err != nil {
		return err
	}
	results, err := p.FindResults(v)
	if err != nil {
		return err
	}
	found := []any{}
	for _, some := range results {
		for _, one := range some {
			found = append(found, one.Interface())
		}
	}
	b, err := stdjson.MarshalIndent(found, "", "    ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, string(b))
	return err
}

func parseTemplate(text string) (*template.Template, error) {
	t, err := template.New("output").Parse(text)
	if err != nil {
		return nil, &advice{err: fmt.Errorf("go-template: %w", err), next: `for example: -o go-template='{{range .items}}{{.metadata.name}}{{"\n"}}{{end}}'`}
	}
	return t, nil
}

func writeTemplate(w io.Writer, text string, whole []byte) error {
	t, err := parseTemplate(text)
	if err != nil {
		return err
	}
	var v any
	if err := json.Unmarshal(whole, &v); err != nil {
		return err
	}
	return t.Execute(w, v)
}
