#!/usr/bin/env bash
# Runs every fuzzer from its seed corpus for some seconds; a crash fails.
#
# usage: cmake --preset fuzz && cmake --build --preset fuzz
#        tests/fuzz/run.sh build/fuzz SECONDS
set -euo pipefail
build=$(cd "$1" && pwd)
corpora=$(cd "$(dirname "${BASH_SOURCE[0]}")/corpus" && pwd)
for fuzzer in "$build"/bin/*_fuzzer; do
  name=$(basename "$fuzzer")
  scratch=$build/corpus/$name
  mkdir -p "$scratch"
  seeds=()
  [ ! -d "$corpora/$name" ] || seeds=("$corpora/$name")
  echo "$name: $2 s"
  (cd "$build" && "$fuzzer" -max_total_time="$2" -timeout=10 -rss_limit_mb=1024 -print_final_stats=0 \
    -verbosity=0 "$scratch" "${seeds[@]}") >"$build/$name.log" 2>&1 ||
    { tail -n 40 "$build/$name.log"; exit 1; }
done
