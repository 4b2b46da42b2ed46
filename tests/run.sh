#!/usr/bin/env bash
# Builds Sealtrain and passes all its tests, on a fresh Debian 12 machine: format,
# the normal build with everything, then AddressSanitizer and
# UndefinedBehaviorSanitizer for all but the end-to-end tests.
#
# usage: tests/run.sh [--quick]     --quick: only the normal build and its tests
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
quick=${1:-}
jobs=$(nproc)

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

say "Normal build"
build release
say "Normal tests"
ctest --preset release --parallel "$jobs"
[ "$quick" != --quick ] || exit 0

say "AddressSanitizer and UndefinedBehaviorSanitizer"
build asan
ctest --preset asan --label-exclude e2e --parallel "$jobs"
