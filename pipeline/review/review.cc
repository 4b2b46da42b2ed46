#include "sealtrain/pipeline/review/review.h"

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/unknown_field_set.h"
#include "google/protobuf/util/message_differencer.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/pipeline/review/record_type.h"
#include "sealtrain/pipeline/review/small_groups.h"
#include "sealtrain/pipeline/review/text_scan.h"
#include "sealtrain/pipeline/review/treatment.h"
#include "sealtrain/pipeline/seal/column_spec.h"
#include "sealtrain/pipeline/source/record_limits.h"
#include "simdjson.h"

namespace sealtrain::pipeline {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::util::MessageDifferencer;
using policy::TextScan;

struct ReviewColumn {
  const policy::Column* column;
  const policy::ColumnPlan* plan;
  Treatment treatment;
  bool is_subject_key;
  ColumnCounts done{};  // of the rows that passed
  ColumnCounts row{};   // of the row at hand
  // Null: its texts are not searched.
  std::shared_ptr<const TextScanner> scanner = nullptr;
  std::map<TextScan::Kind, std::uint64_t> found{};
};

std::uint64_t NowUnixNs() { return static_cast<std::uint64_t>(absl::GetCurrentTimeNanos()); }

// One value of a field: of a repeated one the value at `index`.
struct Value {
  const Message* message;
  const Reflection* reflection;
  const FieldDescriptor* field;
  int index;

  template <typename T>
  T Get(T (Reflection::*single)(const Message&, const FieldDescriptor*) const,
        T (Reflection::*repeated)(const Message&, const FieldDescriptor*, int) const) const {
    return field->is_repeated() ? (reflection->*repeated)(*message, field, index)
                                : (reflection->*single)(*message, field);
  }
};

class ReviewImpl final : public Review {
 public:
  ReviewImpl(custody::Permit<policy::INGEST> permit, const policy::Decision& sealing)
      : permit_(std::move(permit)),
        sealing_(sealing),
        types_(permit_.grant().schema),
        started_unix_ns_(NowUnixNs()) {}

  absl::Status PlanColumns(custody::Custody& custody) {
    const custody::Grant& grant = permit_.grant();
    const std::vector<policy::Column>& columns = grant.schema->columns();
    if (sealing_.columns.size() != columns.size() ||
        grant.decision.columns.size() != columns.size()) {
      return absl::InternalError("the permits do not cover the columns of the schema");
    }
    std::map<std::string, std::shared_ptr<const crypto::MacKey>> pseudonym_keys;
    Scanners scanners;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const policy::Transform& transform = sealing_.columns[i].transform;
      const policy::Transform& ingesting = grant.decision.columns[i].transform;
      if (ingesting.kind() != policy::KEEP && !MessageDifferencer::Equals(ingesting, transform)) {
        return absl::UnimplementedError(
            absl::StrCat("column ", columns[i].name,
                         ": the rules for INGEST and for SEAL ask for different transforms"));
      }
      std::shared_ptr<const crypto::MacKey> pseudonym_key;
      if (transform.kind() == policy::PSEUDONYMIZE) {
        auto& shared = pseudonym_keys[transform.domain()];
        if (shared == nullptr) {
          ST_ASSIGN_OR_RETURN(crypto::MacKey key,
                              custody.ReleasePseudonymKey(permit_, transform.domain()));
          shared = std::make_shared<const crypto::MacKey>(std::move(key));
        }
        pseudonym_key = shared;
      }
      ST_ASSIGN_OR_RETURN(Treatment treatment,
                          Treatment::Create(columns[i], transform, std::move(pseudonym_key)));
      if (!treatment.drops()) stored_.push_back(SpecOf(columns[i]));
      columns_.push_back({.column = &columns[i],
                          .plan = &sealing_.columns[i],
                          .treatment = std::move(treatment),
                          .is_subject_key = columns[i].HasClass(SUBJECT_KEY)});
      ST_RETURN_IF_ERROR(PlanScan(columns_.back(), scanners));
    }
    return PlanGroups();
  }

  const std::vector<ColumnSpec>& stored_columns() const override { return stored_; }

