#include "sealtrain/base/bytes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sealtrain {
namespace {

using ::testing::ElementsAre;

TEST(BigEndian, WritesMostSignificantByteFirst) {
  Bytes out;
  AppendBigEndian(0x0102030405060708, 8, out);
  AppendBigEndian(0xABCD, 2, out);
  EXPECT_THAT(out, ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 0xAB, 0xCD));
}

TEST(BigEndian, ReadsBackWhatItWrote) {
  for (std::size_t width = 1; width <= 8; ++width) {
    const std::uint64_t value = 0xF1F2F3F4F5F6F7F8 >> (8 * (8 - width));
    Bytes out;
    AppendBigEndian(value, width, out);
    EXPECT_EQ(GetBigEndian(out), value) << width;
  }
}

TEST(BigEndian, KeepsOnlyTheLowBytesOfTheValue) {
  Bytes out;
  AppendBigEndian(0x1234, 1, out);
  EXPECT_THAT(out, ElementsAre(0x34));
}

TEST(HexEncode, IsLowerCaseAndKeepsLeadingZeros) {
  const Bytes bytes = {0x00, 0x0f, 0xff};
  EXPECT_EQ(HexEncode(bytes), "000fff");
  EXPECT_EQ(HexEncode({}), "");
}

}  // namespace
}  // namespace sealtrain
