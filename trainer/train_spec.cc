#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/text_format.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/trainer/train_spec_internal.h"
#include "sealtrain/trainer/training.h"

namespace sealtrain::trainer {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::TextFormat;

constexpr std::size_t kMaxSpecBytes = 1 << 20;
constexpr std::uint64_t kMaxSteps = 10'000'000;
constexpr std::uint32_t kMaxRepeatedLength = 1 << 20;
constexpr int kMaxCategories = 1 << 16;
constexpr std::uint32_t kMaxTextBytes = 1 << 24;

std::string At(absl::string_view file, int line, int column) {
  return absl::StrCat(file, ":", line + 1, ":", column + 1, ": ");
}

// Remembers the first syntax error.
class FirstError final : public google::protobuf::io::ErrorCollector {
 public:
  explicit FirstError(absl::string_view file) : file_(file) {}
  void AddError(int line, int column, const std::string& message) override {
    // Errors at the end of the text have no line.
    if (text_.empty()) text_ = At(file_, std::max(line, 0), std::max(column, 0)) + message;
  }
  void AddWarning(int, int, const std::string&) override {}
  const std::string& text() const { return text_; }

 private:
  std::string file_;
  std::string text_;
};

// A message of the spec and where it stands, so that errors can say so.
class Node {
 public:
  Node(const Message& message, absl::string_view file, TextFormat::ParseInfoTree* tree)
      : message_(message), file_(file), tree_(tree) {}

  Node Child(const std::string& field, const Message& child, int index = -1) const {
    Node node(child, file_, tree_);
    if (tree_ == nullptr) return node;
    node.start_ = LocationOf(field, index);
    node.tree_ = tree_->GetTreeForNested(Find(field), index);
    return node;
  }

  // An error about a field, placed where it is set, else where the message is.
  absl::Status Error(const std::string& field, absl::string_view what, int index = -1) const {
    const std::string text = absl::StrCat(field, ": ", what);
    if (file_.empty()) return absl::InvalidArgumentError(absl::StrCat("train spec: ", text));
    const TextFormat::ParseLocation location = LocationOf(field, index);
    return absl::InvalidArgumentError(At(file_, location.line, location.column) + text);
  }

  // The field must be set and lie in [min, max], or in (min, max] if `open`.
  absl::Status Number(const std::string& field, bool set, double value, double min, double max,
                      bool open = false) const {
    if (!set) return Error(field, "must be set");
    // Written so that NaN fails.
    if ((open ? value > min : value >= min) && value <= max) return absl::OkStatus();
    return Error(field, absl::StrCat("must lie in ", open ? "(" : "[", min, ", ", max, "]"));
  }

 private:
  const FieldDescriptor* Find(const std::string& field) const {
    return message_.GetDescriptor()->FindFieldByName(field);
  }
  // Of element `index` of a field, of the whole field where it was written as
  // one list, else of the message.
  TextFormat::ParseLocation LocationOf(const std::string& field, int index) const {
    const FieldDescriptor* descriptor = Find(field);
    const auto& reflection = *message_.GetReflection();
    const bool set = descriptor->is_repeated() ? reflection.FieldSize(message_, descriptor) > 0
                                               : reflection.HasField(message_, descriptor);
    if (tree_ == nullptr || !set) return start_;
    if (!descriptor->is_repeated()) return tree_->GetLocation(descriptor, -1);
    const TextFormat::ParseLocation element = tree_->GetLocation(descriptor, std::max(index, 0));
    if (element.line >= 0) return element;
    const TextFormat::ParseLocation list = tree_->GetLocation(descriptor, 0);
    return list.line >= 0 ? list : start_;
  }

