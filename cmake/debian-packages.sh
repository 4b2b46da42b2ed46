#!/usr/bin/env bash
# Installs what Sealtrain is built, tested and demonstrated with, on Debian 12,
# as root or through sudo. Does nothing, and needs no rights, if all is there.
set -euo pipefail

packages=(
  # tools
  g++ cmake ninja-build ccache mold pkg-config git ca-certificates curl python3-minimal
  # libraries
  libssl-dev libsodium-dev protobuf-compiler libprotobuf-dev libprotoc-dev libabsl-dev libsqlite3-dev
  libzstd-dev libre2-dev libsimdjson-dev libcsv-dev libeigen3-dev libkissfft-dev
  # programs
  libcli11-dev nlohmann-json3-dev libmicrohttpd-dev libcurl4-openssl-dev
  # the example job reads mails with it
  libgmime-3.0-dev
  # tests
  libgtest-dev libgmock-dev
)
for group in "$@"; do
  case "$group" in
    checks) packages+=(clang clang-format clang-tidy libclang-rt-14-dev python3
                       python3-cryptography python3-protobuf python3-zstandard golang-go
                       golang-golang-x-mod-dev valgrind libc6-dbg) ;;
    bench) packages+=(libbenchmark-dev age openssl) ;;
    *) echo "usage: $0 [checks] [bench]" >&2; exit 2 ;;
  esac
done

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
    missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "needs root or sudo to install: ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
echo "Installing ${#missing[@]} Debian packages: ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
