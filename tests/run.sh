#!/usr/bin/env bash
# Builds Sealtrain and passes all its tests, on a fresh Debian 12 machine: format,
# what is concurrent under ThreadSanitizer, everything and the fuzzers under
# AddressSanitizer and UndefinedBehaviorSanitizer, then the normal build, whose
# summary comes last.
#
# usage: tests/run.sh [--quick]     --quick: only the normal build and its tests
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
quick=${1:-}
jobs=$(nproc)
test_jobs=$((jobs + 1))  # now and then one waits for the disk
fuzz_seconds=2
# What is concurrent: a test program and which of its tests.
concurrent=(base_test='*Thread*' audit_test='AuditLogTest.*:WitnessTest.*' crypto_test='*Thread*' sealed_stream_test='SegmentOpener.*'
            custody_test='RecordBeforeRelease.*:Session.*' pipeline_ingestion_test='*Race*'
            pipeline_dataset_reader_test='*')

# Thousands of small folders, and nobody pulls the plug: in memory, where there is enough.
if [ -w /dev/shm ] && [ "$(df --output=avail /dev/shm | tail -n 1)" -gt 4000000 ]; then
  export TMPDIR=/dev/shm
fi

# Lets another checkout on this machine use what this one has compiled.
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1

say() { printf '\n== %s [%s s]\n' "$*" "$SECONDS"; }

# build PRESET TARGET...
build() {
  cmake --preset "$1" -DSEALTRAIN_WERROR=ON >"build/configure-$1.log" 2>&1 ||
    { cat "build/configure-$1.log"; exit 1; }
  cmake --build --preset "$1" --parallel "$jobs" --target "${@:2}" >"build/build-$1.log" 2>&1 ||
    { grep -E -A 12 'error|warning|FAILED' "build/build-$1.log" | head -n 120; exit 1; }
}

mkdir -p build
say "Packages"
cmake/debian-packages.sh checks

say "Format"
git ls-files '*.cc' '*.h' | xargs clang-format-14 --dry-run -Werror

if [ "$quick" != --quick ]; then
  say "ThreadSanitizer"
  build tsan "${concurrent[@]%%=*}"
  export TSAN_OPTIONS=suppressions=$root/tests/tsan-suppressions.txt
  printf '%s\n' "${concurrent[@]}" | xargs -P "$test_jobs" -I{} bash -c '
    entry="{}"
    name=${entry%%=*}
    "build/tsan/bin/$name" --gtest_filter="${entry#*=}" >"build/$name-tsan.log" 2>&1 &&
      echo "$entry" && exit
    tail -n 80 "build/$name-tsan.log"
    exit 255'

  say "AddressSanitizer and UndefinedBehaviorSanitizer"
  build asan sealtrain_checks
  # Whole programs at a time: starting one for each test would take longer than the tests.
  xargs -P "$test_jobs" -I{} bash -c '
    build/asan/bin/{} >build/{}-asan.log 2>&1 && echo {} && exit
    tail -n 80 build/{}-asan.log
    exit 255' <build/asan/sealtrain_checks.txt

  say "Fuzzers"
  tests/fuzz/run.sh build/asan "$fuzz_seconds"
fi

say "Normal build"
build release all
say "Normal tests"
ctest --preset release --parallel "$test_jobs"
