#!/usr/bin/env bash
# Builds a tool that has a module of its own under tools/, once per version, and prints the path of its binary.
# buf and golangci-lint take minutes to compile on a new machine; building and testing Kaji needs neither.
set -euo pipefail
cd "$(dirname "$0")/.."
case "$1" in
  buf) module=tools/buf package=github.com/bufbuild/buf/cmd/buf ;;
  golangci-lint) module=tools/lint package=github.com/golangci/golangci-lint/v2/cmd/golangci-lint ;;
  *) echo "unknown tool $1" >&2; exit 2 ;;
esac
key=$(cat "$module/go.mod" "$module/go.sum" | sha256sum | cut -c1-16)
out="${XDG_CACHE_HOME:-$HOME/.cache}/kaji-tools/$1-$key"
if [ ! -x "$out" ]; then
  echo "building $1 (once; a few minutes)" >&2
  (cd "$module" && go build -trimpath -o "$out" "$package") >&2
fi
echo "$out"
