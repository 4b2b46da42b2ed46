#include "sealtrain/audit/statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::audit {
namespace {

using ::sealtrain::testing::StatusIs;
using ::testing::ElementsAre;

TEST(ParseGroupKeys, TakesEveryNameAndNothingElse) {
  ASSERT_OK_AND_ASSIGN(
      const auto keys,
      ParseGroupKeys("principal,purpose,dataset,type,verdict,hour,day,model,reason"));
  ASSERT_EQ(keys.size(), GroupKeyNames().size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(GroupKeyName(keys[i]), GroupKeyNames()[i]);
  }
  for (const char* names : {"", ",", "principal,", "who", "day,day", " day"}) {
    EXPECT_THAT(ParseGroupKeys(names), StatusIs(kInvalid)) << names;
  }
}

TEST(Statistics, GroupsByEachKey) {
  Event event = RichEvent();
  event.set_wall_time_ns(1'795'397'281'000'000'000);  // 2026-11-23T01:28:01Z
  event.set_phase(DENIED);
  event.set_reason_code("forbidden");
  ASSERT_OK_AND_ASSIGN(
      const auto keys,
      ParseGroupKeys("principal,purpose,dataset,type,verdict,hour,day,model,reason"));
  Statistics statistics(keys);
  ASSERT_OK(statistics.Add(event));
  ASSERT_EQ(statistics.groups(), 1u);
  EXPECT_THAT(statistics.Largest(0)[0].values,
              ElementsAre("job:a", "safety/abuse", "mails", "train-access", "denied", "01",
                          "2026-11-23", "spam", "forbidden"));
}

TEST(Statistics, CountsByVerdictAndSortsByNumber) {
  Statistics statistics({GroupKey::kPrincipal});
  const auto add = [&](const char* principal, Phase phase) {
    Event event = RichEvent();
    event.mutable_actor()->set_principal(principal);
    event.set_phase(phase);
    ASSERT_OK(statistics.Add(event));
  };
  add("b", INTENT);
  add("c", INTENT);
  for (const Phase phase : {INTENT, DENIED, DENIED, SUCCEEDED, FAILED, ABANDONED}) add("a", phase);
  const auto all = statistics.Largest(0);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_THAT(all[0].values, ElementsAre("a"));
  EXPECT_EQ(all[0].entries, 6u);
  EXPECT_EQ(all[0].intents, 1u);
  EXPECT_EQ(all[0].denied, 2u);
  EXPECT_EQ(all[0].succeeded, 1u);
  EXPECT_EQ(all[0].failed, 2u);
  EXPECT_THAT(all[1].values, ElementsAre("b"));
  EXPECT_THAT(all[2].values, ElementsAre("c"));
  EXPECT_EQ(statistics.Largest(2).size(), 2u);
  EXPECT_EQ(statistics.Largest(9).size(), 3u);
}

TEST(Statistics, RefusesGroupsWithoutEnd) {
  Statistics statistics({GroupKey::kPrincipal});
  Event event = RichEvent();
  for (std::size_t n = 0; n < Statistics::kMaxGroups; ++n) {
    event.mutable_actor()->set_principal(absl::StrCat(n));
    ASSERT_OK(statistics.Add(event));
  }
  ASSERT_OK(statistics.Add(event));
  event.mutable_actor()->set_principal("one more");
  EXPECT_THAT(statistics.Add(event), StatusIs(absl::StatusCode::kOutOfRange));
}

}  // namespace
}  // namespace sealtrain::audit
