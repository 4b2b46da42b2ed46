// k-anonymity of what one job seals: rows wait until enough subjects share their
// quasi-identifiers. docs/formats/review.md, section 4.
#ifndef SEALTRAIN_PIPELINE_REVIEW_SMALL_GROUPS_H_
#define SEALTRAIN_PIPELINE_REVIEW_SMALL_GROUPS_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "sealtrain/crypto/key.h"
#include "sealtrain/pipeline/seal/column_builder.h"

namespace sealtrain::pipeline {

// What was counted of one column, in one row or in many.
struct ColumnCounts {
  std::uint64_t values = 0;
  std::uint64_t nulls = 0;
  std::uint64_t changed = 0;
};

// Of waiting rows and of what is remembered of groups; one more record may pass over it.
// Rows that were released may take a third of it beside, before they are forgotten.
inline constexpr std::uint64_t kMaxWaitingBytes = std::uint64_t{256} << 20;

// Invariants: 1. a group is either small, with fewer than k subjects, or complete;
// 2. rows of small groups wait, rows of complete ones never do, but for those that
// are about to be released; 3. rows wait as they are sealed, in secret memory.
// Not thread-safe.
class SmallGroups {
 public:
  // `quasi_identifiers`, `subject_key`: places in `columns`, which are those of the
  // builders. Unavailable: no randomness, no memory.
  static absl::StatusOr<std::unique_ptr<SmallGroups>> Create(
      std::uint64_t k, std::vector<ColumnSpec> columns, std::vector<std::size_t> quasi_identifiers,
      std::size_t subject_key, std::uint64_t max_waiting_bytes = kMaxWaitingBytes);

  // Judges the last row of `builders`. False: too few subjects share its
  // quasi-identifiers yet, and the row was taken out of `builders` and waits.
  // Unimplemented: more wait than may, and the job is over.
  absl::StatusOr<bool> Pass(absl::Span<ColumnBuilder> builders,
                            absl::Span<const ColumnCounts> counts);
  // Adds a row to `builders` that waited and need not any more, and returns its counts.
  // Nothing: there is none.
  absl::StatusOr<std::optional<std::vector<ColumnCounts>>> Release(
      absl::Span<ColumnBuilder> builders);

  // Rows that wait, those to be released not among them.
  std::uint64_t waiting() const { return waiting_; }
  // Of rows that wait, so that others could be forgotten: about three times what those
  // took, at most.
  std::uint64_t bytes_copied() const { return bytes_copied_; }

 private:
  // A keyed hash, so that what is remembered says nothing outside this job.
  using Tag = std::array<std::uint8_t, 16>;
  struct Group {
    absl::flat_hash_set<Tag> subjects;
    std::vector<std::uint32_t> rows;  // in rows_
  };

  SmallGroups(std::uint64_t k, std::vector<std::size_t> quasi_identifiers, std::size_t subject_key,
              std::uint64_t max_waiting_bytes, crypto::MacKey key)
      : k_(k),
        quasi_identifiers_(std::move(quasi_identifiers)),
        subject_key_(subject_key),
        max_waiting_bytes_(max_waiting_bytes),
        key_(std::move(key)) {}

  absl::StatusOr<Tag> TagOf(absl::Span<const ColumnBuilder> builders,
                            absl::Span<const std::size_t> columns);
  absl::Status Hold(absl::Span<ColumnBuilder> builders, absl::Span<const ColumnCounts> counts,
                    Group& group);
  std::uint64_t BytesOfRows() const;  // that wait or are gone
  std::uint64_t BytesGone() const;    // of those that were released
  std::uint64_t BytesHeld() const;    // of what waits and is remembered
  // Forgets the rows that were released.
  absl::Status Compact();

  const std::uint64_t k_;
  const std::vector<std::size_t> quasi_identifiers_;
  const std::size_t subject_key_;
  const std::uint64_t max_waiting_bytes_;
  const crypto::MacKey key_;  // of this job alone
  absl::flat_hash_map<Tag, Group> small_;
  absl::flat_hash_set<Tag> complete_;
  std::uint64_t subjects_ = 0;  // of all small groups together
  std::uint64_t waiting_ = 0;
  std::vector<ColumnBuilder> rows_;   // that wait, are to be released, or were
  std::vector<ColumnCounts> counts_;  // of each of them, `counts` of Pass() in a row
  std::size_t counts_a_row_ = 0;
  std::vector<std::uint32_t> released_;  // rows to be released
  std::uint64_t gone_rows_ = 0;          // that were
  std::uint64_t gone_bytes_ = 0;         // of them, without their counts
  std::uint64_t bytes_copied_ = 0;
  SecretBuffer tagged_;  // scratch
};

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_REVIEW_SMALL_GROUPS_H_