  absl::Status Append(const Message& record, absl::Span<ColumnBuilder> builders) override {
    if (finished_) return absl::FailedPreconditionError("the review has ended");
    ++records_in_;
    const absl::StatusOr<const RecordType*> type = types_.Of(record);
    if (!type.ok()) {
      ++suppressed_[SuppressedRecords::UNREADABLE];
      return type.status();
    }
    absl::Status status = AppendRow(record, **type, builders);
    if (!status.ok() || leave_out_) {
      for (ColumnBuilder& builder : builders) builder.TruncateTo(builder_rows_);
      if (status.ok()) LeaveOut(SuppressedRecords::TEXT_FINDING, 1);
      return status;
    }
    counts_.clear();
    for (const ReviewColumn& column : columns_) counts_.push_back(column.row);
    if (groups_ != nullptr) {
      ST_ASSIGN_OR_RETURN(const bool passes, groups_->Pass(builders, counts_));
      if (!passes) return absl::OkStatus();
    }
    CountRow(counts_);
    return absl::OkStatus();
  }

  absl::StatusOr<bool> AppendReleased(absl::Span<ColumnBuilder> builders) override {
    if (groups_ == nullptr) return false;
    ST_ASSIGN_OR_RETURN(const auto counts, groups_->Release(builders));
    if (!counts.has_value()) return false;
    CountRow(*counts);
    return true;
  }

  absl::Status Finish() override {
    if (finished_) return absl::FailedPreconditionError("the review has ended");
    finished_ = true;
    if (groups_ == nullptr || groups_->waiting() == 0) return absl::OkStatus();
    const std::uint64_t small = groups_->waiting();
    const policy::KAnonymity& k_anonymity = *sealing_.k_anonymity;
    const double share = static_cast<double>(small) / static_cast<double>(records_in_);
    // Written so that a NaN refuses.
    if (!(share <= k_anonymity.max_suppressed())) {
      return absl::PermissionDeniedError(absl::StrFormat(
          "k-anonymity: of %d records, %d (%.3g %%) share their quasi-identifiers with fewer than "
          "%d subjects; the policy lets %g %% be left out for that",
          records_in_, small, 100 * share, k_anonymity.k(), 100 * k_anonymity.max_suppressed()));
    }
    LeaveOut(SuppressedRecords::SMALL_GROUP, small);
    return absl::OkStatus();
  }

  std::uint64_t left_out() const override { return left_out_; }

  void CountUnreadable() override {
    ++records_in_;
    ++suppressed_[SuppressedRecords::UNREADABLE];
  }

  ReviewReport Report() const override {
    const custody::Grant& grant = permit_.grant();
    ReviewReport report;
    report.set_format(1);
    report.set_dataset(grant.dataset);
    report.set_purpose(grant.purpose);
    report.set_permit_id(std::string(AsText(grant.permit_id)));
    report.set_policy_id(sealing_.policy_id);
    report.set_policy_version(sealing_.policy_version);
    report.set_policy_sha256(std::string(AsText(sealing_.policy_sha256)));
    report.set_schema_sha256(std::string(AsText(grant.schema->digest())));
    report.set_started_unix_ns(started_unix_ns_);
    report.set_finished_unix_ns(NowUnixNs());
    report.set_records_in(records_in_);
    report.set_rows(rows_);
    for (const auto& [reason, records] : suppressed_) {
      SuppressedRecords& suppressed = *report.add_suppressed();
      suppressed.set_reason(reason);
      suppressed.set_records(records);
    }
    for (const ReviewColumn& column : columns_) {
      ReviewedColumn& reviewed = *report.add_column();
      reviewed.set_id(column.column->id);
      reviewed.set_name(column.column->name);
      for (const DataClass c : column.column->classes) reviewed.add_data_class(c);
      *reviewed.mutable_applied() = column.plan->transform;
      for (const std::string& rule : column.plan->from_rules) reviewed.add_from_rule(rule);
      reviewed.set_values(column.done.values);
      reviewed.set_nulls(column.done.nulls);
      reviewed.set_changed(column.done.changed);
      if (column.scanner == nullptr) continue;
      for (const auto& [kind, then] : column.plan->scan) {
        TextFindings& finding = *reviewed.add_finding();
        finding.set_kind(kind);
        finding.set_then(then);
        const auto found = column.found.find(kind);
        finding.set_findings(found == column.found.end() ? 0 : found->second);
      }
    }
    if (sealing_.k_anonymity) *report.mutable_k_anonymity() = *sealing_.k_anonymity;
    return report;
  }

