#!/usr/bin/env bash
# Builds Sealtrain and passes all its tests, on a fresh Debian 12 machine: format,
# the rooms that parse what others wrote under AddressSanitizer and
# UndefinedBehaviorSanitizer, then the normal build with everything.
#
# usage: tests/run.sh [--quick]     --quick: only the normal build and its tests
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
quick=${1:-}
jobs=$(nproc)
sanitized=(base_test crypto_test sealed_stream_test crypto_vectors_test audit_test audit_crash_test
           audit_cli_test policy_test policy_oracle_test policy_corpus_test schema_corpus_test)

# Lets another checkout on this machine use what this one has compiled.
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1

say() { printf '\n== %s [%s s]\n' "$*" "$SECONDS"; }

build() {
  cmake --preset "$1" -DSEALTRAIN_WERROR=ON >"build/configure-$1.log" 2>&1 ||
    { cat "build/configure-$1.log"; exit 1; }
  cmake --build --preset "$1" --parallel "$jobs" "${@:2}" >"build/build-$1.log" 2>&1 ||
    { grep -E -A 12 'error|warning|FAILED' "build/build-$1.log" | head -n 120; exit 1; }
}

mkdir -p build
say "Packages"
cmake/debian-packages.sh checks

say "Format"
git ls-files '*.cc' '*.h' | xargs clang-format-14 --dry-run -Werror

if [ "$quick" != --quick ]; then
  say "AddressSanitizer and UndefinedBehaviorSanitizer"
  build asan --target "${sanitized[@]}"
  for test in "${sanitized[@]}"; do
    echo "$test"
    "build/asan/bin/$test" >"build/$test-asan.log" 2>&1 || { tail -n 80 "build/$test-asan.log"; exit 1; }
  done
fi

say "Normal build"
build release
say "Normal tests"
ctest --preset release --parallel "$jobs"
