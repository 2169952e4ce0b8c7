package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
)

// eventWord is what a watch says of an object: ADDED, MODIFIED or DELETED.
func eventWord(e metav1.EventType) string { return strings.TrimPrefix(e.String(), "EVENT_TYPE_") }

// eventCell puts a cell in front of a row when events are asked for.
func (g *getCommand) eventCell(text string, row []string) []string {
	if !g.watchEvents {
		return row
	}
	return append([]string{text}, row...)
}

// writeEvent writes an event of a watch in the form of -o, with the object in it; names and paths stand behind the word.
func (g *getCommand) writeEvent(word string, o kind.Object) error {
	if g.format != "json" && g.format != "yaml" {
		fmt.Fprintf(g.Out, "%-8s ", word)
		return g.write(g.Out, []kind.Object{o}, false)
	}
	object, err := g.json(o)
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(struct {
		Type   string          `json:"type"`
		Object json.RawMessage `json:"object"`
	}{word, object}, "", "    ")
	if err != nil {
		return err
	}
	if g.format == "yaml" {
		if b, err = manifest.JSONToYAML(b); err != nil {
			return err
		}
		fmt.Fprintln(g.Out, "---")
	}
	_, err = fmt.Fprintln(g.Out, strings.TrimRight(string(b), "\n"))
	return err
}
