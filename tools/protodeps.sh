#!/usr/bin/env bash
# Copies the .proto files of dependencies from the Go module cache to .protodeps (ignored by git).
set -euo pipefail
cd "$(dirname "$0")/.."
# Only its validate.proto is needed, which no Go code imports, so go.mod does not name it.
module=github.com/bufbuild/protovalidate@v1.2.2
dir=$(go mod download -json "$module" | sed -n 's/^\t"Dir": "\(.*\)",\{0,1\}$/\1/p')
[ -n "$dir" ] || { echo "cannot download $module" >&2; exit 1; }
mkdir -p .protodeps/buf/validate
install -m 644 "$dir/proto/protovalidate/buf/validate/validate.proto" .protodeps/buf/validate/
