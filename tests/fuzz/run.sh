#!/usr/bin/env bash
# Runs every fuzzer from its seed corpus for some seconds; a crash fails.
#
# usage: cmake --preset fuzz && cmake --build --preset fuzz
#        tests/fuzz/run.sh build/fuzz SECONDS
set -euo pipefail
build=$(cd "$1" && pwd)
corpora=$(cd "$(dirname "${BASH_SOURCE[0]}")/corpus" && pwd)
# One NAME
one() {
  local scratch=$build/corpus/$1 seeds=()
  mkdir -p "$scratch"
  [ ! -d "$corpora/$1" ] || seeds=("$corpora/$1")
  (cd "$build" && "bin/$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=0 \
    -verbosity=0 "$scratch" "${seeds[@]}") >"$build/$1.log" 2>&1 ||
    { tail -n 40 "$build/$1.log"; exit 255; }  # 255: xargs starts no more
  echo "$1: $seconds s"
}
export -f one
export build corpora seconds=$2
(cd "$build/bin" && printf '%s\n' *_fuzzer) | xargs -P "$(nproc)" -I{} bash -euc 'one {}'
