package printers_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kaji.dev/kaji/cli/printers"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
)

var update = flag.Bool("update", false, "write the golden files anew")

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// TestGoldenTables prints the objects of testdata/NAME.yaml and compares with NAME.txt and NAME.wide.txt.
func TestGoldenTables(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	seen := map[*kind.Kind]bool{}
	for _, file := range files {
		docs, err := manifest.Files([]string{file}, false, nil, manifest.Options{Strict: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, wide := range []bool{false, true} {
			suffix := ".txt"
			o := printers.Options{Now: now, Wide: wide}
			if wide {
				suffix = ".wide.txt"
				o.Namespace, o.Labels = true, true
			}
			var b bytes.Buffer
			table := printers.NewTable(&b)
			rows := [][]string{printers.Headings(docs[0].Kind, o)}
			for _, d := range docs {
				seen[d.Kind] = true
				rows = append(rows, printers.Row(d.Kind, d.Object, o))
			}
			if err := table.Write(rows...); err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(file, ".yaml") + suffix
			if *update {
				if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			want, err := os.ReadFile(golden)
			if err != nil || !bytes.Equal(b.Bytes(), want) {
				t.Errorf("%s: %v\ngot\n%s\nwant\n%s", golden, err, b.Bytes(), want)
			}
		}
	}
	for _, k := range kind.All() {
		if !seen[k] {
			t.Errorf("no golden table of %s", k)
		}
	}
}

func TestTableKeepsColumnsForLaterRows(t *testing.T) {
	var b bytes.Buffer
	table := printers.NewTable(&b)
	for _, rows := range [][][]string{{{"NAME", "AGE"}, {"web-1", "1s"}}, {{"a-long-name", "2s"}}, {{"web-2", "3s"}}} {
		if err := table.Write(rows...); err != nil {
			t.Fatal(err)
		}
	}
	want := "NAME    AGE\nweb-1   1s\na-long-name   2s\nweb-2         3s\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestTableRowIsOneLine(t *testing.T) {
	var b bytes.Buffer
	if err := printers.NewTable(&b).Write([]string{"ärger", "a\nb\n"}); err != nil || b.String() != "ärger   a b\n" {
		t.Errorf("got %q, %v", b.String(), err)
	}
}
