#include "sealtrain/audit/scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "sealtrain/audit/open_intents.h"
#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/tests/util/temp_dir.h"

namespace sealtrain::audit {
namespace {

using ::sealtrain::testing::StatusIs;
using ::sealtrain::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A log of 600 entries, of job:0 to job:599.
class ScanTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MakeLogAtOnce(log_dir_, 600);
    ASSERT_OK_AND_ASSIGN(log_, LogReader::Open(env, log_dir_));
  }
  EventFilter ByPrincipal(std::vector<std::string> principals) {
    return *EventFilter::Parse({.principals = std::move(principals)}, absl::Now());
  }
  std::vector<std::uint64_t> Indices(const EventFilter& filter, Order order, std::uint64_t limit) {
    std::vector<std::uint64_t> indices;
    auto scan = ScanLog(*log_, filter, order, limit,
                        [&](const Entry& entry) { indices.push_back(entry.index); });
    EXPECT_OK(scan.status());
    scan_ = *scan;
    return indices;
  }

  TempDir dir_;
  const std::string log_dir_ = dir_.Join("audit");
  std::unique_ptr<LogReader> log_;
  Scan scan_;
};

TEST_F(ScanTest, FindsInBothOrders) {
  const EventFilter filter = ByPrincipal({"job:3", "job:255", "job:256", "job:599"});
  EXPECT_THAT(Indices(filter, Order::kOldestFirst, 0), ElementsAre(3, 255, 256, 599));
  EXPECT_TRUE(IsComplete(scan_, *log_));
  EXPECT_THAT(Indices(filter, Order::kNewestFirst, 0), ElementsAre(599, 256, 255, 3));
  EXPECT_TRUE(IsComplete(scan_, *log_));
  EXPECT_EQ(scan_.shown, 4u);
}

TEST_F(ScanTest, EndsItsRangeWithTheLastShown) {
  const EventFilter filter = ByPrincipal({"job:3", "job:255", "job:256"});
  EXPECT_THAT(Indices(filter, Order::kOldestFirst, 2), ElementsAre(3, 255));
  EXPECT_EQ(scan_.begin, 0u);
  EXPECT_EQ(scan_.end, 256u);
  EXPECT_FALSE(IsComplete(scan_, *log_));
  EXPECT_THAT(Indices(filter, Order::kNewestFirst, 2), ElementsAre(256, 255));
  EXPECT_EQ(scan_.begin, 255u);
  EXPECT_EQ(scan_.end, 600u);
  EXPECT_FALSE(IsComplete(scan_, *log_));
}

TEST_F(ScanTest, ProvesAbsenceOverEverything) {
  const EventFilter filter = ByPrincipal({"nobody"});
  for (const Order order : {Order::kOldestFirst, Order::kNewestFirst}) {
    EXPECT_THAT(Indices(filter, order, 1), IsEmpty());
    EXPECT_TRUE(IsComplete(scan_, *log_));
    EXPECT_EQ(scan_.entries(), 600u);
  }
  const auto json = ScanToJson(scan_, filter, *log_, /*key_trusted=*/false);
  EXPECT_EQ(json["filter"]["principal"], nlohmann::ordered_json::array({"nobody"}));
  EXPECT_EQ(json["entries"], 600);
  EXPECT_EQ(json["complete"], true);
  EXPECT_EQ(json["limit"], 1);
  EXPECT_EQ(json["order"], "newest-first");
  EXPECT_EQ(json["checkpoint"], ReadText(log_dir_ + "/checkpoint"));
  EXPECT_EQ(json["key"], FormatVkey(TestVerifier()));
  EXPECT_EQ(json["key_trusted"], false);
  EXPECT_THAT(FormatScan(scan_, filter, *log_, true),
              AllOf(HasSubstr("0 shown; scanned entries 0 to 599 of 600 (complete)\n"),
                    HasSubstr("signed by the key given with --vkey, " + log_->vkey()),
                    HasSubstr("\n\u2014 example.org/sealtrain/audit "),
                    HasSubstr("the same question: --at 600 --principal nobody -n 1\n")));
}

TEST_F(ScanTest, FindsNothingInAChangedLog) {
  std::string bundle = ReadText(log_dir_ + "/tile/entries/001");
  bundle[bundle.find("job:300")] = 'J';
  WriteText(log_dir_ + "/tile/entries/001", bundle);
  const auto ignore = [](const Entry&) {};
  for (const Order order : {Order::kOldestFirst, Order::kNewestFirst}) {
    EXPECT_THAT(ScanLog(*log_, EventFilter(), order, 0, ignore),
                StatusIs(kDataLoss, HasSubstr("entry 300")));
  }
}

TEST_F(ScanTest, RefusesAnEventItDoesNotKnowIfItMayMatch) {
  Event unknown = TestEvent(1000);
  unknown.set_type(static_cast<EventType>(999));
  ASSERT_OK_AND_ASSIGN(TreeWriter tree, TreeWriter::Load(env, log_dir_, log_->checkpoint()));
  tree.Add(unknown.SerializeAsString());
  ASSERT_OK_AND_ASSIGN(
      const std::string note,
      SignCheckpoint({.origin = kTestOrigin, .size = 601, .root = tree.Root()}, TestKey()));
  ASSERT_OK(PublishedFiles(env, log_dir_).Publish(tree.Take(note)));
  ASSERT_OK_AND_ASSIGN(log_, LogReader::Open(env, log_dir_));
  EXPECT_THAT(Indices(ByPrincipal({"job:3"}), Order::kNewestFirst, 0), ElementsAre(3));
  EXPECT_TRUE(IsComplete(scan_, *log_));
  const auto ignore = [](const Entry&) {};
  for (const EventFilter& filter : {EventFilter(), ByPrincipal({"job:1000"})}) {
    EXPECT_THAT(ScanLog(*log_, filter, Order::kOldestFirst, 0, ignore),
                StatusIs(kDataLoss, HasSubstr("entry 600: ")));
  }
}

