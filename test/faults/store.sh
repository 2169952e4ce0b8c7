#!/usr/bin/env bash
# Simulates the store through faults of members, network and disks, each run following from a seed, and checks what its clients saw. Then builds
# the store with mistakes in it and sees that each is found.
#
#   test/faults/store.sh [seeds]     1000 when not said; FIRST=n begins at another seed; MUTANTS=no leaves the mistakes out
#
# A seed that fails is printed with the command that runs it again.
set -euo pipefail
cd "$(dirname "$0")/../.."
seeds=${1:-1000}
first=${FIRST:-1}
shards=$(nproc)
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$dir"' EXIT

# simulate BINARY SEEDS: all shards side by side, one processor each.
simulate() {
  local pids=() failed=0 i
  for ((i = 0; i < shards; i++)); do
    GOMAXPROCS=1 "$1" -test.timeout=0 -test.run='^(TestSimulation|TestLogSurvivesPowerCuts)$' \
      -simulation.seed=$((first + i)) -simulation.step="$shards" -simulation.seeds=$((($2 + shards - 1) / shards)) >"$dir/out.$i" 2>&1 &
    pids+=($!)
  done
  for i in "${!pids[@]}"; do
    wait "${pids[$i]}" || { failed=1; shown=$dir/out.$i; }
  done
  return "$failed"
}

go test -c -o "$dir/store" ./raftstore
begin=$SECONDS
if ! simulate "$dir/store" "$seeds"; then
  cat "$shown"
  exit 1
fi
echo "$seeds seeds from $first on: nothing found, in $((SECONDS - begin)) s"

[ "${MUTANTS:-yes}" = yes ] || exit 0
missed=()
for file in raftstore/mutant/*_off.go; do
  mutant=$(basename "$file" _off.go)
  go test -c -tags="mutant_$mutant" -o "$dir/$mutant" ./raftstore
  if simulate "$dir/$mutant" 400; then
    missed+=("$mutant")
  else
    echo "mistake $mutant: found: $(grep -m1 -E '_test\.go:[0-9]+: ' "$shown" | sed 's/^ *//' | cut -c1-160)"
  fi
done
if [ ${#missed[@]} -gt 0 ]; then
  echo "mistakes that were not found: ${missed[*]}" >&2
  exit 1
fi
