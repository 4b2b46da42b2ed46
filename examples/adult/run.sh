#!/usr/bin/env bash
# The UCI Adult census set through the same commands as the mails, from CSV.
#
# usage: examples/adult/run.sh [FOLDER]
#   FOLDER holds adult.data.gz and adult.test.gz as UCI publishes them
#   (default: ../shared/data/adult beside the checkout).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
folder=${1:-$root/../shared/data/adult}
work=$root/build/adult/run
if [ ! -f "$folder/adult.data.gz" ] || [ ! -f "$folder/adult.test.gz" ]; then
  echo "SKIPPED: no adult.data.gz and adult.test.gz in $folder"
  exit 0
fi
source "$root/examples/lib.sh"
build_and_install

say "Custody, data sets, policy"
make_home
for name in train heldout; do
  sealtrain dataset create "adult/$name" --schema "$root/examples/adult/person.proto" --message Person
done
apply_policy "$root/examples/adult/policy.textproto.in"

# UCI's files have no header, a blank behind each comma, a comment in the first line
# of the test part and dots behind its labels. The row number becomes the person.
to_csv() {
  echo "person,age,workclass,fnlwgt,education,education_num,marital_status,occupation,relationship,race,sex,capital_gain,capital_loss,hours_per_week,native_country,income"
  gzip -dc "$1" | grep -v '^|' | sed -e 's/, /,/g' -e 's/\.$//' | awk -v part="$2" 'NF { print part NR "," $0 }'
}
say "Ingestion from CSV"
as=(--principal workload:census)
to_csv "$folder/adult.data.gz" train | sealtrain "${as[@]}" ingest adult/train --from - --format csv --purpose research/income
to_csv "$folder/adult.test.gz" heldout | sealtrain "${as[@]}" ingest adult/heldout --from - --format csv --purpose research/income

say "Training with and without privacy"
sealtrain "${as[@]}" train adult/train --purpose research/income \
  --spec "$root/examples/adult/income_private.textproto" --model-name income-private
sealtrain "${as[@]}" train adult/train --purpose research-baseline/income \
  --spec "$root/examples/adult/income_baseline.textproto" --model-name income-baseline
for model in private baseline; do
  sealtrain "${as[@]}" --json model evaluate "income-$model" --dataset adult/heldout \
    --purpose research/income >"$work/evaluate-$model.json"
done
sealtrain-audit verify

say "Summary"
echo "accuracy $(json "$work/evaluate-private.json" "'%.4f' % d['accuracy']") with privacy," \
  "$(json "$work/evaluate-baseline.json" "'%.4f' % d['accuracy']") without," \
  "$(json "$work/evaluate-baseline.json" "'%.4f' % d['majority']") by always guessing the larger class"
