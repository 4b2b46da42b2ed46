#!/usr/bin/env bash
# The UCI Adult set through the same commands, where ../shared has it.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
out=$(mktemp)
trap 'rm -f "$out"' EXIT
"$root/examples/adult/run.sh" | tee "$out"
grep -q "^SKIPPED:" "$out" && exit 0
read -r private baseline < <(sed -n 's/^accuracy \([0-9.]*\) with privacy, \([0-9.]*\) without.*/\1 \2/p' "$out")
awk -v p="$private" -v b="$baseline" 'BEGIN { exit !(b >= 0.845 && p > 0.84) }' ||
  { echo "accuracy too low: $private with privacy, $baseline without" >&2; exit 1; }
