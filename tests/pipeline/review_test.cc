// What the review does at a policy's word beyond treating values: k-anonymity and the
// search of texts, through whole jobs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "sealtrain/pipeline/review/small_groups.h"
#include "sealtrain/tests/pipeline/ingestion_fixture.h"

namespace sealtrain::pipeline {
namespace {

using ::sealtrain::testing::IngestionTest;
using ::sealtrain::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr char kPersonProto[] = R"(
syntax = "proto3";
import "sealtrain/data_class.proto";
message Person {
  string user = 1 [(sealtrain.privacy).data_class = SUBJECT_KEY];
  int32 age = 2 [(sealtrain.privacy).data_class = QUASI_IDENTIFIER];
  optional string city = 3 [(sealtrain.privacy) = { data_class: QUASI_IDENTIFIER data_class: LOCATION }];
  string phone = 4 [(sealtrain.privacy) = { data_class: QUASI_IDENTIFIER data_class: CONTACT }];
  string note = 5 [(sealtrain.privacy).data_class = FREE_TEXT];
  int32 number = 6 [(sealtrain.privacy).data_class = FEATURE];
}
)";

// Rules as TestWorld wants them, with more obligations of those who seal. Ages are
// sealed in tens, phone numbers not at all.
std::string Policy(const std::string& sealing, const std::string& ingesting = "") {
  const auto rule = [](const char* id, const char* action, const std::string& more) {
    return absl::StrCat("rule { id: \"", id, R"(" permit {
        obligation { transform { on_class: SUBJECT_KEY kind: PSEUDONYMIZE domain: "d" } }
        obligation { transform { on_class: QUASI_IDENTIFIER on_class: LOCATION on_class: FREE_TEXT
                                 on_class: CONTACT kind: KEEP } }
        obligation { transform { on_class: CONTACT kind: DROP } }
        )",
                        more, R"( }
      scope { principal: "user:test" action: )",
                        action, R"( dataset: "*" purpose: "test"
        data_class: SUBJECT_KEY data_class: QUASI_IDENTIFIER data_class: LOCATION
        data_class: CONTACT data_class: FREE_TEXT data_class: FEATURE } }
    )");
  };
  return absl::StrCat("purpose: \"test\"\n", rule("seal", "SEAL", sealing),
                      rule("ingest", "INGEST", ingesting), rule("train", "TRAIN", ""));
}

std::string KAnonymity(int k, double share) {
  return absl::StrCat("obligation { k_anonymity { k: ", k, " max_suppressed: ", share, " } }");
}

std::string Scan(const std::string& kinds, const std::string& then) {
  return absl::StrCat("obligation { text_scan { on_class: FREE_TEXT ", kinds, " then: ", then,
                      " } }");
}

class ReviewTest : public IngestionTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(IngestionTest::SetUp());
    ASSERT_OK(world_->CreateDataset("people", kPersonProto, "Person"));
  }
  IngestionOptions PeopleOptions() const { return Options("people"); }
  absl::StatusOr<IngestionResult> Ingest(const std::string& rows, IngestionOptions options) {
    auto job = Ingestion::Start(custody(), std::move(options));
    if (!job.ok()) return job.status();
    std::istringstream input("user,age,city,phone,note,number\n" + rows);
    auto info = custody().GetDataset("people");
    if (!info.ok()) return info.status();
    auto source = OpenSource(Format::kCsv, input, "in", info->schema);
    absl::Status appended = (*job)->AppendAll(*source, nullptr, nullptr);
    if (!appended.ok()) return appended;
    return (*job)->Commit();
  }
  absl::StatusOr<IngestionResult> Ingest(const std::string& rows) {
    return Ingest(rows, PeopleOptions());
  }
  static std::map<int, std::uint64_t> Suppressed(const IngestionResult& result) {
    std::map<int, std::uint64_t> suppressed;
    for (const SuppressedRecords& records : result.review.suppressed()) {
      suppressed[records.reason()] = records.records();
    }
    return suppressed;
  }
  std::vector<std::string> Numbers() {
    absl::StatusOr<std::vector<std::string>> numbers = Column("number", "people");
    EXPECT_OK(numbers);
    return numbers.ok() ? *numbers : std::vector<std::string>();
  }
};

