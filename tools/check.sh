#!/usr/bin/env bash
# Everything that can be found out without running the tests. Says all that is wrong before it fails.
set -uo pipefail
cd "$(dirname "$0")/.."
failed=()
step() { echo "== $1"; shift; "$@" || failed+=("$1 $*"); }

formatted() {
  local out
  out=$(gofmt -l $(git ls-files '*.go' | grep -v '^gen/'))
  [ -z "$out" ] || { echo "not formatted:"; echo "$out"; return 1; }
}
generated() {
  local before after
  before=$(find gen proto docs/cli -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum)
  ./tools/gen.sh || return 1
  after=$(find gen proto docs/cli -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum)
  [ "$before" = "$after" ] || { echo "gen/, docs/cli or the format of proto/ is out of date: run go tool task gen"; git status --short gen proto docs/cli; return 1; }
}
# breaking compares the contract with the one that landed last, whose commit .ci/landed names. It also covers what
# is in the Raft log and in snapshots.
breaking() {
  local landed=.ci/landed base
  if [ ! -f $landed ]; then
    echo "nothing has landed yet"
    return 0
  fi
  base=$(cat $landed)
  rm -rf .landed && mkdir .landed
  git archive "$base" proto buf.yaml | tar -x -C .landed || { echo "the landed commit $base is not in this clone"; return 1; }
  cp -r .protodeps .landed/
  "$(./tools/tool.sh buf)" breaking --against .landed
}

step "gofmt" formatted
step "go vet" go vet ./...
step "generated code" generated
step "buf lint" bash -c '"$(./tools/tool.sh buf)" lint'
step "buf breaking" breaking
step "golangci-lint" bash -c '"$(./tools/tool.sh golangci-lint)" run ./...'
if [ ${#failed[@]} -gt 0 ]; then
  printf '\nfailed: %s\n' "${failed[@]}"
  exit 1
fi
