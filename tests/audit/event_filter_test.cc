#include "sealtrain/audit/event_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "absl/time/clock.h"
#include "sealtrain/audit/event_codec.h"
#include "sealtrain/audit/event_time.h"
#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::audit {
namespace {

using ::sealtrain::testing::StatusIs;

TEST(ParseTime, TakesRfc3339AndAges) {
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  EXPECT_EQ(*ParseTime("2026-11-23T01:28:01Z", now), absl::FromUnixSeconds(1'795'397'281));
  EXPECT_EQ(*ParseTime("2026-11-23T02:28:01.5+01:00", now),
            absl::FromUnixMillis(1'795'397'281'500));
  EXPECT_EQ(*ParseTime("2d", now), now - absl::Hours(48));
  EXPECT_EQ(*ParseTime("90s", now), now - absl::Seconds(90));
  EXPECT_EQ(*ParseTime("0m", now), now);
  EXPECT_EQ(*ParseTime("1w", now), now - absl::Hours(168));
}

TEST(ParseTime, RefusesEverythingElse) {
  for (const char* text :
       {"", "d", "-2d", "+2d", "2", "2 d", "1.5h", "2y", "2D", "yesterday", "2026-11-23",
        "11/23/2026", "2026-11-23T01:28:01", "2026-11-23 01:28:01", "2026-13-01T00:00:00Z",
        "1795397281", "infinite-future", "99999999999d"}) {
    EXPECT_THAT(ParseTime(text, absl::UnixEpoch()), StatusIs(absl::StatusCode::kInvalidArgument))
        << text;
  }
}

TEST(FormatTime, RoundTrips) {
  EXPECT_EQ(FormatSeconds(1'795'397'281'999'999'999), "2026-11-23T01:28:01Z");
  EXPECT_EQ(FormatNanos(1'795'397'281'000'000'001), "2026-11-23T01:28:01.000000001Z");
  EXPECT_EQ(FormatSeconds(~std::uint64_t{0}).substr(0, 4), "2262");
}

bool Matches(const FilterTerms& flags) {
  return EventFilter::Parse(flags, absl::Now())->Matches(RichEvent());
}

TEST(EventFilter, TakesEverythingWhenEmpty) { EXPECT_TRUE(Matches({})); }

TEST(EventFilter, ComparesEachField) {
  EXPECT_TRUE(Matches({.principals = {"job:a"}}));
  EXPECT_FALSE(Matches({.principals = {"job:"}}));
  EXPECT_TRUE(Matches({.purposes = {"safety"}}));
  EXPECT_TRUE(Matches({.purposes = {"safety/abuse"}}));
  EXPECT_FALSE(Matches({.purposes = {"safe"}}));
  EXPECT_FALSE(Matches({.purposes = {"safety/abuse/x"}}));
  EXPECT_TRUE(Matches({.datasets = {"mails"}}));
  EXPECT_TRUE(Matches({.datasets = {"mails@3"}}));
  EXPECT_FALSE(Matches({.datasets = {"mails@4"}}));
  EXPECT_TRUE(Matches({.columns = {"body"}}));
  EXPECT_TRUE(Matches({.columns = {"client_ip"}}));
  EXPECT_FALSE(Matches({.columns = {"subject"}}));
  EXPECT_TRUE(Matches({.models = {"spam"}}));
  EXPECT_FALSE(Matches({.models = {"ham"}}));
  EXPECT_TRUE(Matches({.verdicts = {"intent"}}));
  EXPECT_FALSE(Matches({.verdicts = {"denied"}}));
  EXPECT_TRUE(Matches({.types = {"train-access"}}));
  EXPECT_TRUE(Matches({.types = {"TRAIN_ACCESS"}}));
  EXPECT_FALSE(Matches({.types = {"log-started"}}));
}

TEST(EventFilter, BoundsTime) {
  EXPECT_TRUE(Matches({.since = "1970-01-01T00:16:40Z"}));
  EXPECT_FALSE(Matches({.since = "1970-01-01T00:16:41Z"}));
  EXPECT_FALSE(Matches({.until = "1970-01-01T00:16:40Z"}));
  EXPECT_TRUE(Matches({.until = "1970-01-01T00:16:41Z"}));
  EXPECT_FALSE(Matches({.since = "1d"}));
}

TEST(EventFilter, IsAndOfFlagsAndOrOfValues) {
  EXPECT_TRUE(Matches({.principals = {"job:b", "job:a"}, .verdicts = {"denied", "intent"}}));
  EXPECT_FALSE(Matches({.principals = {"job:b", "job:a"}, .verdicts = {"denied"}}));
}

TEST(EventFilter, RefusesWhatIsNone) {
  EXPECT_THAT(EventFilter::Parse({.verdicts = {"allowed"}}, absl::Now()),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(EventFilter::Parse({.verdicts = {"phase-unspecified"}}, absl::Now()),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(EventFilter::Parse({.types = {"nonsense"}}, absl::Now()),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(EventFilter::Parse({.since = "soon"}, absl::Now()),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(EventFilter, TellsHowItWasUnderstood) {
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  ASSERT_OK_AND_ASSIGN(const EventFilter filter,
                       EventFilter::Parse({.since = "2d",
                                           .until = "2027-01-15T09:00:00.5+01:00",
                                           .principals = {"job:a", "it's"},
                                           .purposes = {"safety"},
                                           .verdicts = {"DENIED"},
                                           .types = {"TRAIN_ACCESS"}},
                                          now));
  EXPECT_EQ(filter.ToOptions(),
            "--since 2027-01-13T08:00:00Z --until 2027-01-15T08:00:00.5Z --principal job:a "
            "--principal 'it'\\''s' --purpose safety --verdict denied --type train-access");
  EXPECT_EQ(filter.ToJson(),
            nlohmann::ordered_json::parse(
                R"({"since":"2027-01-13T08:00:00Z","until":"2027-01-15T08:00:00.5Z",
                    "principal":["job:a","it's"],"purpose":["safety"],"verdict":["denied"],
                    "type":["train-access"]})"));
  EXPECT_EQ(EventFilter().ToOptions(), "");
  EXPECT_EQ(EventFilter().ToJson().dump(), "{}");
}

TEST(EventFilter, MayMatchWhatItMatches) {
  const std::string bytes = RichEvent().SerializeAsString();
  for (const FilterTerms& terms : std::vector<FilterTerms>{
           {},
           {.principals = {"nobody", "job:a"}},
           {.purposes = {"safety"}, .verdicts = {"intent"}},
           {.datasets = {"mails@3"}},
           {.columns = {"client_ip"}, .models = {"spam"}},
       }) {
    const auto filter = EventFilter::Parse(terms, absl::Now());
    EXPECT_TRUE(filter->Matches(RichEvent()));
    EXPECT_TRUE(filter->MayMatch(bytes));
  }
  for (const FilterTerms& terms : std::vector<FilterTerms>{
           {.principals = {"job:b"}},
           {.principals = {"job:a"}, .purposes = {"finance"}},
           {.datasets = {"letters@3"}},
           {.columns = {"subject"}},
           {.models = {"ham"}},
           {.verdicts = {"denied"}},
           {.types = {"log-started"}},
           {.since = "1970-01-01T00:16:41Z"},
           {.until = "1970-01-01T00:16:40Z"},
       }) {
    EXPECT_FALSE(EventFilter::Parse(terms, absl::Now())->MayMatch(bytes));
  }
}

// Without decoding an event, its type, verdict and time are read as its parser reads them.
TEST(EventFilter, ReadsTheLastOfWhatStandsThereTwice) {
  const auto denied = EventFilter::Parse({.verdicts = {"denied"}}, absl::Now());
  const auto intent = EventFilter::Parse({.verdicts = {"intent"}}, absl::Now());
  const auto early = EventFilter::Parse({.until = "1970-01-01T00:00:01Z"}, absl::Now());
  Event last;
  last.set_phase(DENIED);
  last.set_wall_time_ns(1);
  const std::string bytes = RichEvent().SerializeAsString() + last.SerializeAsString();
  ASSERT_OK_AND_ASSIGN(const Event event, DecodeEvent(bytes));
  for (const auto* filter : {&denied, &intent, &early}) {
    EXPECT_EQ((*filter)->MayMatch(bytes), (*filter)->Matches(event));
  }
  EXPECT_TRUE((*denied).MayMatch(bytes));
}

// Whether they are an event is asked of the parser alone.
TEST(EventFilter, MayMatchWhatIsNoEvent) {
  const auto denied = EventFilter::Parse({.verdicts = {"denied"}}, absl::Now());
  const std::string bytes = RichEvent().SerializeAsString();
  EXPECT_FALSE(denied->MayMatch(bytes));
  EXPECT_TRUE(denied->MayMatch(bytes.substr(0, bytes.size() - 1)));
  EXPECT_TRUE(denied->MayMatch(bytes + '\0'));
  EXPECT_TRUE(denied->MayMatch(bytes + "\x0b"));  // a group that does not end
}

TEST(EventFilter, ShowsHostileNamesAsWordsForAShell) {
  ASSERT_OK_AND_ASSIGN(const EventFilter filter,
                       EventFilter::Parse({.principals = {"a\x1B\nb"}}, absl::Now()));
  EXPECT_EQ(filter.ToOptions(), "--principal $'\\x61\\x1b\\x0a\\x62'");
}

TEST(EventNames, GiveNumbersForWhatIsNotKnown) {
  EXPECT_EQ(TypeName(KEY_ROTATED), "key-rotated");
  EXPECT_EQ(TypeName(static_cast<EventType>(999)), "999");
  EXPECT_EQ(VerdictName(static_cast<Phase>(99)), "99");
}

}  // namespace
}  // namespace sealtrain::audit
