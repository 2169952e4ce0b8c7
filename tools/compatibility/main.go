// Command compatibility writes docs/compatibility.md from the descriptors of the API and from the API server's
// table of fields that nothing acts on. Run it from the root of the repository:
//
//	go run ./tools/compatibility
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	out := flag.String("o", "docs/compatibility.md", "file to write")
	flag.Parse()
	if err := os.WriteFile(*out, page(), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
