#!/usr/bin/env bash
# Puts five members of the store, each a process of its own on a host of its own (a network namespace), through some fifty rounds of faults under
# load: members killed (kill -9), alone and together, in the middle of snapshots and compactions; frozen (SIGSTOP); cut off from each
# other, in one direction or both, in the middle of their connections; cables pulled; packets lost and late. What clients saw is checked.
#
#   test/faults/processes.sh        SEED=n for the order of the faults that a run had
#
# Needs root, or a kernel that lets users make namespaces. Nothing of it is in the machine's own network, and nothing stays.
set -euo pipefail
cd "$(dirname "$0")/../.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
go build -o "$dir/kaji" ./cmd/kaji
go test -c -o "$dir/store" ./raftstore
# The data is on the disk that TMPDIR is on.
TMPDIR=$dir "$dir/store" -test.v -test.timeout=15m -test.run='^TestProcessesThroughFaults$' -processes.binary="$dir/kaji" -processes.seed="${SEED:-0}"
