#include "sealtrain/audit/access_review.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sealtrain/audit/access_review_view.h"
#include "sealtrain/audit/html.h"
#include "sealtrain/audit/text_encoding.h"
#include "sealtrain/audit/tree_writer.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/tests/util/temp_dir.h"

namespace sealtrain::audit {
namespace {

using ::sealtrain::testing::StatusIs;
using ::sealtrain::testing::TempDir;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// The period begins with 10 November 2026 and ends before the 20th.
const absl::Time kSince = absl::FromCivil(absl::CivilDay(2026, 11, 10), absl::UTCTimeZone());
const absl::Time kUntil = absl::FromCivil(absl::CivilDay(2026, 11, 20), absl::UTCTimeZone());

absl::Time At(int day, int hour) {
  return absl::FromCivil(absl::CivilHour(2026, 11, day, hour), absl::UTCTimeZone());
}

class AccessReviewTest : public ::testing::Test {
 protected:
  Event Request(absl::Time time, const std::string& principal, Phase phase = INTENT) {
    Event event = RichEvent();
    event.set_uid(absl::StrCat("review", absl::Dec(entries_.size(), absl::kZeroPad10)));
    event.set_wall_time_ns(static_cast<std::uint64_t>(absl::ToUnixNanos(time)));
    event.set_phase(phase);
    event.set_action("TRAIN");
    event.mutable_actor()->set_principal(principal);
    event.mutable_actor()->set_trust("LOCKED");
    event.mutable_actor()->set_executable_sha256(std::string(32, 'e'));
    return event;
  }
  Event Outcome(absl::Time time, const Event& request, Phase phase) {
    Event event = Request(time, request.actor().principal(), phase);
    event.set_type(phase == SUCCEEDED ? MODEL_SEALED : TRAIN_ACCESS);
    event.set_request_uid(request.uid());
    return event;
  }
  Event Add(Event event) {
    entries_.push_back(event);
    return event;
  }

  AccessReview Review(absl::Time since = kSince, absl::Time until = kUntil) {
    std::filesystem::remove_all(log_dir_);
    auto tree = TreeWriter::Load(env, log_dir_,
                                 {.origin = kTestOrigin, .size = 0, .root = crypto::Sha256({})});
    for (const Event& event : entries_) tree->Add(event.SerializeAsString());
    const auto note = SignCheckpoint(
        {.origin = kTestOrigin, .size = tree->size(), .root = tree->Root()}, TestKey());
    EXPECT_OK(PublishedFiles(env, log_dir_).Publish(tree->Take(*note)));
    WriteText(log_dir_ + "/log.vkey", FormatVkey(TestVerifier()) + "\n");
    log_ = *LogReader::Open(env, log_dir_);
    auto review = ReviewAccess(*log_, since, until, /*key_trusted=*/false, {});
    EXPECT_OK(review.status());
    return *review;
  }

