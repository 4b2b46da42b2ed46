#include "sealtrain/trainer/features.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/descriptor.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/trainer/ngram_hasher_internal.h"
#include "sealtrain/trainer/train_spec_internal.h"
#include "sealtrain/trainer/vocabulary_internal.h"

namespace sealtrain::trainer {
namespace {

using google::protobuf::FieldDescriptor;
using pipeline::ColumnBatch;
using pipeline::ColumnView;

absl::Status ColumnError(const std::string& column, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("train spec: column ", column, " ", what));
}

std::vector<std::string> ColumnsOfFeature(const Feature& feature) {
  switch (feature.kind_case()) {
    case Feature::kNumeric:
      return {feature.numeric().column()};
    case Feature::kCategorical:
      return {feature.categorical().column()};
    case Feature::kHashedText:
      return {feature.hashed_text().column().begin(), feature.hashed_text().column().end()};
    case Feature::KIND_NOT_SET:
      break;
  }
  return {};
}

// The values [begin, end) that a row has in a column; none for a null.
struct ValueRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};
ValueRange ValuesOf(const ColumnView& view, std::uint64_t row) {
  if (view.repeated) return {view.list_offsets[row], view.list_offsets[row + 1]};
  return {row, view.IsNull(row) ? row : row + 1};
}

class NumericInput {
 public:
  NumericInput(const Numeric& feature, std::size_t column, std::uint32_t offset)
      : column_(column),
        offset_(offset),
        length_(feature.has_length() ? feature.length() : 1),
        log_scale_(feature.log_scale()),
        min_(feature.min()),
        range_(Scaled(feature.max() - feature.min())) {}

  absl::Status Append(const ColumnBatch& batch, std::uint64_t row, SparseRows& rows) const {
    const ColumnView& view = batch.columns[column_];
    const ValueRange values = ValuesOf(view, row);
    bool missing = values.end - values.begin < length_;
    const std::uint64_t end = std::min<std::uint64_t>(values.end, values.begin + length_);
    for (std::uint64_t i = values.begin; i < end; ++i) {
      const double value = view.Number(i);
      if (std::isnan(value)) {
        missing = true;
        continue;
      }
      const double input = Scaled(std::max(value - min_, 0.0)) / range_;
      if (input > 0) {
        ST_RETURN_IF_ERROR(rows.Append(offset_ + static_cast<std::uint32_t>(i - values.begin),
                                       static_cast<float>(std::min(input, 1.0))));
      }
    }
    return missing ? rows.Append(offset_ + length_, 1) : absl::OkStatus();
  }

 private:
  double Scaled(double distance) const { return log_scale_ ? std::log1p(distance) : distance; }

  std::size_t column_;
  std::uint32_t offset_;
  std::uint32_t length_;
  bool log_scale_;
  double min_;
  double range_;
};

class CategoricalInput {
 public:
  CategoricalInput(Vocabulary vocabulary, std::uint32_t values, std::size_t column,
                   std::uint32_t offset)
      : vocabulary_(std::move(vocabulary)), values_(values), column_(column), offset_(offset) {}

  absl::Status Append(const ColumnBatch& batch, std::uint64_t row, SparseRows& rows) const {
    const ColumnView& view = batch.columns[column_];
    return rows.Append(offset_ + vocabulary_.Find(view, row).value_or(values_), 1);
  }

 private:
  Vocabulary vocabulary_;
  std::uint32_t values_;  // the place of "anything else"
  std::size_t column_;
  std::uint32_t offset_;
};

class TextInput {
 public:
  TextInput(const HashedText& feature, std::vector<std::size_t> columns, std::uint32_t offset)
      : hasher_(feature), columns_(std::move(columns)), offset_(offset) {}

  absl::Status Append(const ColumnBatch& batch, std::uint64_t row, SparseRows& rows) {
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      const ColumnView& view = batch.columns[columns_[c]];
      const ValueRange values = ValuesOf(view, row);
      for (std::uint64_t i = values.begin; i < values.end; ++i) {
        ST_RETURN_IF_ERROR(hasher_.AddText(c, view.Text(i)));
      }
    }
    return hasher_.Finish(offset_, rows);
  }
  bool locked() const { return hasher_.locked(); }

 private:
  NgramHasher hasher_;
  std::vector<std::size_t> columns_;
  std::uint32_t offset_;
};

using Input = std::variant<NumericInput, CategoricalInput, TextInput>;

// Finds columns by name, in the schema and among those that will be opened.
class ColumnFinder {
 public:
  ColumnFinder(const policy::Schema& schema, const std::vector<std::string>& columns)
      : schema_(schema), columns_(columns) {}

  absl::StatusOr<const policy::Column*> InSchema(const std::string& name) const {
    const policy::Column* column = schema_.FindColumn(name);
    if (column == nullptr) return ColumnError(name, "is not in the data set");
    return column;
  }
  absl::StatusOr<std::size_t> InBatch(const std::string& name) const {
    const auto found = std::find(columns_.begin(), columns_.end(), name);
    if (found == columns_.end()) return ColumnError(name, "was not opened");
    return static_cast<std::size_t>(found - columns_.begin());
  }

 private:
  const policy::Schema& schema_;
  const std::vector<std::string>& columns_;
};

absl::StatusOr<Input> MakeInput(const Numeric& feature, const ColumnFinder& finder,
                                std::uint32_t offset) {
  const std::string& name = feature.column();
  ST_ASSIGN_OR_RETURN(const policy::Column* column, finder.InSchema(name));
  if (column->leaf().cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
    return ColumnError(name, "is text: a numeric feature needs numbers");
  }
  if (column->repeated() != feature.has_length()) {
    return ColumnError(name, column->repeated() ? "is repeated: the feature needs a length"
                                                : "is not repeated: the feature has no length");
  }
  ST_ASSIGN_OR_RETURN(const std::size_t place, finder.InBatch(name));
  return NumericInput(feature, place, offset);
}