TEST_F(ScanTest, AsksAnOldStateOfAGrownLog) {
  {
    ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(env, log_dir_));
    ASSERT_OK(log->Append(RichEvent()));
  }
  ASSERT_OK_AND_ASSIGN(log_, LogReader::Open(env, log_dir_));
  EXPECT_THAT(Indices(ByPrincipal({"job:a"}), Order::kNewestFirst, 0), ElementsAre(600));
  ASSERT_OK_AND_ASSIGN(log_, LogReader::Open(env, log_dir_, {}, 600));
  EXPECT_THAT(Indices(ByPrincipal({"job:a"}), Order::kNewestFirst, 0), IsEmpty());
  EXPECT_EQ(scan_.entries(), 600u);
  EXPECT_THAT(LogReader::Open(env, log_dir_, {}, 599), StatusIs(absl::StatusCode::kOutOfRange));
  std::filesystem::copy(log_dir_ + "/checkpoints/600", log_dir_ + "/checkpoints/599");
  EXPECT_THAT(LogReader::Open(env, log_dir_, {}, 599), StatusIs(kDataLoss));
}

TEST_F(ScanTest, KnowsWhetherALogGoesOnFromACheckpoint) {
  const std::string before = log_->checkpoint_note();
  {
    ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(env, log_dir_));
    for (int n = 0; n < 5; ++n) ASSERT_OK(log->Append(RichEvent()));
  }
  ASSERT_OK_AND_ASSIGN(auto grown, LogReader::Open(env, log_dir_));
  EXPECT_OK(grown->CheckExtends({.name = "kept", .note = before}));
  EXPECT_OK(grown->CheckExtends({.name = "kept", .note = grown->checkpoint_note()}));
  ASSERT_OK_AND_ASSIGN(
      const std::string nothing,
      SignCheckpoint({.origin = kTestOrigin, .size = 0, .root = crypto::Sha256({})}, TestKey()));
  EXPECT_OK(grown->CheckExtends({.name = "kept", .note = nothing}));
  EXPECT_THAT(log_->CheckExtends({.name = "kept", .note = grown->checkpoint_note()}),
              StatusIs(kDataLoss, HasSubstr("kept: signs size 605")));
  Checkpoint forked = log_->checkpoint();
  forked.root[0] ^= 1;
  ASSERT_OK_AND_ASSIGN(const std::string fork, SignCheckpoint(forked, TestKey()));
  EXPECT_THAT(grown->CheckExtends({.name = "kept", .note = fork}),
              StatusIs(kDataLoss, HasSubstr("kept: signs another history")));
  ASSERT_OK_AND_ASSIGN(const std::string foreign, SignCheckpoint(log_->checkpoint(), TestKey(8)));
  EXPECT_THAT(grown->CheckExtends({.name = "kept", .note = foreign}), StatusIs(kDataLoss));
}

TEST(OpenIntents, KeepsThoseWithoutAnOutcome) {
  OpenIntents intents;
  const auto add = [&](std::uint64_t index, Phase phase, const std::string& request) {
    Event event = TestEvent(index);
    event.set_phase(phase);
    event.set_request_uid(request);
    return *intents.Add(index, event);
  };
  const std::string a(16, 'A');
  const std::string b(16, 'B');
  EXPECT_FALSE(add(0, INTENT, b));
  EXPECT_FALSE(add(1, INTENT, a));
  EXPECT_FALSE(add(2, INTENT, b));
  EXPECT_FALSE(add(3, SUCCEEDED, ""));
  EXPECT_TRUE(add(4, FAILED, a));
  EXPECT_FALSE(add(5, FAILED, a));
  const std::vector<OpenIntents::Open> left = intents.Left();
  ASSERT_EQ(left.size(), 2u);
  EXPECT_EQ(left[0].index, 0u);
  EXPECT_EQ(left[1].index, 2u);
  EXPECT_EQ(left[1].wall_time_ns, TestEvent(2).wall_time_ns());
}

TEST(OpenIntents, TakesNoMoreThanMemoryBears) {
  OpenIntents intents;
  Event intent = TestEvent(0);
  intent.set_phase(INTENT);
  Event outcome = intent;
  outcome.set_phase(SUCCEEDED);
  // Those that have ended take nothing.
  for (std::uint64_t n = 0; n < 2 * OpenIntents::kMaxOpen; n += 2) {
    ASSERT_OK(intents.Add(n, intent));
    ASSERT_OK(intents.Add(n + 1, outcome));
  }
  for (std::uint64_t n = 0; n < OpenIntents::kMaxOpen; ++n) {
    intent.set_request_uid(absl::StrCat(absl::Dec(n / 2, absl::kZeroPad16)));
    ASSERT_OK(intents.Add(n, intent));
  }
  EXPECT_THAT(intents.Add(7, intent),
              StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("entry 7: more than 100000")));
  outcome.set_request_uid(intent.request_uid());
  EXPECT_TRUE(*intents.Add(8, outcome));  // ends two
  EXPECT_OK(intents.Add(9, intent));
  EXPECT_OK(intents.Add(10, intent));
  EXPECT_THAT(intents.Add(11, intent), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_EQ(intents.Left().size(), OpenIntents::kMaxOpen);
}

}  // namespace
}  // namespace sealtrain::audit
