# Shared by the example scripts: build, install, make a home with two approvers.
# To be sourced; expects $root (the checkout) and $work (the folder to work in).

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }

# Runs a command that must end with the given exit code.
expect_exit() {
  local want=$1 got=0
  shift
  "$@" || got=$?
  if [ "$got" -ne "$want" ]; then
    echo "expected exit code $want, got $got: $*" >&2
    exit 1
  fi
  echo "(exit code $got, as it must be)"
}

# Builds the release programs and installs them, with the library, into $prefix.
build_and_install() {
  "$root/cmake/debian-packages.sh"
  prefix=$root/build/quickstart/install
  local log=$root/build/quickstart/build.log
  mkdir -p "$root/build/quickstart"
  say "Building (log: ${log#"$root"/})"
  (
    cd "$root"
    cmake --preset release >"$log" 2>&1 &&
      cmake --build --preset release --target sealtrain sealtrain-audit >>"$log" 2>&1 &&
      cmake --install build/release --prefix "$prefix" >>"$log" 2>&1
  ) || { tail -n 30 "$log" >&2; exit 1; }
  export PATH=$prefix/bin:$PATH
}

# A fresh home in $work with a random passphrase in a file of its own. The keys of
# the two approvers lie in $work/approvers; theirs would never be in one place.
make_home() {
  rm -rf "$work"
  mkdir -p "$work/approvers"
  chmod 700 "$work"
  (umask 077 && head -c 24 /dev/urandom | base64 >"$work/passphrase")
  export SEALTRAIN_HOME=$work/home SEALTRAIN_STORE=$work/store
  export SEALTRAIN_PASSPHRASE_FILE=$work/passphrase
  sealtrain init
  cp "$SEALTRAIN_HOME/audit/log.vkey" "$work/log.vkey"  # what an auditor would be given
}

# apply_policy TEMPLATE: fills in the approvers' keys, checks, tests, signs, applies.
apply_policy() {
  local policy=$work/policy.textproto ada grace
  ada=$(sealtrain policy keygen --out "$work/approvers/ada.key")
  grace=$(sealtrain policy keygen --out "$work/approvers/grace.key")
  sed -e "s/@ADA_KEY@/$ada/" -e "s/@GRACE_KEY@/$grace/" "$1" >"$policy"
  sealtrain policy check "$policy"
  sealtrain policy test "$policy"
  sealtrain policy approve "$policy" --name ada --key "$work/approvers/ada.key"
  sealtrain policy approve "$policy" --name grace --key "$work/approvers/grace.key"
  sealtrain policy apply "$policy"
}

# json FILE EXPRESSION: one value out of a program's --json output.
json() { python3 -c 'import json, math, sys; print(eval(sys.argv[2], {"math": math, "d": json.load(open(sys.argv[1]))}))' "$1" "$2"; }