TEST_F(ReviewTest, SealsNoRecordBeforeEnoughSubjectsShareItsQuasiIdentifiers) {
  ASSERT_OK(world_->ApplyPolicy(Policy(KAnonymity(3, 0.5))));
  ASSERT_OK_AND_ASSIGN(const IngestionResult result,
                       Ingest("ann,30,Bonn,1,,1\n"
                              "ann,30,Bonn,2,,2\n"  // the same subject again
                              "bob,30,Bonn,3,,3\n"
                              "cid,30,Bonn,,,4\n"  // the third: all four pass
                              "ann,30,Bonn,,,5\n"  // and whoever comes later
                              "ann,31,Bonn,,,6\n"  // another age
                              "ann,30,,,,7\n"      // a null is a value of its own
                              "bob,30,\"\",,,8\n"));
  EXPECT_THAT(Numbers(), UnorderedElementsAre("1", "2", "3", "4", "5"));
  EXPECT_EQ(result.records_in, 8u);
  EXPECT_EQ(result.rows_sealed, 5u);
  EXPECT_EQ(result.rows_suppressed, 3u);
  EXPECT_THAT(Suppressed(result), ElementsAre(::testing::Pair(SuppressedRecords::SMALL_GROUP, 3u)));
  EXPECT_EQ(result.review.rows(), 5u);
  EXPECT_EQ(result.review.k_anonymity().k(), 3u);
  for (const ReviewedColumn& column : result.review.column()) {
    EXPECT_EQ(column.values() + column.nulls(), 5u) << column.name();
  }
}

TEST_F(ReviewTest, SealsNothingWhereMoreWouldBeLeftOutThanThePolicySays) {
  ASSERT_OK(world_->ApplyPolicy(Policy(KAnonymity(2, 0.25))));
  const std::string rows = "a,1,B,,,1\nb,1,B,,,2\na,2,B,,,3\nb,1,B,,,4\n";
  ASSERT_OK(Ingest(rows));  // one of four
  EXPECT_THAT(Ingest(rows + "a,3,B,,,5\n"),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       HasSubstr("of 5 records, 2 (40 %) share their quasi-identifiers with fewer "
                                 "than 2 subjects; the policy lets 25 % be left out")));
  EXPECT_EQ(custody().GetDataset("people")->generation, 1u);
  EXPECT_THAT(custody().ListLeases().value(), IsEmpty());
  EXPECT_THAT(Numbers(), UnorderedElementsAre("1", "2", "4"));
}

TEST_F(ReviewTest, TreatsQuasiIdentifiersBeforeItComparesThem) {
  const std::string bucketed = absl::StrReplaceAll(
      Policy(KAnonymity(2, 0)),
      {{"on_class: QUASI_IDENTIFIER on_class: LOCATION", "on_class: LOCATION"},
       {"obligation { transform { on_class: CONTACT kind: DROP } }",
        "obligation { transform { on_class: CONTACT kind: DROP } } "
        "obligation { transform { on_class: LOCATION kind: REDACT } } "
        "obligation { transform { on_class: QUASI_IDENTIFIER kind: BUCKET step: 10 } }"}});
  ASSERT_OK(world_->ApplyPolicy(bucketed));
  ASSERT_OK_AND_ASSIGN(const IngestionResult result, Ingest("a,31,Bonn,1,,1\nb,39,Kiel,2,,2\n"));
  EXPECT_EQ(result.rows_sealed, 2u);
  EXPECT_THAT(*Column("age", "people"), ElementsAre("30", "30"));
}

TEST_F(ReviewTest, DoesNotCountTheWithheldAgainstBadRecords) {
  ASSERT_OK(world_->ApplyPolicy(Policy(KAnonymity(2, 1))));
  EXPECT_THAT(Ingest("a,1,B,,,1\n"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("left out by the policy")));
  IngestionOptions options = PeopleOptions();
  options.max_skipped = 1;
  ASSERT_OK_AND_ASSIGN(const IngestionResult result,
                       Ingest("a,1,B,,,1\nb,1,B,,,2\nc,x,B,,,3\nd,2,B,,,4\n", options));
  EXPECT_EQ(result.rows_suppressed, 2u);
  EXPECT_THAT(Suppressed(result), ElementsAre(::testing::Pair(SuppressedRecords::UNREADABLE, 1u),
                                              ::testing::Pair(SuppressedRecords::SMALL_GROUP, 1u)));
}