  TempDir dir_;
  const std::string log_dir_ = dir_.Join("audit");
  std::vector<Event> entries_;
  std::unique_ptr<LogReader> log_;
};

TEST_F(AccessReviewTest, TellsWhoOpenedWhatAndHowItEnded) {
  Add(Outcome(At(9, 11), Add(Request(At(9, 10), "job:a")), SUCCEEDED));  // before
  const Event first = Add(Request(At(10, 0), "job:a"));
  Add(Outcome(At(10, 1), first, SUCCEEDED));
  const Event second = Add(Request(At(11, 0), "job:a"));
  Add(Outcome(At(11, 1), second, FAILED));
  Event denied = Request(At(12, 0), "job:b", DENIED);
  denied.set_reason_code("forbidden");
  Add(denied);
  Add(Request(At(13, 0), "job:a"));  // no outcome
  Add(Request(At(20, 0), "job:a"));  // after
  const AccessReview review = Review();
  EXPECT_EQ(review.entries, 6u);
  EXPECT_EQ(review.granted, 3u);
  EXPECT_EQ(review.denied, 1u);
  EXPECT_EQ(review.failed, 1u);
  ASSERT_THAT(review.accesses, SizeIs(2));
  const AccessReview::Access& access = review.accesses[0];
  EXPECT_EQ(access.principal, "job:a");
  EXPECT_EQ(access.action, "TRAIN");
  EXPECT_EQ(access.dataset, "mails");
  EXPECT_EQ(access.purpose, "safety/abuse");
  EXPECT_THAT(access.columns, ElementsAre("body"));
  EXPECT_EQ(access.granted, 3u);
  EXPECT_EQ(access.succeeded, 1u);
  EXPECT_EQ(access.failed, 1u);
  EXPECT_EQ(access.last, At(13, 0));
  EXPECT_EQ(review.accesses[1].denied, 1u);
  EXPECT_THAT(review.accesses[1].columns, IsEmpty());
  ASSERT_THAT(review.denials, SizeIs(1));
  EXPECT_EQ(review.denials[0].reason, "forbidden");
  EXPECT_THAT(review.denials[0].principals, ElementsAre("job:b"));
  EXPECT_EQ(review.denials[0].last_index, 6u);
  ASSERT_THAT(review.first_seen, SizeIs(1));
  EXPECT_EQ(review.first_seen[0].principal, "job:b");
  ASSERT_THAT(review.dangling, SizeIs(1));
  EXPECT_EQ(review.dangling[0].index, 7u);
  EXPECT_THAT(review.days, SizeIs(4));
  EXPECT_EQ(review.hours[0], 4u);
}

// One job, decided twice, that ends once.
TEST_F(AccessReviewTest, CountsHowAnIngestionEndedForBothOfItsDecisions) {
  Event ingest = Request(At(10, 0), "job:a");
  ingest.set_type(SEAL_ACCESS);
  ingest.set_action("INGEST");
  Add(ingest);
  Event seal = Request(At(10, 0), "job:a");
  seal.set_type(SEAL_ACCESS);
  seal.set_action("SEAL");
  seal.set_request_uid(ingest.uid());
  Add(seal);
  Event end = Outcome(At(10, 1), ingest, FAILED);
  end.set_type(SEAL_ACCESS);
  end.set_action("SEAL");
  Add(end);
  const AccessReview review = Review();
  EXPECT_EQ(review.failed, 1u);
  ASSERT_THAT(review.accesses, SizeIs(2));
  for (const AccessReview::Access& access : review.accesses) {
    EXPECT_EQ(access.granted, 1u) << access.action;
    EXPECT_EQ(access.failed, 1u) << access.action;
  }
}

TEST_F(AccessReviewTest, ClosesIntentsByOutcomesAfterThePeriod) {
  Add(Outcome(At(25, 0), Add(Request(At(19, 23), "job:a")), SUCCEEDED));
  EXPECT_THAT(Review().dangling, IsEmpty());
}

TEST_F(AccessReviewTest, ListsSoManyAndCountsTheRest) {
  const std::size_t many = AccessReview::kMaxListed + 3;
  for (std::size_t n = 0; n < many; ++n) {
    Event intent = Request(At(12, 0), absl::StrCat("job:", n));
    intent.set_request_uid(intent.uid());
    Add(intent);
  }
  Event rotated = Request(At(12, 0), "admin", SUCCEEDED);
  rotated.set_type(KEY_ROTATED);
  for (std::size_t n = 0; n < many + 1; ++n) Add(rotated);
  const AccessReview review = Review();
  EXPECT_EQ(review.granted, many);
  ASSERT_THAT(review.dangling, SizeIs(AccessReview::kMaxListed));
  EXPECT_EQ(review.dangling.back().index, AccessReview::kMaxListed - 1);
  EXPECT_EQ(review.LeftOut("dangling"), 3u);
  EXPECT_THAT(review.first_seen, SizeIs(AccessReview::kMaxListed));
  EXPECT_EQ(review.LeftOut("first_seen"), 4u);
  EXPECT_THAT(review.keys, SizeIs(AccessReview::kMaxListed));
  EXPECT_EQ(review.LeftOut("keys"), 4u);
  EXPECT_EQ(review.LeftOut("policies"), 0u);
  const std::string text = ReviewToText(review);
  EXPECT_THAT(text, HasSubstr("1003 without an outcome"));
  EXPECT_THAT(text, HasSubstr("3 more are left out: choose a shorter period. Begun before"));
  EXPECT_THAT(text, HasSubstr("How it ended, in 1003 intents"));
  EXPECT_EQ(ReviewToJson(review)["left_out"]["keys"], 4);
}

TEST_F(AccessReviewTest, TellsTheLastOfMoreBudgetPointsThanItLists) {
  const std::size_t many = AccessReview::kMaxBudgetPoints + 5;
  Event run = Request(At(12, 0), "job:a", SUCCEEDED);
  for (std::size_t n = 0; n < many; ++n) {
    run.mutable_privacy()->set_ledger_epsilon(static_cast<double>(n));
    Add(run);
  }
  const AccessReview review = Review();
  ASSERT_THAT(review.budgets, SizeIs(1));
  EXPECT_THAT(review.budgets[0].points, SizeIs(AccessReview::kMaxBudgetPoints));
  EXPECT_EQ(review.budgets[0].points.back().ledger_epsilon, static_cast<double>(many - 1));
  EXPECT_EQ(review.LeftOut("budgets"), 5u);
}

TEST_F(AccessReviewTest, FindsUnusualHours) {
  for (std::uint64_t n = 0; n < kMinRequestsBefore; ++n) {
    Add(Request(At(1, 9), "job:old"));
    if (n > 0) Add(Request(At(1, 9), "job:new"));  // one too few to be judged
  }
  for (const char* principal : {"job:old", "job:new"}) {
    for (const int hour : {8, 9, 10, 11, 11, 23}) Add(Request(At(12, hour), principal));
  }
  const AccessReview review = Review();
  ASSERT_THAT(review.unusual_hours, SizeIs(2));
  EXPECT_EQ(review.unusual_hours[0].principal, "job:old");
  EXPECT_EQ(review.unusual_hours[0].hour, 11);
  EXPECT_EQ(review.unusual_hours[0].requests, 2u);
  EXPECT_EQ(review.unusual_hours[0].before, kMinRequestsBefore);
  EXPECT_EQ(entries_[review.unusual_hours[0].first_index].wall_time_ns(),
            static_cast<std::uint64_t>(absl::ToUnixNanos(At(12, 11))));
  EXPECT_EQ(review.unusual_hours[1].hour, 23);
}

TEST_F(AccessReviewTest, WrapsHoursAroundMidnight) {
  for (std::uint64_t n = 0; n < kMinRequestsBefore; ++n) Add(Request(At(1, 23), "job:a"));
  for (const int hour : {0, 1, 22}) Add(Request(At(12, hour), "job:a"));
  const AccessReview review = Review();
  ASSERT_THAT(review.unusual_hours, SizeIs(1));
  EXPECT_EQ(review.unusual_hours[0].hour, 1);
}

TEST_F(AccessReviewTest, FindsUnusualVolumes) {
  // Means of 4 and of 2; the second principal is judged on the same day.
  for (int day = 1; day <= 3; ++day) {
    for (int n = 0; n < 4; ++n) Add(Request(At(day, 9), "job:four"));
    for (int n = 0; n < 2; ++n) Add(Request(At(day, 9), "job:two"));
    if (day > 1) Add(Request(At(day, 9), "job:new"));  // of two days: not judged
  }
  for (int n = 0; n < 12; ++n) {
    for (const char* principal : {"job:four", "job:two", "job:new"}) {
      Add(Request(At(12, 9), principal));
    }
  }
  for (int n = 0; n < 9; ++n) Add(Request(At(13, 9), "job:two"));  // too few
  const AccessReview review = Review();
  ASSERT_THAT(review.unusual_volumes, SizeIs(1));
  EXPECT_EQ(review.unusual_volumes[0].principal, "job:two");
  EXPECT_EQ(ReviewDay(review.unusual_volumes[0].day), "2026-11-12");
  EXPECT_EQ(review.unusual_volumes[0].requests, 12u);
  EXPECT_EQ(review.unusual_volumes[0].usual, 2);
}

TEST_F(AccessReviewTest, FollowsBudgets) {
  const auto spend = [&](absl::Time time, double epsilon, double ledger) {
    Event event = Request(time, "job:a");
    event.mutable_privacy()->set_epsilon(epsilon);
    event.mutable_privacy()->set_ledger_epsilon(ledger);
    event.mutable_privacy()->set_unit("SUBJECT");
    Add(event);
  };
  spend(At(5, 0), 1, 1);
  spend(At(12, 0), 1.5, 2.25);
  spend(At(15, 0), 1, 3);
  spend(At(25, 0), 1, 4);
  const AccessReview review = Review();
  ASSERT_THAT(review.budgets, SizeIs(1));
  EXPECT_EQ(review.budgets[0].before, 1);
  ASSERT_THAT(review.budgets[0].points, SizeIs(2));
  EXPECT_EQ(review.budgets[0].points[1].ledger_epsilon, 3);
  EXPECT_THAT(Review(At(13, 0), At(14, 0)).budgets, IsEmpty());
  EXPECT_THAT(ReviewToHtml(review), AllOf(HasSubstr("Epsilon spent on mails, unit SUBJECT"),
                                          HasSubstr("<path class=\"line\"")));
}

TEST_F(AccessReviewTest, ListsKeysAndPolicies) {
  for (const EventType type : {KEY_ROTATED, KEY_DESTROYED, POLICY_SIGNED, POLICY_APPLIED}) {
    Event event = Request(At(12, 0), "person:ada", SUCCEEDED);
    event.set_type(type);
    event.clear_action();
    Add(event);
  }
  const AccessReview review = Review();
  EXPECT_THAT(review.keys, SizeIs(2));
  EXPECT_THAT(review.policies, SizeIs(2));
  EXPECT_THAT(review.accesses, IsEmpty());
}

TEST_F(AccessReviewTest, ListsReasonsOpenedAndDestroyed) {
  for (const EventType type : {AUDIT_READ, ENTRY_REDACTED}) {
    for (const Phase phase : {DENIED, SUCCEEDED}) {
      Event event = Request(At(12, 0), "person:ada", phase);
      event.set_type(type);
      event.mutable_object()->set_entry_uid("0123456789abcdef");
      Add(event);
    }
  }
  const AccessReview review = Review();
  EXPECT_THAT(review.reasons, SizeIs(4));
  // They are no accesses to data.
  EXPECT_THAT(review.accesses, IsEmpty());
  EXPECT_EQ(review.denied, 0u);
  const std::vector<ReviewTable> tables = ReviewTables(review);
  const auto table = std::find_if(tables.begin(), tables.end(), [](const ReviewTable& t) {
    return t.title == "Sealed reasons opened and destroyed";
  });
  ASSERT_NE(table, tables.end());
  EXPECT_EQ(table->rows.size(), 5u);
  EXPECT_EQ(table->rows[1].back(), HexEncode(AsBytes("0123456789abcdef")));
}

TEST_F(AccessReviewTest, TellsAResealThatWasDeniedFromOneThatWasDone) {
  Event denied = Request(At(11, 9), "user:x", DENIED);
  denied.set_type(DATASET_RESEALED);
  denied.set_action("CHANGE_POLICY");
  denied.set_reason_code("no_matching_permit");
  Add(denied);
  const AccessReview review = Review();
  EXPECT_EQ(review.denied, 1u);
  EXPECT_EQ(review.failed, 0u);
  ASSERT_THAT(review.denials, SizeIs(1));
  EXPECT_EQ(review.denials[0].reason, "no_matching_permit");
  ASSERT_THAT(review.policies, SizeIs(1));
  EXPECT_EQ(review.policies[0].event.phase(), DENIED);
}

TEST_F(AccessReviewTest, SaysWhatNobodyVerified) {
  Event event = Request(At(12, 0), "job:a");
  event.mutable_actor()->clear_executable_sha256();
  event.mutable_actor()->set_trust("PLAIN");
  Add(event);
  const AccessReview loose = Review();
  EXPECT_THAT(absl::StrJoin(NeverVerified(loose), "\n"),
              AllOf(HasSubstr("The log's key"), HasSubstr("nothing was taken back"),
                    HasSubstr("in 1 requests: custody could not read its executable"),
                    HasSubstr("the trust PLAIN"), HasSubstr("in 1 intents without an outcome")));
  const std::string note = log_->checkpoint_note();
  ASSERT_OK_AND_ASSIGN(const AccessReview strict,
                       ReviewAccess(*log_, kSince, kUntil, true, {{.name = "kept", .note = note}}));
  EXPECT_THAT(absl::StrJoin(NeverVerified(strict), "\n"),
              AllOf(Not(HasSubstr("The log's key")), Not(HasSubstr("nothing was taken back"))));
  EXPECT_THAT(absl::StrJoin(ProvenAgainst(strict), "\n"),
              AllOf(HasSubstr("the key given with --vkey"), HasSubstr("the checkpoint kept")));
  Add(Request(At(13, 0), "job:a"));
  Review();  // of two entries
  ASSERT_OK_AND_ASSIGN(const AccessReview older,
                       ReviewAccess(*log_, kSince, kUntil, true, {{.name = "kept", .note = note}}));
  EXPECT_THAT(absl::StrJoin(NeverVerified(older), "\n"),
              HasSubstr("That entries 1 to 1 were not taken back or written anew"));
}

TEST_F(AccessReviewTest, RefusesALogThatDoesNotGoOnFromAnOldCheckpoint) {
  Add(Request(At(12, 0), "job:a"));
  Review();
  Checkpoint other = log_->checkpoint();
  other.root[0] ^= 1;
  EXPECT_THAT(ReviewAccess(*log_, kSince, kUntil, true,
                           {{.name = "kept", .note = *SignCheckpoint(other, TestKey())}}),
              StatusIs(kDataLoss, HasSubstr("kept: signs another history")));
}

TEST_F(AccessReviewTest, KeepsHostileNamesHarmlessInEveryForm) {
  Event event = Request(At(12, 0), kHostileName, DENIED);
  event.set_reason_code(kHostileName);
  event.mutable_object()->set_dataset(kHostileName);
  event.set_purpose(kHostileName);
  event.mutable_privacy()->set_unit(kHostileName);
  event.mutable_privacy()->set_ledger_epsilon(1);
  Add(event);
  Event intent = Request(At(12, 0), kHostileName);
  intent.mutable_object()->set_column(0, kHostileName);
  Add(intent);
  Event key = intent;
  key.set_type(KEY_ROTATED);
  key.set_phase(SUCCEEDED);
  key.mutable_object()->set_key_id(kHostileName);
  Add(key);
  key.set_type(POLICY_APPLIED);
  key.mutable_policy()->set_id(kHostileName);
  Add(key);
  const AccessReview review = Review();
  const std::string html = ReviewToHtml(review);
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;"));
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  const std::string json = ReviewToJson(review).dump(-1, ' ', true);
  for (const std::string& form : {html, ReviewToText(review), json}) {
    EXPECT_THAT(form, Not(HasSubstr("\x1B")));
    EXPECT_THAT(form, Not(HasSubstr("\xE2\x80\xAE")));
  }
  EXPECT_EQ(nlohmann::json::parse(json)["denials"][0]["reason"], kHostileName);
}

TEST_F(AccessReviewTest, MakesAPageThatLoadsAndRunsNothing) {
  Add(Request(At(12, 0), "job:a"));
  const std::string html = ReviewToHtml(Review());
  const std::size_t begin = html.find("<style>") + 7;
  const std::string style = html.substr(begin, html.find("</style>") - begin);
  EXPECT_THAT(html, HasSubstr(absl::StrCat("content=\"default-src 'none'; style-src 'sha256-",
                                           EncodeBase64(crypto::Sha256(AsBytes(style))),
                                           "'; base-uri 'none'; form-action 'none'\"")));
  for (const char* forbidden : {"<script", "<link", "<img", "<iframe", " href=", " src=", " style=",
                                "url(", "@import", "http:", "https:", "onload"}) {
    EXPECT_THAT(html, Not(HasSubstr(forbidden)));
  }
  EXPECT_THAT(html, AllOf(HasSubstr("<svg viewBox="), HasSubstr(HtmlText(UnusualHourRule())),
                          HasSubstr(HtmlText(UnusualVolumeRule())), HasSubstr("Never verified")));
}

TEST_F(AccessReviewTest, ReviewsAnEmptyPeriod) {
  Add(Request(At(12, 0), "job:a"));
  const AccessReview review = Review(At(1, 0), At(2, 0));
  EXPECT_EQ(review.entries, 0u);
  EXPECT_THAT(ReviewToText(review), HasSubstr("Who opened what, and what for\n  none\n"));
  EXPECT_THAT(ReviewToHtml(review), HasSubstr("No requests."));
}

TEST(HtmlText, EscapesMarkup) {
  EXPECT_EQ(HtmlText("<a b=\"c\">&'\x1B"), "&lt;a b=&quot;c&quot;&gt;&amp;&#39;\\u{1b}");
}

}  // namespace
}  // namespace sealtrain::audit
