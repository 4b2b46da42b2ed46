#!/usr/bin/env bash
# README's first command works, and on the real corpus it is as accurate as promised.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
out=$(mktemp)
trap 'rm -f "$out"' EXIT
"$root/examples/quickstart.sh" | tee "$out"
grep -q "^records in  " "$out"
if grep -q "^6046 mails" "$out"; then
  read -r private baseline < <(sed -n 's/^accuracy  *\([0-9.]*\) with privacy, \([0-9.]*\) without$/\1 \2/p' "$out")
  awk -v p="$private" -v b="$baseline" 'BEGIN { exit !(b >= 0.97 && p > 0.85) }' ||
    { echo "accuracy too low: $private with privacy, $baseline without" >&2; exit 1; }
else
  echo "the generated sample was used: accuracy not judged"
fi
