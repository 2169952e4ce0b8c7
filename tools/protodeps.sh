#!/usr/bin/env bash
# Copies the .proto files of dependencies from the Go module cache to .protodeps (ignored by git).
set -euo pipefail
cd "$(dirname "$0")/.."
go mod download github.com/bufbuild/protovalidate
dir=$(go list -m -f '{{.Dir}}' github.com/bufbuild/protovalidate)
mkdir -p .protodeps/buf/validate
install -m 644 "$dir/proto/protovalidate/buf/validate/validate.proto" .protodeps/buf/validate/
