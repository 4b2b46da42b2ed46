#include <limits>

#include "sealtrain/crypto/key_derivation.h"
#include "sealtrain/tests/crypto/crypto_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::crypto {
namespace {

using testing::StatusIs;

constexpr char kPassphrase[] = "correct horse battery staple";

Argon2idParams CheapParams() {
  Argon2idParams params{.memory_bytes = 1 << 20, .passes = 2};
  for (std::size_t i = 0; i < params.salt.size(); ++i)
    params.salt[i] = static_cast<std::uint8_t>(i);
  return params;
}

bool IsSameKek(const Kek& a, const Kek& b) {
  const Bytes wrapped = KeyWrap::WrapBytes(a, {}, AsBytes("x")).value();
  return KeyWrap::UnwrapBytes(b, {}, wrapped).ok();
}

Kek Derive(const char* passphrase, const Argon2idParams& params) {
  return KekFromPassphrase(SecretOf(AsBytes(passphrase)), params).value();
}

// The answer is OpenSSL 3.2's, an implementation apart from libsodium's.
TEST(KekFromPassphrase, MatchesAnotherImplementation) {
  const Kek expected =
      Kek::FromBytes(
          SecretOf(FromHex("58782fc96f06a6d7fcec4728099f6a788ee98a04f4cd8fa0a27af6db8b7a46b8")))
          .value();
  EXPECT_TRUE(IsSameKek(Derive(kPassphrase, CheapParams()), expected));
}

TEST(KekFromPassphrase, DependsOnEveryInput) {
  const Kek kek = Derive(kPassphrase, CheapParams());
  EXPECT_FALSE(IsSameKek(kek, Derive("correct horse battery stapl", CheapParams())));
  Argon2idParams salted = CheapParams();
  salted.salt[0] ^= 1;
  EXPECT_FALSE(IsSameKek(kek, Derive(kPassphrase, salted)));
  Argon2idParams longer = CheapParams();
  longer.passes = 3;
  EXPECT_FALSE(IsSameKek(kek, Derive(kPassphrase, longer)));
  Argon2idParams larger = CheapParams();
  larger.memory_bytes *= 2;
  EXPECT_FALSE(IsSameKek(kek, Derive(kPassphrase, larger)));
}

TEST(KekFromPassphrase, RefusesAbsurdParametersBeforeRunning) {
  const SecretBytes passphrase = SecretOf(AsBytes(kPassphrase));
  const Argon2idParams absurd[] = {
      {.memory_bytes = (std::uint64_t{1} << 30) + 1, .passes = 1},
      {.memory_bytes = std::uint64_t{4} << 30, .passes = 1},
      {.memory_bytes = std::numeric_limits<std::uint64_t>::max(), .passes = 1},
      {.memory_bytes = (8 << 10) - 1, .passes = 1},
      {.memory_bytes = 0, .passes = 1},
      {.memory_bytes = 1 << 20, .passes = 0},
      {.memory_bytes = 1 << 20, .passes = 11},
      {.memory_bytes = 8 << 10, .passes = std::numeric_limits<std::uint32_t>::max()},
  };
  // Were they run, some would not end.
  for (const Argon2idParams& params : absurd) {
    EXPECT_THAT(KekFromPassphrase(passphrase, params),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

TEST(KekFromPassphrase, TakesTheSmallestParameters) {
  EXPECT_OK(KekFromPassphrase(SecretOf(AsBytes("p")), {.memory_bytes = 8 << 10, .passes = 1}));
}

TEST(KekFromPassphrase, RefusesAnEmptyPassphrase) {
  EXPECT_THAT(KekFromPassphrase(SecretBytes(), CheapParams()),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace sealtrain::crypto
