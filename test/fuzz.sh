#!/usr/bin/env bash
# Runs every fuzz target for a while, FUZZTIME each (10s), one after the other. With arguments, only the targets of
# those packages: test/fuzz.sh ./manifest ./selector. What a target finds is written into testdata/fuzz beside it: mend
# it and keep the file, which every `go test` runs from then on.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${FUZZTIME:-10s}
packages=("$@")
if [ ${#packages[@]} -eq 0 ]; then
  mapfile -t packages < <(git ls-files '*_test.go' | xargs grep -l '^func Fuzz' | xargs -n1 dirname | sort -u | sed 's|^|./|')
fi
failed=()
output=$(mktemp)
trap 'rm -f "$output"' EXIT
fuzz() { go test -run '^$' -fuzz "^$2\$" -fuzztime "$time" "$1" 2>&1 | tee "$output"; }
for package in "${packages[@]}"; do
  for target in $(grep -ho '^func Fuzz[A-Za-z0-9_]*' "$package"/*_test.go | cut -d' ' -f2); do
    echo "== $package $target"
    fuzz "$package" "$target" && continue
    # Go's fuzzer sometimes takes its own end for a failure. Only an input that was written down is a find.
    if ! grep -q 'Failing input written' "$output" && grep -q 'context deadline exceeded' "$output"; then
      fuzz "$package" "$target" && continue
    fi
    failed+=("$package $target")
  done
done
if [ ${#failed[@]} -gt 0 ]; then
  printf '\nfailed: %s\n' "${failed[@]}"
  exit 1
fi