  const Message& message_;
  absl::string_view file_;
  TextFormat::ParseInfoTree* tree_;  // null: no text
  TextFormat::ParseLocation start_{0, 0};
};

template <class Values>
absl::Status CheckDistinct(const Node& node, const std::string& field, const Values& values) {
  std::set<std::string> seen;
  for (int i = 0; i < values.size(); ++i) {
    if (!seen.insert(values[i]).second) return node.Error(field, "stands there twice", i);
  }
  return absl::OkStatus();
}

absl::Status CheckColumn(const Node& node, const std::string& column) {
  if (column.empty()) return node.Error("column", "must be set");
  return absl::OkStatus();
}

absl::Status CheckNumeric(const Node& node, const Numeric& numeric) {
  constexpr double kMax = std::numeric_limits<double>::max();
  ST_RETURN_IF_ERROR(CheckColumn(node, numeric.column()));
  ST_RETURN_IF_ERROR(node.Number("min", numeric.has_min(), numeric.min(), -kMax, kMax));
  ST_RETURN_IF_ERROR(node.Number("max", numeric.has_max(), numeric.max(), -kMax, kMax));
  if (!(numeric.min() < numeric.max())) return node.Error("max", "must be greater than min");
  if (!std::isfinite(numeric.max() - numeric.min())) {
    return node.Error("max", "max - min must be finite");
  }
  if (!numeric.has_length()) return absl::OkStatus();
  return node.Number("length", true, numeric.length(), 1, kMaxRepeatedLength);
}

absl::Status CheckCategorical(const Node& node, const Categorical& categorical) {
  ST_RETURN_IF_ERROR(CheckColumn(node, categorical.column()));
  if (categorical.value().empty()) return node.Error("value", "must be set");
  if (categorical.value_size() > kMaxCategories) {
    return node.Error("value", absl::StrCat("at most ", kMaxCategories, " values"));
  }
  return CheckDistinct(node, "value", categorical.value());
}

absl::Status CheckHashedText(const Node& node, const HashedText& text) {
  if (text.column().empty()) return node.Error("column", "must be set");
  for (int i = 0; i < text.column_size(); ++i) {
    if (text.column(i).empty()) return node.Error("column", "is empty", i);
  }
  ST_RETURN_IF_ERROR(CheckDistinct(node, "column", text.column()));
  ST_RETURN_IF_ERROR(node.Number("buckets", text.has_buckets(), text.buckets(), 16, 1 << 20));
  if (text.tokens() != WORDS && text.tokens() != CHARACTERS) {
    return node.Error("tokens", "must be WORDS or CHARACTERS");
  }
  ST_RETURN_IF_ERROR(node.Number("max_ngram", text.has_max_ngram(), text.max_ngram(), 1, 5));
  return node.Number("max_bytes_a_row", text.has_max_bytes_a_row(), text.max_bytes_a_row(), 1,
                     kMaxTextBytes);
}

absl::Status CheckFeature(const Node& node, const Feature& feature) {
  switch (feature.kind_case()) {
    case Feature::kNumeric:
      return CheckNumeric(node.Child("numeric", feature.numeric()), feature.numeric());
    case Feature::kCategorical:
      return CheckCategorical(node.Child("categorical", feature.categorical()),
                              feature.categorical());
    case Feature::kHashedText:
      return CheckHashedText(node.Child("hashed_text", feature.hashed_text()),
                             feature.hashed_text());
    case Feature::KIND_NOT_SET:
      break;
  }
  return node.Error("numeric", "a feature must be numeric, categorical or hashed_text");
}

bool Reads(const Feature& feature, const std::string& column) {
  switch (feature.kind_case()) {
    case Feature::kNumeric:
      return feature.numeric().column() == column;
    case Feature::kCategorical:
      return feature.categorical().column() == column;
    case Feature::kHashedText: {
      const auto& columns = feature.hashed_text().column();
      return std::find(columns.begin(), columns.end(), column) != columns.end();
    }
    case Feature::KIND_NOT_SET:
      break;
  }
  return false;
}

absl::Status CheckLabel(const Node& node, const TrainSpec& spec) {
  const Label& label = spec.label();
  ST_RETURN_IF_ERROR(CheckColumn(node, label.column()));
  if (label.value_size() != 2) {
    return node.Error("value", "logistic regression needs exactly two, the positive one second");
  }
  ST_RETURN_IF_ERROR(CheckDistinct(node, "value", label.value()));
  for (const Feature& feature : spec.feature()) {
    if (Reads(feature, label.column())) return node.Error("column", "is a feature as well");
  }
  return absl::OkStatus();
}

absl::Status CheckOptimizer(const Node& node, const Optimizer& optimizer) {
  switch (optimizer.kind_case()) {
    case Optimizer::kSgd: {
      const Node sgd = node.Child("sgd", optimizer.sgd());
      if (optimizer.sgd().has_momentum()) {
        ST_RETURN_IF_ERROR(sgd.Number("momentum", true, optimizer.sgd().momentum(), 0, 0.9999));
      }
      break;
    }
    case Optimizer::kAdam:
      break;
    case Optimizer::KIND_NOT_SET:
      return node.Error("sgd", "an optimizer must be sgd or adam");
  }
  ST_RETURN_IF_ERROR(node.Number("steps", optimizer.has_steps(),
                                 static_cast<double>(optimizer.steps()), 1, kMaxSteps));
  ST_RETURN_IF_ERROR(node.Number("learning_rate", optimizer.has_learning_rate(),
                                 optimizer.learning_rate(), 0, 1e6, /*open=*/true));
  if (optimizer.has_l2()) {
    ST_RETURN_IF_ERROR(node.Number("l2", true, optimizer.l2(), 0, 1e6));
  }
  return node.Number("sampling_rate", optimizer.has_sampling_rate(), optimizer.sampling_rate(),
                     1e-9, 1);
}

absl::Status CheckPrivacy(const Node& node, const PrivacySpec& privacy) {
  if (privacy.unit() != policy::RECORD && privacy.unit() != policy::SUBJECT) {
    return node.Error("unit", "must be RECORD or SUBJECT");
  }
  ST_RETURN_IF_ERROR(node.Number("clipping_norm", privacy.has_clipping_norm(),
                                 privacy.clipping_norm(), 1e-6, 1e6));
  ST_RETURN_IF_ERROR(node.Number("epsilon", privacy.has_epsilon(), privacy.epsilon(), 0, 1000,
                                 /*open=*/true));
  ST_RETURN_IF_ERROR(
      node.Number("delta", privacy.has_delta(), privacy.delta(), 0, 0.01, /*open=*/true));
  return node.Number("expected_batch", privacy.has_expected_batch(), privacy.expected_batch(), 1,
                     1e12);
}

absl::Status CheckSpec(const Node& root, const TrainSpec& spec) {
  if (spec.feature().empty()) return root.Error("feature", "must be set");
  std::uint64_t dimension = 1;  // the bias
  for (int i = 0; i < spec.feature_size(); ++i) {
    ST_RETURN_IF_ERROR(CheckFeature(root.Child("feature", spec.feature(i), i), spec.feature(i)));
    dimension += InputsOf(spec.feature(i));
    if (dimension > kMaxDimension) {
      return root.Error("feature", absl::StrCat("more than ", kMaxDimension, " inputs"), i);
    }
  }
  if (!spec.has_label()) return root.Error("label", "must be set");
  ST_RETURN_IF_ERROR(CheckLabel(root.Child("label", spec.label()), spec));
  if (!spec.model().has_logistic_regression()) {
    return root.Error("model", "must be logistic_regression");
  }
  if (!spec.has_optimizer()) return root.Error("optimizer", "must be set");
  ST_RETURN_IF_ERROR(CheckOptimizer(root.Child("optimizer", spec.optimizer()), spec.optimizer()));
  if (!spec.has_privacy()) return absl::OkStatus();
  return CheckPrivacy(root.Child("privacy", spec.privacy()), spec.privacy());
}

}  // namespace