 private:
  // By kinds, ascending: a scanner is large.
  using Scanners = std::map<std::vector<TextScan::Kind>, std::shared_ptr<const TextScanner>>;
  static absl::Status PlanScan(ReviewColumn& column, Scanners& scanners) {
    std::vector<TextScan::Kind> kinds;
    for (const auto& [kind, then] : column.plan->scan) kinds.push_back(kind);
    // Numbers have no text to be searched.
    if (kinds.empty() || column.column->leaf().cpp_type() != FieldDescriptor::CPPTYPE_STRING) {
      return absl::OkStatus();
    }
    std::shared_ptr<const TextScanner>& scanner = scanners[kinds];
    if (scanner == nullptr) {
      ST_ASSIGN_OR_RETURN(scanner, TextScanner::Create(kinds));
    }
    column.scanner = scanner;
    return absl::OkStatus();
  }

  absl::Status PlanGroups() {
    if (!sealing_.k_anonymity) return absl::OkStatus();
    std::vector<std::size_t> quasi_identifiers;
    std::optional<std::size_t> subject_key;
    std::size_t stored = 0;
    for (const ReviewColumn& column : columns_) {
      if (column.treatment.drops()) continue;
      if (column.column->HasClass(QUASI_IDENTIFIER)) quasi_identifiers.push_back(stored);
      if (column.is_subject_key) subject_key = stored;
      ++stored;
    }
    if (!subject_key) {
      return absl::InternalError("the permit stores no subject key to count subjects by");
    }
    ST_ASSIGN_OR_RETURN(groups_, SmallGroups::Create(sealing_.k_anonymity->k(), stored_,
                                                     std::move(quasi_identifiers), *subject_key));
    return absl::OkStatus();
  }

  void LeaveOut(SuppressedRecords::Reason reason, std::uint64_t records) {
    suppressed_[reason] += records;
    left_out_ += records;
  }

