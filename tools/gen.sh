#!/usr/bin/env bash
# Generates gen/ from proto/. buf comes from its own module under tools/buf, so that the main module stays small;
# validate.proto comes from the Go module cache, since buf's registry is not needed and may not be reachable.
set -euo pipefail
cd "$(dirname "$0")/.."
./tools/protodeps.sh
buf=$(./tools/tool.sh buf)
"$buf" format -w proto
rm -rf gen
"$buf" generate
# The list of what is acted on follows from the descriptors and the API server's table.
go run ./tools/compatibility
# So do the texts that `kaji explain` shows, from the comments.
go run ./tools/explain
# The pages of docs/cli are what the commands say of themselves. Only now does everything compile again.
go run ./cmd/kaji docs docs/cli