// Against a count of the whole input: small row groups, so that rows are released
// across them, and enough rows that those which were are forgotten.
TEST_F(ReviewTest, SealsExactlyTheRowsOfLargeGroups) {
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937_64 random(seed);
  const int k = 3;
  ASSERT_OK(world_->ApplyPolicy(Policy(KAnonymity(k, 1))));
  const auto pick = [&random](int n) {
    return std::uniform_int_distribution<int>(0, n - 1)(random);
  };
  std::string rows;
  std::vector<std::pair<std::string, std::string>> records;  // group, number
  std::map<std::string, std::set<int>> subjects;
  for (int i = 0; i < 6000; ++i) {
    const int subject = pick(400);
    const std::string group =
        absl::StrCat(pick(60), ",", pick(3) == 0 ? "" : absl::StrCat("c", pick(60)));
    absl::StrAppend(&rows, "s", subject, ",", group, ",", pick(10), ",note ", i, ",", i, "\n");
    records.emplace_back(group, absl::StrCat(i));
    subjects[group].insert(subject);
  }
  std::vector<std::string> expected;
  for (const auto& [group, number] : records) {
    if (subjects[group].size() >= k) expected.push_back(number);
  }
  IngestionOptions options = PeopleOptions();
  options.rows_per_group = 100;
  options.rows_per_shard = 700;
  ASSERT_OK_AND_ASSIGN(const IngestionResult result, Ingest(rows, options));
  EXPECT_THAT(Numbers(), ::testing::UnorderedElementsAreArray(expected));
  EXPECT_EQ(result.rows_sealed, expected.size());
  EXPECT_EQ(result.rows_suppressed, records.size() - expected.size());
  EXPECT_GT(expected.size(), 1000u);
  EXPECT_LT(expected.size(), records.size() - 1000);
  // Whatever waited came out whole.
  ASSERT_OK_AND_ASSIGN(const std::vector<std::string> notes, Column("note", "people"));
  const std::vector<std::string> numbers = Numbers();
  for (std::size_t i = 0; i < notes.size(); ++i) EXPECT_EQ(notes[i], "note " + numbers[i]);
}

TEST_F(ReviewTest, ScrubsWhatItFindsInTexts) {
  ASSERT_OK(
      world_->ApplyPolicy(Policy(Scan("look_for: EMAIL_ADDRESS look_for: IP_ADDRESS", "SCRUB"))));
  ASSERT_OK_AND_ASSIGN(const IngestionResult result,
                       Ingest("a,1,ann@example.org,,write to ann@example.org from 192.0.2.7,1\n"
                              "b,1,B,,nothing to see,2\n"));
  EXPECT_THAT(*Column("note", "people"),
              ElementsAre("write to [EMAIL_ADDRESS] from [IP_ADDRESS]", "nothing to see"));
  EXPECT_THAT(*Column("city", "people"), ElementsAre("ann@example.org", "B"));  // not asked for
  const ReviewedColumn& note = result.review.column(4);
  EXPECT_EQ(note.name(), "note");
  EXPECT_EQ(note.changed(), 1u);
  ASSERT_EQ(note.finding_size(), 2);
  EXPECT_EQ(note.finding(0).kind(), policy::TextScan::EMAIL_ADDRESS);
  EXPECT_EQ(note.finding(0).then(), policy::TextScan::SCRUB);
  EXPECT_EQ(note.finding(0).findings(), 1u);
  EXPECT_EQ(note.finding(1).findings(), 1u);
  EXPECT_EQ(result.rows_suppressed, 0u);
}

TEST_F(ReviewTest, LooksInEachColumnForItsOwn) {
  const std::string note = Scan("look_for: IP_ADDRESS", "SCRUB");
  const std::string city = absl::StrReplaceAll(Scan("look_for: EMAIL_ADDRESS", "SCRUB"),
                                               {{"on_class: FREE_TEXT", "on_class: LOCATION"}});
  const std::string rows = "a,1,ann@example.org at 192.0.2.7,,ann@example.org at 192.0.2.7,1\n";
  ASSERT_OK(world_->ApplyPolicy(Policy(note + city)));
  ASSERT_OK(Ingest(rows).status());
  EXPECT_THAT(*Column("note", "people"), ElementsAre("ann@example.org at [IP_ADDRESS]"));
  EXPECT_THAT(*Column("city", "people"), ElementsAre("[EMAIL_ADDRESS] at 192.0.2.7"));
}

