#include "sealtrain/trainer/random_stream_internal.h"

#include <bitset>
#include <cmath>
#include <set>
#include <utility>

#include "sealtrain/tests/trainer/test_random.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::trainer {
namespace {

using ::sealtrain::testing::SeededStream;
using ::sealtrain::testing::StatusIs;

TEST(RandomStream, IsChaCha20) {
  // The keystream of key 0, nonce 0 (the djb variant with 64-bit nonce), as in
  // draft-agl-tls-chacha20poly1305: 76 b8 e0 ad a0 f1 3d 90 ...
  RandomStream stream = SeededStream(0);
  EXPECT_EQ(stream.NextWord(), 0x903df1a0ade0b876u);
}

TEST(RandomStream, NeverRepeatsABlock) {
  RandomStream stream = SeededStream(1);
  std::set<std::uint64_t> words;
  for (int i = 0; i < 20000; ++i) words.insert(stream.NextWord());
  EXPECT_EQ(words.size(), 20000u);
}

TEST(RandomStream, DiffersEachTimeItComesFromTheSystem) {
  ASSERT_OK_AND_ASSIGN(RandomStream a, RandomStream::FromSystem());
  ASSERT_OK_AND_ASSIGN(RandomStream b, RandomStream::FromSystem());
  EXPECT_NE(a.NextWord(), b.NextWord());
}

TEST(RandomStream, HasBalancedBits) {
  RandomStream stream = SeededStream(2);
  constexpr int kWords = 20000;
  std::size_t ones = 0;
  for (int i = 0; i < kWords; ++i) ones += std::bitset<64>(stream.NextWord()).count();
  const double deviation = (static_cast<double>(ones) - 32.0 * kWords) / std::sqrt(16.0 * kWords);
  EXPECT_LT(std::abs(deviation), 4.5);
}

TEST(RandomStream, DrawsBelowABoundUniformly) {
  RandomStream stream = SeededStream(3);
  constexpr int kDraws = 60000;
  int counts[6] = {};
  for (int i = 0; i < kDraws; ++i) ++counts[stream.Below(6)];
  double chi_square = 0;
  for (const int count : counts) chi_square += std::pow(count - kDraws / 6.0, 2) / (kDraws / 6.0);
  EXPECT_LT(chi_square, 25.7);  // the 1 - 1e-4 quantile with 5 degrees of freedom
}

TEST(RandomStream, DrawsBelowABoundThatHardlyFits) {
  RandomStream stream = SeededStream(4);
  constexpr std::uint64_t kBound = (std::uint64_t{1} << 63) + 1;
  for (int i = 0; i < 1000; ++i) ASSERT_LT(stream.Below(kBound), kBound);
  EXPECT_EQ(stream.Below(1), 0u);
}

TEST(RandomStream, RefusesAKeyOfAWrongSize) {
  ASSERT_OK_AND_ASSIGN(crypto::SecretBytes key, crypto::SecretBytes::Allocate(31));
  EXPECT_THAT(RandomStream::FromKey(std::move(key)), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace sealtrain::trainer
