#include "sealtrain/trainer/training_data.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/key_derivation.h"

namespace sealtrain::trainer {
namespace {

using pipeline::ColumnBatch;
using pipeline::ColumnView;

// Numbers subjects in the order in which they appear. It keeps no subject keys:
// only their HMAC under a key that is drawn for the run and forgotten with it.
class SubjectNumbers {
 public:
  static absl::StatusOr<SubjectNumbers> Create() {
    ST_ASSIGN_OR_RETURN(crypto::MacKey key, crypto::MacKey::Generate());
    return SubjectNumbers(std::move(key));
  }

  absl::StatusOr<std::uint64_t> Number(const ColumnView& view, std::uint64_t row) {
    ST_ASSIGN_OR_RETURN(const Digest tag, crypto::Mac::Compute(key_, ValueBytesOf(view, row)));
    return numbers_.emplace(tag, numbers_.size()).first->second;
  }
  std::uint64_t size() const { return numbers_.size(); }

 private:
  explicit SubjectNumbers(crypto::MacKey key) : key_(std::move(key)) {}

  static ByteSpan ValueBytesOf(const ColumnView& view, std::uint64_t row) {
    if (view.type == pipeline::ValueType::kBytes) return AsBytes(view.Text(row));
    const std::size_t width = pipeline::ValueBytes(view.type);
    return view.values.subspan(row * width, width);
  }

  crypto::MacKey key_;
  absl::flat_hash_map<Digest, std::uint64_t> numbers_;
};

}  // namespace

struct TrainingDataBuilder::State {
  bool is_private = false;
  FeatureReader features;
  std::optional<SubjectNumbers> subjects;  // unset: a unit is a row
  std::size_t subject_column = 0;
  TrainingData data;
  SecretVector<std::uint64_t> unit_of_row;
};

TrainingDataBuilder::TrainingDataBuilder(std::unique_ptr<State> state) : state_(std::move(state)) {}
TrainingDataBuilder::TrainingDataBuilder(TrainingDataBuilder&&) noexcept = default;
TrainingDataBuilder& TrainingDataBuilder::operator=(TrainingDataBuilder&&) noexcept = default;
TrainingDataBuilder::~TrainingDataBuilder() = default;

std::vector<std::string> TrainingDataBuilder::Columns(const TrainingPlan& plan,
                                                      const policy::Schema& schema) {
  std::vector<std::string> columns = ColumnsOf(plan.spec());
  if (plan.privacy().has_value() && plan.privacy()->unit == policy::SUBJECT) {
    const std::string& subject = schema.subject_column().name;
    if (std::find(columns.begin(), columns.end(), subject) == columns.end()) {
      columns.push_back(subject);
    }
  }
  return columns;
}

absl::StatusOr<TrainingDataBuilder> TrainingDataBuilder::Create(const TrainingPlan& plan,
                                                                const policy::Schema& schema) {
  const std::vector<std::string> columns = Columns(plan, schema);
  ST_ASSIGN_OR_RETURN(FeatureReader features, FeatureReader::Create(plan.spec(), schema, columns));
  auto state = std::unique_ptr<State>(
      new State{plan.privacy().has_value(), std::move(features), {}, 0, TrainingData(), {}});
  if (state->is_private && plan.privacy()->unit == policy::SUBJECT) {
    ST_ASSIGN_OR_RETURN(state->subjects, SubjectNumbers::Create());
    const auto place = std::find(columns.begin(), columns.end(), schema.subject_column().name);
    state->subject_column = static_cast<std::size_t>(place - columns.begin());
  }
  return TrainingDataBuilder(std::move(state));
}

absl::Status TrainingDataBuilder::Add(const ColumnBatch& batch) {
  State& state = *state_;
  TrainingData& data = state.data;
  data.locked_ = data.locked_ && (batch.memory.empty() || batch.memory.locked());
  for (std::uint64_t row = 0; row < batch.rows; ++row) {
    const std::optional<bool> label = state.features.Label(batch, row);
    if (!label.has_value()) {
      if (state.is_private) continue;
      return absl::InvalidArgumentError(absl::StrCat(
          "row ", batch.first_row + row, ": the label is none of the values in the train spec"));
    }
    std::uint64_t unit = state.unit_of_row.size();
    if (state.subjects.has_value()) {
      ST_ASSIGN_OR_RETURN(unit, state.subjects->Number(batch.columns[state.subject_column], row));
    }
    ST_RETURN_IF_ERROR(state.features.AppendRow(batch, row, data.rows_));
    ST_RETURN_IF_ERROR(data.labels_.Append(*label ? 1 : 0));
    ST_RETURN_IF_ERROR(state.unit_of_row.Append(unit));
  }
  return absl::OkStatus();
}

absl::StatusOr<TrainingData> TrainingDataBuilder::Finish() && {
  State& state = *state_;
  TrainingData& data = state.data;
  const std::size_t rows = state.unit_of_row.size();
  if (rows == 0 && !state.is_private) {
    return absl::InvalidArgumentError("the data set has no rows to train on");
  }
  // A counting sort of the rows by unit.
  const std::size_t units = state.subjects.has_value() ? state.subjects->size() : rows;
  ST_ASSIGN_OR_RETURN(data.unit_ends_, SecretVector<std::uint64_t>::WithSize(units));
  ST_ASSIGN_OR_RETURN(data.unit_rows_, SecretVector<std::uint64_t>::WithSize(rows));
  for (std::size_t row = 0; row < rows; ++row) ++data.unit_ends_[state.unit_of_row[row]];
  for (std::size_t unit = 1; unit < units; ++unit) {
    data.unit_ends_[unit] += data.unit_ends_[unit - 1];
  }
  // From the back, each end steps down to its unit's begin ...
  for (std::size_t row = rows; row-- > 0;) {
    data.unit_rows_[--data.unit_ends_[state.unit_of_row[row]]] = row;
  }
  // ... which is the end of the unit before.
  for (std::size_t unit = 0; unit + 1 < units; ++unit) {
    data.unit_ends_[unit] = data.unit_ends_[unit + 1];
  }
  if (units > 0) data.unit_ends_[units - 1] = rows;

  data.locked_ = data.locked_ && data.rows_.locked() && data.labels_.locked() &&
                 data.unit_rows_.locked() && data.unit_ends_.locked() &&
                 state.unit_of_row.locked() && state.features.locked();
  TrainingData result = std::move(data);
  state_.reset();
  return result;
}

}  // namespace sealtrain::trainer