TEST_F(ReviewTest, LeavesRecordsOutOrRefusesTheJob) {
  ASSERT_OK(world_->ApplyPolicy(
      Policy(Scan("look_for: EMAIL_ADDRESS", "SUPPRESS"), Scan("look_for: IP_ADDRESS", "REFUSE"))));
  ASSERT_OK_AND_ASSIGN(const IngestionResult result,
                       Ingest("a,1,B,,ann@example.org,1\nb,1,B,,fine,2\n"));
  EXPECT_THAT(Numbers(), ElementsAre("2"));
  EXPECT_EQ(result.rows_suppressed, 1u);
  EXPECT_THAT(Suppressed(result),
              ElementsAre(::testing::Pair(SuppressedRecords::TEXT_FINDING, 1u)));
  // What INGEST is obliged to holds as well; the message names the place, never the value.
  const absl::Status refused = Ingest("b,1,B,,fine,2\na,1,B,,at 192.0.2.7,1\n").status();
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kPermissionDenied,
                                HasSubstr("in:3: note: holds IP_ADDRESS, which the policy "
                                          "refuses to seal")));
  EXPECT_THAT(std::string(refused.message()), ::testing::Not(HasSubstr("192")));
  EXPECT_EQ(custody().GetDataset("people")->generation, 1u);
}

TEST_F(ReviewTest, LooksForTextsInTextsOnly) {
  ASSERT_OK(world_->ApplyPolicy(
      absl::StrReplaceAll(Policy(Scan("look_for: IBAN", "SCRUB")),
                          {{"text_scan { on_class: FREE_TEXT", "text_scan { on_class: FEATURE"}})));
  ASSERT_OK_AND_ASSIGN(const IngestionResult result, Ingest("a,1,B,,x,1\n"));
  EXPECT_EQ(result.review.column(5).name(), "number");
  EXPECT_EQ(result.review.column(5).finding_size(), 0);
}

// Groups of two subjects over three columns: subject, quasi-identifier, text.
class SmallGroupsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(groups_, SmallGroups::Create(2, columns_, {1}, 0, 1 << 20));
  }
  absl::StatusOr<bool> Pass(const std::string& user, int age, std::size_t bytes) {
    const std::vector<std::string> values = {user, absl::StrCat(age), std::string(bytes, 'x')};
    for (std::size_t i = 0; i < values.size(); ++i) {
      EXPECT_OK(builders_[i].AppendText(values[i]));
      EXPECT_OK(builders_[i].EndRow());
    }
    return groups_->Pass(absl::MakeSpan(builders_), std::vector<ColumnCounts>(3));
  }
  // A row of these bytes that waits, and is released by one of another subject.
  void PassTwo(int age, std::size_t bytes) {
    EXPECT_FALSE(*Pass("ann", age, bytes));
    EXPECT_TRUE(*Pass("bob", age, 1));
    EXPECT_TRUE(groups_->Release(absl::MakeSpan(builders_))->has_value());
    EXPECT_FALSE(groups_->Release(absl::MakeSpan(builders_))->has_value());
  }

  const std::vector<ColumnSpec> columns_ = {
      {.id = "1", .name = "user"}, {.id = "2", .name = "age"}, {.id = "3", .name = "note"}};
  std::vector<ColumnBuilder> builders_{columns_.begin(), columns_.end()};
  std::unique_ptr<SmallGroups> groups_;
};

// What waits is bounded, and what was released does not count.
TEST_F(SmallGroupsTest, HoldsNoMoreThanItMay) {
  for (int age = 0; age < 20; ++age) {
    PassTwo(age, 300'000);
    EXPECT_EQ(groups_->waiting(), 0u);
  }
  EXPECT_EQ(builders_[2].rows(), 40u);
  for (int age = 100; age < 103; ++age) EXPECT_FALSE(*Pass("ann", age, 300'000));
  EXPECT_THAT(Pass("ann", 103, 300'000),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("more than 1 MiB of rows")));
}

TEST_F(SmallGroupsTest, CopiesWhatWaitsSeldomHoweverNearTheLimit) {
  for (int age = 1000; age < 1010; ++age) EXPECT_FALSE(*Pass("ann", age, 90'000));
  for (int age = 0; age < 300; ++age) PassTwo(age, 20'000);
  EXPECT_GT(groups_->bytes_copied(), 0u);
  EXPECT_LT(groups_->bytes_copied(), 3u * 300 * 20'200);
  EXPECT_EQ(groups_->waiting(), 10u);
  EXPECT_TRUE(*Pass("bob", 1009, 1));
  EXPECT_TRUE(groups_->Release(absl::MakeSpan(builders_))->has_value());
  EXPECT_GT(builders_[2].bytes(), 300u * 20'000 + 90'000);
}

}  // namespace
}  // namespace sealtrain::pipeline