absl::StatusOr<Input> MakeInput(const Categorical& feature, const ColumnFinder& finder,
                                std::uint32_t offset) {
  ST_ASSIGN_OR_RETURN(const policy::Column* column, finder.InSchema(feature.column()));
  ST_ASSIGN_OR_RETURN(Vocabulary vocabulary, Vocabulary::Create(*column, feature.value()));
  ST_ASSIGN_OR_RETURN(const std::size_t place, finder.InBatch(feature.column()));
  return CategoricalInput(std::move(vocabulary), static_cast<std::uint32_t>(feature.value_size()),
                          place, offset);
}

absl::StatusOr<Input> MakeInput(const HashedText& feature, const ColumnFinder& finder,
                                std::uint32_t offset) {
  std::vector<std::size_t> places;
  for (const std::string& name : feature.column()) {
    ST_ASSIGN_OR_RETURN(const policy::Column* column, finder.InSchema(name));
    if (column->leaf().cpp_type() != FieldDescriptor::CPPTYPE_STRING) {
      return ColumnError(name, "is not text");
    }
    ST_ASSIGN_OR_RETURN(const std::size_t place, finder.InBatch(name));
    places.push_back(place);
  }
  return TextInput(feature, std::move(places), offset);
}

absl::StatusOr<Input> MakeInput(const Feature& feature, const ColumnFinder& finder,
                                std::uint32_t offset) {
  if (feature.has_numeric()) return MakeInput(feature.numeric(), finder, offset);
  if (feature.has_categorical()) return MakeInput(feature.categorical(), finder, offset);
  return MakeInput(feature.hashed_text(), finder, offset);
}

}  // namespace

absl::StatusOr<FeatureSpace> FeatureSpace::Create(const TrainSpec& spec) {
  ST_RETURN_IF_ERROR(CheckTrainSpec(spec));
  FeatureSpace space;
  for (const Feature& feature : spec.feature()) {
    const auto size = static_cast<std::uint32_t>(InputsOf(feature));
    space.blocks_.push_back(
        {absl::StrJoin(ColumnsOfFeature(feature), "+"), space.dimension_, size});
    space.dimension_ += size;
  }
  ++space.dimension_;  // the bias
  return space;
}

std::vector<std::string> ColumnsOf(const TrainSpec& spec) {
  std::vector<std::string> columns;
  const auto add = [&columns](const std::string& name) {
    if (std::find(columns.begin(), columns.end(), name) == columns.end()) columns.push_back(name);
  };
  for (const Feature& feature : spec.feature()) {
    for (const std::string& name : ColumnsOfFeature(feature)) add(name);
  }
  add(spec.label().column());
  return columns;
}

struct FeatureReader::State {
  std::vector<Input> inputs;
  std::uint32_t bias;
  Vocabulary labels;
  std::size_t label_column;
};

FeatureReader::FeatureReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
FeatureReader::FeatureReader(FeatureReader&&) noexcept = default;
FeatureReader& FeatureReader::operator=(FeatureReader&&) noexcept = default;
FeatureReader::~FeatureReader() = default;

absl::StatusOr<FeatureReader> FeatureReader::Create(const TrainSpec& spec,
                                                    const policy::Schema& schema,
                                                    const std::vector<std::string>& columns) {
  ST_ASSIGN_OR_RETURN(const FeatureSpace space, FeatureSpace::Create(spec));
  const ColumnFinder finder(schema, columns);
  std::vector<Input> inputs;
  for (int i = 0; i < spec.feature_size(); ++i) {
    const std::uint32_t offset = space.blocks()[static_cast<std::size_t>(i)].offset;
    ST_ASSIGN_OR_RETURN(Input input, MakeInput(spec.feature(i), finder, offset));
    inputs.push_back(std::move(input));
  }
  const std::string& label = spec.label().column();
  ST_ASSIGN_OR_RETURN(const policy::Column* label_column, finder.InSchema(label));
  ST_ASSIGN_OR_RETURN(Vocabulary labels, Vocabulary::Create(*label_column, spec.label().value()));
  ST_ASSIGN_OR_RETURN(const std::size_t label_place, finder.InBatch(label));
  return FeatureReader(std::make_unique<State>(
      State{std::move(inputs), space.bias(), std::move(labels), label_place}));
}

std::optional<bool> FeatureReader::Label(const ColumnBatch& batch, std::uint64_t row) const {
  const std::optional<std::uint32_t> place =
      state_->labels.Find(batch.columns[state_->label_column], row);
  if (!place.has_value()) return std::nullopt;
  return *place == 1;
}

absl::Status FeatureReader::AppendRow(const ColumnBatch& batch, std::uint64_t row,
                                      SparseRows& rows) {
  for (Input& input : state_->inputs) {
    ST_RETURN_IF_ERROR(
        std::visit([&](auto& kind) { return kind.Append(batch, row, rows); }, input));
  }
  ST_RETURN_IF_ERROR(rows.Append(state_->bias, 1));
  return rows.EndRow();
}

bool FeatureReader::locked() const {
  return std::all_of(state_->inputs.begin(), state_->inputs.end(), [](const Input& input) {
    const auto* text = std::get_if<TextInput>(&input);
    return text == nullptr || text->locked();
  });
}

}  // namespace sealtrain::trainer
