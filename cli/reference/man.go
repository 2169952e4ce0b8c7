package reference

import (
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// WriteMan writes a manual page of section 1 for every command below and including root into dir, which is made
// when it is not there: kaji-rollout-undo.1 for `kaji rollout undo`. The date on them is that of
// $SOURCE_DATE_EPOCH when set, else now.
func WriteMan(root *cobra.Command, version, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	prepare(root)
	return doc.GenManTree(root, &doc.GenManHeader{
		Title: strings.ToUpper(root.Name()), Section: "1", Source: "Kaji " + version, Manual: "Kaji",
	}, dir)
}