  // A row that passed.
  void CountRow(absl::Span<const ColumnCounts> counts) {
    ++rows_;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      ColumnCounts& done = columns_[i].done;
      done.values += counts[i].values;
      done.nulls += counts[i].nulls;
      done.changed += counts[i].changed;
    }
  }

  // A bad record. The message never quotes a value.
  absl::Status Suppress(SuppressedRecords::Reason reason, absl::string_view field,
                        absl::string_view what) {
    ++suppressed_[reason];
    return absl::InvalidArgumentError(absl::StrCat(field, ": ", what));
  }

  absl::Status AppendRow(const Message& record, const RecordType& type,
                         absl::Span<ColumnBuilder> builders) {
    builder_rows_ = builders.empty() ? 0 : builders.front().rows();
    leave_out_ = false;
    ST_RETURN_IF_ERROR(CheckKnownFields(record, type));
    std::uint64_t bytes_before = 0;
    for (const ColumnBuilder& builder : builders) bytes_before += builder.bytes();
    std::size_t stored = 0;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      ReviewColumn& column = columns_[i];
      column.row = ColumnCounts();
      ColumnBuilder* const builder = column.treatment.drops() ? nullptr : &builders[stored++];
      ST_RETURN_IF_ERROR(AppendColumn(record, type.columns[i], column, builder));
    }
    std::uint64_t bytes = 0;
    for (const ColumnBuilder& builder : builders) bytes += builder.bytes();
    if (bytes - bytes_before > kMaxRecordBytes) {
      return Suppress(SuppressedRecords::TOO_LARGE, record.GetTypeName(),
                      absl::StrCat("takes more than ", kMaxRecordBytes, " bytes"));
    }
    return absl::OkStatus();
  }

  absl::Status CheckKnownFields(const Message& record, const RecordType& type) {
    const auto known = [](const Message& message) {
      return message.GetReflection()->GetUnknownFields(message).empty();
    };
    bool all_known = known(record);
    for (const RecordType::Path& path : type.nested) {
      if (!all_known) break;
      all_known = known(Descend(record, path, path.size()));
    }
    if (all_known) return absl::OkStatus();
    return Suppress(SuppressedRecords::UNKNOWN_FIELD, record.GetTypeName(),
                    "the record has a field that the schema lacks");
  }

  // The message that the first `depth` fields of `path` lead to.
  static const Message& Descend(const Message& record, const RecordType::Path& path,
                                std::size_t depth) {
    const Message* message = &record;
    for (std::size_t i = 0; i < depth; ++i) {
      message = &message->GetReflection()->GetMessage(*message, path[i]);
    }
    return *message;
  }

  // `builder` is null for a column that is dropped: it is checked all the same,
  // so that what makes a record bad does not depend on the policy.
  absl::Status AppendColumn(const Message& record, const RecordType::Path& path,
                            ReviewColumn& column, ColumnBuilder* builder) {
    const Message& message = Descend(record, path, path.size() - 1);
    Value value{.message = &message,
                .reflection = message.GetReflection(),
                .field = path.back(),
                .index = 0};
    if (value.field->is_repeated()) {
      const int size = value.reflection->FieldSize(message, value.field);
      for (; value.index < size; ++value.index) {
        ST_RETURN_IF_ERROR(AppendValue(value, column, builder));
      }
      column.row.values = static_cast<std::uint64_t>(size);
    } else if (value.field->has_presence() && !value.reflection->HasField(message, value.field)) {
      if (value.field->is_required()) {
        return Suppress(SuppressedRecords::MISSING_VALUE, column.column->name, "is required");
      }
      // A column that is not kept does not even show what was null.
      if (builder != nullptr && !column.treatment.redacts()) {
        column.row.nulls = 1;
        return builder->EndNullRow();
      }
    } else {
      ST_RETURN_IF_ERROR(AppendValue(value, column, builder));
      column.row.values = 1;
    }
    if (builder == nullptr || column.treatment.redacts()) {
      column.row.changed = column.row.values;
      if (builder == nullptr) return absl::OkStatus();
      if (!builder->spec().repeated) ST_RETURN_IF_ERROR(builder->AppendZero());
    }
    return builder->EndRow();
  }

  absl::Status AppendValue(const Value& value, ReviewColumn& column, ColumnBuilder* builder) {
    using R = Reflection;
    switch (value.field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_BOOL:
        return Store<std::uint8_t>(value.Get<bool>(&R::GetBool, &R::GetRepeatedBool), column,
                                   builder);
      case FieldDescriptor::CPPTYPE_INT32:
        return Store(value.Get<std::int32_t>(&R::GetInt32, &R::GetRepeatedInt32), column, builder);
      case FieldDescriptor::CPPTYPE_INT64:
        return Store(value.Get<std::int64_t>(&R::GetInt64, &R::GetRepeatedInt64), column, builder);
      case FieldDescriptor::CPPTYPE_UINT32:
        return Store(value.Get<std::uint32_t>(&R::GetUInt32, &R::GetRepeatedUInt32), column,
                     builder);
      case FieldDescriptor::CPPTYPE_UINT64:
        return Store(value.Get<std::uint64_t>(&R::GetUInt64, &R::GetRepeatedUInt64), column,
                     builder);
      case FieldDescriptor::CPPTYPE_FLOAT:
        return Store(value.Get<float>(&R::GetFloat, &R::GetRepeatedFloat), column, builder);
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return Store(value.Get<double>(&R::GetDouble, &R::GetRepeatedDouble), column, builder);
      case FieldDescriptor::CPPTYPE_ENUM: {
        const int number = value.Get<int>(&R::GetEnumValue, &R::GetRepeatedEnumValue);
        const EnumDescriptor& known = *column.column->leaf().enum_type();
        if (known.FindValueByNumber(number) == nullptr) {
          return Suppress(SuppressedRecords::UNKNOWN_ENUM_VALUE, column.column->name,
                          absl::StrCat("not a value of ", known.full_name()));
        }
        return Store<std::int32_t>(number, column, builder);
      }
      case FieldDescriptor::CPPTYPE_STRING:
        return AppendTextValue(value, column, builder);
      case FieldDescriptor::CPPTYPE_MESSAGE:
        break;
    }
    return absl::InternalError("a column cannot hold messages");
  }

  absl::Status AppendTextValue(const Value& value, ReviewColumn& column, ColumnBuilder* builder) {
    const std::string& text =
        value.field->is_repeated()
            ? value.reflection->GetRepeatedStringReference(*value.message, value.field, value.index,
                                                           &read_)
            : value.reflection->GetStringReference(*value.message, value.field, &read_);
    if (value.field->type() == FieldDescriptor::TYPE_STRING &&
        !simdjson::validate_utf8(text.data(), text.size())) {
      return Suppress(SuppressedRecords::INVALID_UTF8, column.column->name, "not valid UTF-8");
    }
    if (column.is_subject_key && text.empty()) {
      return Suppress(SuppressedRecords::EMPTY_SUBJECT_KEY, column.column->name,
                      "the subject key is empty");
    }
    if (builder == nullptr || column.treatment.redacts()) return absl::OkStatus();
    const absl::StatusOr<absl::string_view> treated = column.treatment.Text(text, made_);
    if (absl::IsInvalidArgument(treated.status())) {
      return Suppress(SuppressedRecords::NOT_AN_IP_ADDRESS, column.column->name,
                      treated.status().message());
    }
    ST_RETURN_IF_ERROR(treated.status());
    if (column.scanner != nullptr) return AppendSearched(*treated, column, *builder);
    if (*treated != absl::string_view(text)) ++column.row.changed;
    return builder->AppendText(*treated);
  }

  absl::Status AppendSearched(absl::string_view text, ReviewColumn& column,
                              ColumnBuilder& builder) {
    findings_.clear();
    column.scanner->Find(text, findings_);
    std::erase_if(findings_, [&](const TextFinding& finding) {
      ++column.found[finding.kind];
      const TextScan::Then then = column.plan->scan.at(finding.kind);
      leave_out_ |= then == TextScan::SUPPRESS;
      if (then == TextScan::REFUSE && !refused_) refused_ = finding.kind;
      return then != TextScan::SCRUB;
    });
    if (refused_) {
      return absl::PermissionDeniedError(absl::StrCat(column.column->name, ": holds ",
                                                      TextScan::Kind_Name(*refused_),
                                                      ", which the policy refuses to seal"));
    }
    if (findings_.empty()) return builder.AppendText(text);
    ++column.row.changed;
    ScrubText(text, findings_, made_);
    return builder.AppendText(made_);
  }

  template <typename T>
  static absl::Status Store(T number, ReviewColumn& column, ColumnBuilder* builder) {
    if (builder == nullptr || column.treatment.redacts()) return absl::OkStatus();
    const T treated = column.treatment.Number(number);
    // NaN differs from itself, but is not changed by any treatment.
    const std::equal_to<T> same;
    if (same(number, number) && !same(treated, number)) ++column.row.changed;
    return builder->AppendNumber(treated);
  }

  const custody::Permit<policy::INGEST> permit_;
  const policy::Decision sealing_;
  RecordTypes types_;
  const std::uint64_t started_unix_ns_;
  std::vector<ReviewColumn> columns_;  // of the schema
  std::vector<ColumnSpec> stored_;
  std::uint64_t records_in_ = 0;
  std::uint64_t rows_ = 0;
  std::map<SuppressedRecords::Reason, std::uint64_t> suppressed_;
  std::uint64_t builder_rows_ = 0;       // before the record at hand
  std::string read_;                     // scratch of reflection
  std::string made_;                     // scratch of treatments
  std::unique_ptr<SmallGroups> groups_;  // null: no k-anonymity is asked for
  bool finished_ = false;
  std::uint64_t left_out_ = 0;
  bool leave_out_ = false;  // the record at hand
  std::optional<TextScan::Kind> refused_;
  std::vector<TextFinding> findings_;  // scratch
  std::vector<ColumnCounts> counts_;   // scratch
};

}  // namespace

absl::StatusOr<std::unique_ptr<Review>> Review::Create(custody::Custody& custody,
                                                       custody::Permit<policy::INGEST> permit,
                                                       const policy::Decision& sealing) {
  auto review = std::make_unique<ReviewImpl>(std::move(permit), sealing);
  ST_RETURN_IF_ERROR(review->PlanColumns(custody));
  return review;
}

}  // namespace sealtrain::pipeline