std::uint64_t InputsOf(const Feature& feature) {
  switch (feature.kind_case()) {
    case Feature::kNumeric:  // the values, and "is missing"
      return (feature.numeric().has_length() ? feature.numeric().length() : 1) + std::uint64_t{1};
    case Feature::kCategorical:  // the values, and "anything else"
      return static_cast<std::uint64_t>(feature.categorical().value_size()) + 1;
    case Feature::kHashedText:
      return feature.hashed_text().buckets();
    case Feature::KIND_NOT_SET:
      break;
  }
  return 0;
}

absl::Status CheckTrainSpec(const TrainSpec& spec) {
  return CheckSpec(Node(spec, "", nullptr), spec);
}

absl::StatusOr<TrainSpec> ParseTrainSpec(absl::string_view text, absl::string_view file_name) {
  if (text.size() > kMaxSpecBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(file_name, ": a train spec has at most ", kMaxSpecBytes, " bytes"));
  }
  TrainSpec spec;
  FirstError errors(file_name);
  TextFormat::ParseInfoTree tree;
  TextFormat::Parser parser;
  parser.RecordErrorsTo(&errors);
  parser.WriteLocationsTo(&tree);
  google::protobuf::io::ArrayInputStream input(text.data(), static_cast<int>(text.size()));
  if (!parser.Parse(&input, &spec)) return absl::InvalidArgumentError(errors.text());
  ST_RETURN_IF_ERROR(CheckSpec(Node(spec, file_name, &tree), spec));
  return spec;
}

}  // namespace sealtrain::trainer
