#include "sealtrain/base/text_table.h"

#include <gtest/gtest.h>

namespace sealtrain {
namespace {

TEST(TextTable, AlignsByCodePoints) {
  EXPECT_EQ(Table({{"NAME", "N"}, {"\u00E4\u00F6", "1"}, {"abcde", "23"}}, {1}),
            "NAME    N\n\u00E4\u00F6      1\nabcde  23\n");
}

TEST(TextTable, LeavesNoSpacesAtTheEnd) { EXPECT_EQ(Table({{"a", ""}, {"bcd", ""}}), "a\nbcd\n"); }

}  // namespace
}  // namespace sealtrain
