#!/usr/bin/env bash
# What to run before a commit: format, clang-tidy and header isolation on the files
# that changed, then the quick tests.
#
# usage: tests/check.sh [--fix] [--all]
#   --fix  let clang-format and clang-tidy change the files
#   --all  look at every file, not only at what changed since HEAD
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
fix=false all=false
for arg in "$@"; do
  case "$arg" in
    --fix) fix=true ;;
    --all) all=true ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2 ;;
  esac
done

if $all; then
  mapfile -t files < <(git ls-files '*.cc' '*.h')
else
  mapfile -t files < <({ git diff --name-only --diff-filter=d HEAD
                         git ls-files --others --exclude-standard; } | grep -E '\.(cc|h)$' || true)
fi
[ ${#files[@]} -gt 0 ] || { echo "no C++ file changed"; exit 0; }

cmake/debian-packages.sh checks
cmake --preset dev >/dev/null
# Generated headers must be there before anything that includes them is looked at.
cmake --build --preset dev --target sealtrain_trainer >/dev/null

echo "== clang-format: ${#files[@]} files"
if $fix; then clang-format-14 -i "${files[@]}"; else clang-format-14 --dry-run -Werror "${files[@]}"; fi

echo "== headers compile alone"
for header in "${files[@]}"; do
  [[ $header == *.h && $header != examples/* ]] || continue
  echo "#include \"sealtrain/$header\"" | g++ -std=c++20 -fsyntax-only -Ibuild/dev/include \
    -Ibuild/dev/generated $(pkg-config --cflags libsodium) -x c++ -
done

echo "== clang-tidy"
printf '%s\n' "${files[@]}" | grep '\.cc$' | grep -vE '^(examples|tests/fuzz|bench)/' |
  xargs -r -P "$(nproc)" -n 2 clang-tidy-14 -p build/dev --quiet $($fix && echo --fix) 2>/dev/null

echo "== tests"
cmake --build --preset dev >/dev/null
ctest --preset dev --label-exclude 'slow|e2e' --parallel "$(nproc)"
