#!/usr/bin/env bash
# Tools that people would use instead, on one file of 256 MiB of noise in the page
# cache: decrypting it to a pipe, encrypting it to a file. Prints the median of
# five runs of each, in MiB/s.
#
# usage: cmake/debian-packages.sh bench && bench/peers.sh
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mib=256
head -c $((mib << 20)) /dev/urandom >plain
age-keygen -o key 2>/dev/null
recipient=$(age-keygen -y key)
head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >passphrase

# measure NAME COMMAND: runs COMMAND, a shell line, five times.
measure() {
  local name=$1 seconds=() begin
  shift
  for _ in 1 2 3 4 5; do
    begin=$EPOCHREALTIME
    bash -c "$1"
    seconds+=("$(awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')")
  done
  printf '%s\n' "${seconds[@]}" | sort -n |
    awk -v name="$name" -v mib=$mib 'NR == 3 { printf "%-46s %7.0f\n", name, mib / $1 }'
}

openssl_args="-aes-256-ctr -pbkdf2 -pass file:passphrase"
age -r "$recipient" -o plain.age plain
# shellcheck disable=SC2086
openssl enc $openssl_args -in plain -out plain.ctr

measure "cat plain | cat (floor)" "cat plain | cat >/dev/null"
measure "cp (floor)" "cp plain copy; rm copy"
measure "age -d | cat" "age -d -i key plain.age | cat >/dev/null"
measure "openssl enc -d -aes-256-ctr, no integrity | cat" \
  "openssl enc -d $openssl_args -in plain.ctr | cat >/dev/null"
measure "age -r, file to file" "age -r $recipient -o out plain; rm out"
measure "openssl enc -aes-256-ctr, file to file" \
  "openssl enc $openssl_args -in plain -out out; rm out"
