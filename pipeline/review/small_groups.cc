#include "sealtrain/pipeline/review/small_groups.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/key_derivation.h"

namespace sealtrain::pipeline {
namespace {

// About what a small group, a subject in it and a complete group take, so that what
// is remembered is bounded too.
constexpr std::uint64_t kSmallGroupBytes = 160;
constexpr std::uint64_t kSubjectBytes = 32;
constexpr std::uint64_t kCompleteGroupBytes = 32;

// Below this many bytes that were released, copying the others is not worth it.
constexpr std::uint64_t kFewBytes = 1 << 20;

std::uint64_t BytesOf(absl::Span<const ColumnBuilder> builders) {
  std::uint64_t bytes = 0;
  for (const ColumnBuilder& builder : builders) bytes += builder.bytes();
  return bytes;
}

std::vector<ColumnBuilder> BuildersFor(absl::Span<const ColumnBuilder> like) {
  std::vector<ColumnBuilder> builders;
  builders.reserve(like.size());
  for (const ColumnBuilder& builder : like) builders.emplace_back(builder.spec());
  return builders;
}

absl::Status CopyRow(absl::Span<const ColumnBuilder> from, std::uint64_t row,
                     absl::Span<ColumnBuilder> to) {
  for (std::size_t i = 0; i < from.size(); ++i) ST_RETURN_IF_ERROR(to[i].AppendRow(from[i], row));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<SmallGroups>> SmallGroups::Create(
    std::uint64_t k, std::vector<ColumnSpec> columns, std::vector<std::size_t> quasi_identifiers,
    std::size_t subject_key, std::uint64_t max_waiting_bytes) {
  ST_ASSIGN_OR_RETURN(crypto::MacKey key, crypto::MacKey::Generate());
  std::unique_ptr<SmallGroups> groups(new SmallGroups(k, std::move(quasi_identifiers), subject_key,
                                                      max_waiting_bytes, std::move(key)));
  for (ColumnSpec& column : columns) groups->rows_.emplace_back(std::move(column));
  return groups;
}

absl::StatusOr<bool> SmallGroups::Pass(absl::Span<ColumnBuilder> builders,
                                       absl::Span<const ColumnCounts> counts) {
  ST_ASSIGN_OR_RETURN(const Tag tag, TagOf(builders, quasi_identifiers_));
  if (complete_.contains(tag)) return true;
  ST_ASSIGN_OR_RETURN(const Tag subject, TagOf(builders, absl::MakeConstSpan(&subject_key_, 1)));
  Group& group = small_[tag];
  if (group.subjects.insert(subject).second) ++subjects_;
  if (group.subjects.size() < k_) {
    ST_RETURN_IF_ERROR(Hold(builders, counts, group));
    if (BytesHeld() > max_waiting_bytes_) {
      return absl::UnimplementedError(absl::StrCat(
          "k-anonymity: more than ", max_waiting_bytes_ >> 20, " MiB of rows wait for ", k_,
          " subjects who share their quasi-identifiers; make these coarser, or bring records that "
          "share them in one job of fewer records"));
    }
    return false;
  }
  waiting_ -= group.rows.size();
  released_.insert(released_.end(), group.rows.begin(), group.rows.end());
  subjects_ -= group.subjects.size();
  small_.erase(tag);
  complete_.insert(tag);
  return true;
}

absl::StatusOr<std::optional<std::vector<ColumnCounts>>> SmallGroups::Release(
    absl::Span<ColumnBuilder> builders) {
  if (released_.empty()) {
    // About three bytes are copied at most for each that is forgotten.
    if (BytesGone() >= std::max(kFewBytes, BytesOfRows() / 4)) ST_RETURN_IF_ERROR(Compact());
    return std::nullopt;
  }
  const std::uint32_t row = released_.back();
  const std::uint64_t before = BytesOf(builders);
  ST_RETURN_IF_ERROR(CopyRow(rows_, row, builders));
  released_.pop_back();
  gone_bytes_ += BytesOf(builders) - before;
  ++gone_rows_;
  const auto counts = counts_.begin() + static_cast<std::ptrdiff_t>(row * counts_a_row_);
  return std::vector<ColumnCounts>(counts, counts + static_cast<std::ptrdiff_t>(counts_a_row_));
}

absl::StatusOr<SmallGroups::Tag> SmallGroups::TagOf(absl::Span<const ColumnBuilder> builders,
                                                    absl::Span<const std::size_t> columns) {
  tagged_.Clear();
  // So that no subject has the tag of a group.
  ST_RETURN_IF_ERROR(
      tagged_.AppendNumber(static_cast<std::uint64_t>(columns.data() == &subject_key_)));
  for (const std::size_t column : columns) {
    const ColumnBuilder& builder = builders[column];
    ST_RETURN_IF_ERROR(builder.EncodeRow(builder.rows() - 1, tagged_));
  }
  ST_ASSIGN_OR_RETURN(const Digest mac, crypto::Mac::Compute(key_, tagged_.span()));
  Tag tag;
  std::copy_n(mac.begin(), tag.size(), tag.begin());
  return tag;
}

absl::Status SmallGroups::Hold(absl::Span<ColumnBuilder> builders,
                               absl::Span<const ColumnCounts> counts, Group& group) {
  const std::uint64_t last = builders.front().rows() - 1;
  group.rows.push_back(static_cast<std::uint32_t>(rows_.front().rows()));
  ST_RETURN_IF_ERROR(CopyRow(builders, last, absl::MakeSpan(rows_)));
  for (ColumnBuilder& builder : builders) builder.TruncateTo(last);
  counts_a_row_ = counts.size();
  counts_.insert(counts_.end(), counts.begin(), counts.end());
  ++waiting_;
  return absl::OkStatus();
}

std::uint64_t SmallGroups::BytesOfRows() const {
  return BytesOf(rows_) + counts_.size() * sizeof(ColumnCounts);
}

std::uint64_t SmallGroups::BytesGone() const {
  // By a byte a column they may have taken less here than where they are now.
  return std::min(gone_bytes_, BytesOf(rows_)) + gone_rows_ * counts_a_row_ * sizeof(ColumnCounts);
}

std::uint64_t SmallGroups::BytesHeld() const {
  return BytesOfRows() - BytesGone() + small_.size() * kSmallGroupBytes +
         subjects_ * kSubjectBytes + complete_.size() * kCompleteGroupBytes;
}

absl::Status SmallGroups::Compact() {
  std::vector<ColumnBuilder> rows = BuildersFor(rows_);
  std::vector<ColumnCounts> counts;
  for (auto& [tag, group] : small_) {
    for (std::uint32_t& row : group.rows) {
      const auto counted = counts_.begin() + static_cast<std::ptrdiff_t>(row * counts_a_row_);
      counts.insert(counts.end(), counted, counted + static_cast<std::ptrdiff_t>(counts_a_row_));
      const std::uint32_t old = std::exchange(row, static_cast<std::uint32_t>(rows.front().rows()));
      ST_RETURN_IF_ERROR(CopyRow(rows_, old, absl::MakeSpan(rows)));
    }
  }
  rows_ = std::move(rows);
  counts_ = std::move(counts);
  gone_bytes_ = 0;
  gone_rows_ = 0;
  bytes_copied_ += BytesOfRows();
  return absl::OkStatus();
}

}  // namespace sealtrain::pipeline
