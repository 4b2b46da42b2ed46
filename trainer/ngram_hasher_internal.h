// Hashed n-grams of text: docs/training.md, "Hashed text".
//
// Intermediate text and counts lie in secret memory. Not thread-safe.
#ifndef SEALTRAIN_TRAINER_NGRAM_HASHER_INTERNAL_H_
#define SEALTRAIN_TRAINER_NGRAM_HASHER_INTERNAL_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "sealtrain/trainer/secret_vector.h"
#include "sealtrain/trainer/sparse_rows.h"
#include "sealtrain/trainer/train_spec.pb.h"

namespace sealtrain::trainer {

class NgramHasher {
 public:
  // Requires a checked feature.
  explicit NgramHasher(const HashedText& feature);

  // A row's texts, one AddText() for each value, then Finish(), which appends
  // the row's buckets at `offset` and is ready for the next row.
  // `column` is the place of the text's column in the feature.
  absl::Status AddText(std::size_t column, absl::string_view text);
  absl::Status Finish(std::uint32_t offset, SparseRows& rows);

  bool locked() const { return words_.locked() && starts_.locked() && buckets_.locked(); }

 private:
  using Key = std::array<std::uint8_t, 16>;

  absl::Status AddWords(const Key& key, absl::string_view text);
  absl::Status AddCharacters(const Key& key, absl::string_view text);
  absl::Status AddNgram(const Key& key, ByteSpan ngram);

  std::uint32_t buckets_in_all_;
  Tokens tokens_;
  std::uint32_t max_ngram_;
  std::uint32_t max_bytes_;
  std::vector<Key> keys_;  // public: one for each column

  std::uint32_t bytes_left_;
  SecretVector<std::uint8_t> words_;     // the text's words, one space between two
  SecretVector<std::uint32_t> starts_;   // where each of them starts, and one more
  SecretVector<std::uint32_t> buckets_;  // of the row's n-grams so far
};

}  // namespace sealtrain::trainer

#endif  // SEALTRAIN_TRAINER_NGRAM_HASHER_INTERNAL_H_
