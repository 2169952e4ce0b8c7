// Command explain writes cli/apidoc/comments.txt: what the proto files say of the kinds and their fields, which
// compiled descriptors do not carry. Run it from the root of the repository:
//
//	go run ./tools/explain
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
)

func main() {
	out := flag.String("o", "cli/apidoc/comments.txt", "file to write")
	flag.Parse()
	text, err := comments(context.Background(), "proto")
	if err == nil {
		err = os.WriteFile(*out, text, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
