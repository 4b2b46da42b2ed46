#include <sodium.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <tuple>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/trainer/ngram_hasher_internal.h"

namespace sealtrain::trainer {
namespace {

constexpr absl::string_view kKeyLabel("sealtrain/ngram/1\0", 18);

bool IsWordByte(std::uint8_t byte) { return byte >= 0x80 || absl::ascii_isalnum(byte); }

}  // namespace

NgramHasher::NgramHasher(const HashedText& feature)
    : buckets_in_all_(feature.buckets()),
      tokens_(feature.tokens()),
      max_ngram_(feature.max_ngram()),
      max_bytes_(feature.max_bytes_a_row()),
      bytes_left_(feature.max_bytes_a_row()) {
  for (const std::string& column : feature.column()) {
    const Digest digest = crypto::Sha256(AsBytes(absl::StrCat(kKeyLabel, column)));
    Key key;
    std::copy_n(digest.begin(), key.size(), key.begin());
    keys_.push_back(key);
  }
}

absl::Status NgramHasher::AddText(std::size_t column, absl::string_view text) {
  text = text.substr(0, bytes_left_);
  bytes_left_ -= static_cast<std::uint32_t>(text.size());
  return tokens_ == WORDS ? AddWords(keys_[column], text) : AddCharacters(keys_[column], text);
}

absl::Status NgramHasher::AddWords(const Key& key, absl::string_view text) {
  words_.Clear();
  starts_.Clear();
  bool in_word = false;
  for (const char c : text) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (!IsWordByte(byte)) {
      in_word = false;
      continue;
    }
    if (!in_word) {
      if (!words_.empty()) ST_RETURN_IF_ERROR(words_.Append(' '));
      ST_RETURN_IF_ERROR(starts_.Append(static_cast<std::uint32_t>(words_.size())));
      in_word = true;
    }
    ST_RETURN_IF_ERROR(words_.Append(static_cast<std::uint8_t>(absl::ascii_tolower(byte))));
  }
  if (starts_.empty()) return absl::OkStatus();
  // As if one more word followed, so that every word ends a space before the next.
  ST_RETURN_IF_ERROR(starts_.Append(static_cast<std::uint32_t>(words_.size()) + 1));
  const std::size_t words = starts_.size() - 1;
  for (std::size_t first = 0; first < words; ++first) {
    const std::size_t end = std::min<std::size_t>(words, first + max_ngram_);
    for (std::size_t last = first; last < end; ++last) {
      const std::size_t bytes = starts_[last + 1] - 1 - starts_[first];
      ST_RETURN_IF_ERROR(AddNgram(key, words_.span().subspan(starts_[first], bytes)));
    }
  }
  return absl::OkStatus();
}

absl::Status NgramHasher::AddCharacters(const Key& key, absl::string_view text) {
  const ByteSpan bytes = AsBytes(text);
  for (std::size_t first = 0; first < bytes.size(); ++first) {
    const std::size_t longest = std::min<std::size_t>(max_ngram_, bytes.size() - first);
    for (std::size_t n = 1; n <= longest; ++n) {
      ST_RETURN_IF_ERROR(AddNgram(key, bytes.subspan(first, n)));
    }
  }
  return absl::OkStatus();
}

absl::Status NgramHasher::AddNgram(const Key& key, ByteSpan ngram) {
  static_assert(crypto_shorthash_KEYBYTES == std::tuple_size_v<Key>);
  std::uint8_t hash[crypto_shorthash_BYTES];
  crypto_shorthash(hash, ngram.data(), ngram.size(), key.data());
  std::uint64_t word;  // SipHash's 64 bits are little-endian, as we are
  static_assert(sizeof(word) == sizeof(hash));
  std::memcpy(&word, hash, sizeof(word));
  return buckets_.Append(static_cast<std::uint32_t>(word % buckets_in_all_));
}

absl::Status NgramHasher::Finish(std::uint32_t offset, SparseRows& rows) {
  const absl::Span<std::uint32_t> buckets = buckets_.mutable_span();
  std::sort(buckets.begin(), buckets.end());
  const std::size_t first_entry = rows.open_row().size();
  double norm_squared = 0;
  for (auto run = buckets.begin(); run != buckets.end();) {
    const auto end = std::upper_bound(run, buckets.end(), *run);
    const double value = 1 + std::log(static_cast<double>(end - run));
    norm_squared += value * value;
    ST_RETURN_IF_ERROR(rows.Append(offset + *run, static_cast<float>(value)));
    run = end;
  }
  for (Entry& entry : rows.open_row().subspan(first_entry)) {
    entry.value = static_cast<float>(entry.value / std::sqrt(norm_squared));
  }
  buckets_.Clear();
  bytes_left_ = max_bytes_;
  return absl::OkStatus();
}

}  // namespace sealtrain::trainer
