#!/usr/bin/env bash
# Runs the benchmarks: hot paths of a running cluster (1 and 3 store members), pod start beside the raw CRI calls, and the
# scheduler on fake nodes. Prints tables in Markdown; docs/benchmarks.md says how to read them.
set -euo pipefail
cd "$(dirname "$0")/../.."
export KAJI_CONFIG
work=$(mktemp -d)
KAJI_CONFIG=$work/config
dir=""
down() { [ -z "$dir" ] || bin/kaji down --dir="$dir" --purge 2>/dev/null; dir=""; }
trap 'down; rm -rf "$work"' EXIT

go build -o bin/bench-api ./test/bench/api
go build -o bin/bench-podstart ./test/bench/podstart

cluster() {
  dir=$work/c$1
  bin/kaji up --dir="$dir" --base-port=18400 --pod-subnet=10.199.0.0/16 --members="$1" >/dev/null 2>&1
}

echo "## Store, API, watch (1 member)"
cluster 1
bin/bench-api -dir "$dir"
echo
echo "## Pod start"
bin/kaji image build examples/web:1 bin/v1/web --dir="$dir" >/dev/null
bin/bench-podstart -dir "$dir" -n "${PODS:-20}"
down
echo
echo "## Store, API, watch (3 members)"
cluster 3
bin/bench-api -dir "$dir"
down
echo
echo "## Scheduling"
go test -run '^$' -bench . -benchtime 1x ./test/bench/scheduler
echo
echo "## Go benchmarks of the parts"
go test -run '^$' -bench . -benchtime 2s ./raftstore ./services/apiserver ./services/apiserver/flowcontrol ./services/scheduler/placement
