#include "sealtrain/trainer/secret_vector.h"

#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::trainer {
namespace {

using ::sealtrain::testing::StatusIs;

static_assert(!std::is_copy_constructible_v<SecretVector<double>>);
static_assert(!std::is_copy_assignable_v<SecretVector<double>>);

TEST(SecretVector, KeepsElementsWhenItGrows) {
  SecretVector<std::uint64_t> vector;
  for (std::uint64_t i = 0; i < 10000; ++i) ASSERT_OK(vector.Append(i * i));
  ASSERT_EQ(vector.size(), 10000u);
  for (std::uint64_t i = 0; i < 10000; ++i) ASSERT_EQ(vector[i], i * i);
}

TEST(SecretVector, AppendsAnElementOfItself) {
  SecretVector<std::uint64_t> vector;
  ASSERT_OK(vector.Append(42));
  for (int i = 0; i < 1000; ++i) ASSERT_OK(vector.Append(vector[0]));
  for (const std::uint64_t value : vector.span()) ASSERT_EQ(value, 42u);
}

TEST(SecretVector, StartsAsZeros) {
  ASSERT_OK_AND_ASSIGN(const auto vector, SecretVector<double>::WithSize(1000));
  for (const double value : vector.span()) ASSERT_EQ(value, 0.0);
}

TEST(SecretVector, IsEmptyAfterMove) {
  SecretVector<std::uint32_t> vector;
  ASSERT_OK(vector.Append(7));
  const SecretVector<std::uint32_t> moved = std::move(vector);
  EXPECT_EQ(moved.size(), 1u);
  EXPECT_EQ(vector.size(), 0u);  // NOLINT(bugprone-use-after-move): that is the point
}

TEST(SecretVector, RefusesASizeThatOverflows) {
  SecretVector<double> vector;
  EXPECT_THAT(vector.Reserve(std::numeric_limits<std::size_t>::max() / 8),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(vector.Append(1.0), ::sealtrain::testing::IsOk());
}

}  // namespace
}  // namespace sealtrain::trainer
