#include "sealtrain/base/number_text.h"

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <limits>
#include <random>

#include "gtest/gtest.h"

namespace sealtrain {
namespace {

TEST(NumberText, IsShort) {
  EXPECT_EQ(NumberText(3), "3");
  EXPECT_EQ(NumberText(-0.1), "-0.1");
  EXPECT_EQ(NumberText(86400), "86400");
  EXPECT_EQ(NumberText(1e-6), "1e-06");
  EXPECT_EQ(NumberText(3.0000001), "3.0000001");
  EXPECT_EQ(NumberText(std::numeric_limits<double>::infinity()), "inf");
  EXPECT_EQ(NumberText(-std::numeric_limits<double>::min()), "-2.2250738585072014e-308");
}

TEST(NumberText, ReadsBackAsTheSameNumber) {
  const std::uint64_t seed = std::random_device{}();
  std::cout << "seed " << seed << std::endl;
  std::mt19937_64 random(seed);
  for (int i = 0; i < 100000; ++i) {
    const std::uint64_t bits = random();
    double number;
    std::memcpy(&number, &bits, sizeof(number));
    if (!std::isfinite(number)) continue;
    ASSERT_EQ(std::strtod(NumberText(number).c_str(), nullptr), number);
  }
}

}  // namespace
}  // namespace sealtrain
