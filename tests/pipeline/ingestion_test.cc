// Ingestion, snapshots and reading, with a real custodian.
#include "sealtrain/pipeline/ingestion.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/pipeline/dataset.h"
#include "sealtrain/pipeline/dataset/store_layout.h"
#include "sealtrain/pipeline/dataset_reader.h"
#include "sealtrain/pipeline/seal/shard_layout.h"
#include "sealtrain/tests/pipeline/ingestion_fixture.h"
#include "sealtrain/tests/pipeline/schema_fixture.h"
#include "sealtrain/tests/pipeline/shard_fixture.h"
#include "sealtrain/tests/util/fault_env.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/tests/util/test_world.h"

namespace sealtrain::pipeline {
namespace {

namespace fs = std::filesystem;
using ::sealtrain::testing::CsvRow;
using ::sealtrain::testing::CsvRows;
using ::sealtrain::testing::FaultEnv;
using ::sealtrain::testing::IngestionTest;
using ::sealtrain::testing::kCsvHeader;
using ::sealtrain::testing::kEverythingProto;
using ::sealtrain::testing::kFlatProto;
using ::sealtrain::testing::ReadAll;
using ::sealtrain::testing::StatusIs;
using ::sealtrain::testing::TestWorld;
using ::sealtrain::testing::WriteAll;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(IngestionTest, SealsAndOpensEveryType) {
  ASSERT_OK(world_->CreateDataset("all", kEverythingProto, "Everything"));
  ASSERT_OK_AND_ASSIGN(const custody::DatasetInfo info, custody().GetDataset("all"));
  ASSERT_OK_AND_ASSIGN(auto job, Ingestion::Start(custody(), Options("all")));
  for (const char* text :
       {R"(user: "ann" flag: true i32: -5 i64: -6 u32: 7 u64: 8 f: 1.5 d: -2.5 color: BLUE
           text: "t" blob: "\001" maybe: 0 maybe_text: "" numbers: 1 numbers: 2 words: "a"
           words: "" place { city: "Bonn" height: 3.5 } s32: -9 x64: 10)",
        R"(user: "bob")"}) {
    auto record = info.schema->NewRecord();
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, record.get()));
    ASSERT_OK(job->Append(*record));
  }
  ASSERT_OK_AND_ASSIGN(const IngestionResult result, job->Commit());
  EXPECT_EQ(result.generation, 1u);
  EXPECT_EQ(result.rows_sealed, 2u);
  const std::vector<std::pair<std::string, std::vector<std::string>>> kExpected = {
      {"flag", {"1", "0"}},         {"i32", {"-5", "0"}},
      {"i64", {"-6", "0"}},         {"u32", {"7", "0"}},
      {"u64", {"8", "0"}},          {"f", {"1.5", "0"}},
      {"d", {"-2.5", "0"}},         {"color", {"5", "0"}},
      {"text", {"t", ""}},          {"blob", {"\001", ""}},
      {"maybe", {"0", "null"}},     {"maybe_text", {"", "null"}},
      {"numbers", {"1|2", ""}},     {"words", {"a|", ""}},
      {"place.city", {"Bonn", ""}}, {"place.height", {"3.5", "null"}},
      {"s32", {"-9", "0"}},         {"x64", {"10", "0"}}};
  for (const auto& [column, values] : kExpected) {
    ASSERT_OK_AND_ASSIGN(const auto opened, Column(column, "all"));
    EXPECT_EQ(opened, values) << column;
  }
  ASSERT_OK_AND_ASSIGN(const auto users, Column("user", "all"));
  EXPECT_THAT(users, SizeIs(2));
  for (const std::string& user : users) EXPECT_THAT(user, SizeIs(32));  // pseudonyms
  EXPECT_NE(users[0], users[1]);
}

TEST_F(IngestionTest, KeepsRowsInOrderAcrossGroupsShardsAndGenerations) {
  IngestionOptions options = Options();
  options.rows_per_group = 3;
  options.rows_per_shard = 7;
  ASSERT_OK_AND_ASSIGN(IngestionResult result, IngestCsv(CsvRows(0, 20), options));
  EXPECT_EQ(result.shards, 3u);
  ASSERT_OK_AND_ASSIGN(result, IngestCsv(CsvRows(20, 22), options));
  EXPECT_EQ(result.generation, 2u);
  ASSERT_OK_AND_ASSIGN(const auto ages, Column("age"));
  ASSERT_THAT(ages, SizeIs(22));
  for (std::size_t i = 0; i < ages.size(); ++i) EXPECT_EQ(ages[i], absl::StrCat(i));
  ASSERT_OK_AND_ASSIGN(const DatasetReport report, Verify());
  EXPECT_EQ(report.generation, 2u);
  EXPECT_EQ(report.generations_checked, 2u);
  EXPECT_EQ(report.shards, 4u);
  EXPECT_EQ(report.rows, 22u);
  std::uint64_t bytes = 0;
  for (const std::string& path : FilesEndingIn(".seal")) bytes += fs::file_size(path);
  EXPECT_EQ(report.bytes, bytes);
}

TEST_F(IngestionTest, ReadsOldGenerationsAlongTheChain) {
  for (int i = 0; i < 3; ++i) ASSERT_OK(IngestCsv(CsvRows(i, i + 1)));
  for (std::uint64_t generation = 1; generation <= 3; ++generation) {
    ASSERT_OK_AND_ASSIGN(
        const custody::Manifest manifest,
        ReadManifest(custody(), Env::Posix(), world_->store(), "flat", generation));
    EXPECT_EQ(manifest.generation(), generation);
    EXPECT_EQ(manifest.rows(), generation);
  }
  for (const std::uint64_t generation : {0, 4}) {
    EXPECT_THAT(ReadManifest(custody(), Env::Posix(), world_->store(), "flat", generation),
                StatusIs(absl::StatusCode::kNotFound));
  }
}

TEST_F(IngestionTest, WritesNoPlaintextAndNoNamesOfColumns) {
  std::string rows;
  for (int i = 0; i < 50; ++i) rows += "canary-user,7,,canary-text,true,RED,canary-city,,1\n";
  ASSERT_OK(IngestCsv(rows));
  for (const std::string& path : StoreFiles()) {
    const std::string bytes = ReadAll(path);
    EXPECT_THAT(bytes, ::testing::Not(HasSubstr("canary"))) << path;
    if (absl::EndsWith(path, ".seal")) {
      EXPECT_THAT(bytes, ::testing::Not(HasSubstr("place.city"))) << path;
    }
  }
}

TEST_F(IngestionTest, TakesRecordsOfAnotherPoolOfTheSameType) {
  const auto other = ::sealtrain::testing::SchemaOf(kFlatProto, "Flat");
  ASSERT_OK_AND_ASSIGN(auto job, Ingestion::Start(custody(), Options()));
  auto record = other->NewRecord();
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString("user: 'a' text: 'b'", record.get()));
  EXPECT_OK(job->Append(*record));
  EXPECT_OK(job->Commit());
  EXPECT_THAT(Column("text"), ::sealtrain::testing::IsOk());
}

TEST_F(IngestionTest, TakesASourceWithASchemaOfItsOwn) {
  std::istringstream input(kCsvHeader + CsvRows(0, 2));
  auto source =
      OpenSource(Format::kCsv, input, "in", ::sealtrain::testing::SchemaOf(kFlatProto, "Flat"));
  ASSERT_OK_AND_ASSIGN(auto job, Ingestion::Start(custody(), Options()));
  ASSERT_OK(job->AppendAll(*source, nullptr, nullptr));
  ASSERT_OK(job->Commit());
  EXPECT_THAT(Column("age").value(), ElementsAre("0", "1"));
}

TEST_F(IngestionTest, RefusesRecordsOfAnotherType) {
  const auto wrong_name = ::sealtrain::testing::SchemaOf(kEverythingProto, "Everything");
  ASSERT_OK_AND_ASSIGN(auto job, Ingestion::Start(custody(), Options()));
  EXPECT_THAT(job->Append(*wrong_name->NewRecord()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("test.Everything")));
  std::string changed = kFlatProto;
  changed.replace(changed.find("int32 age"), 9, "int64 age");
  EXPECT_THAT(job->Append(*::sealtrain::testing::SchemaOf(changed, "Flat")->NewRecord()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("test.Flat.age")));
}

// --- bad records -----------------------------------------------------------------

class BadRecordTest : public IngestionTest {
 protected:
  absl::Status AppendText(const std::string& text) {
    auto job = Ingestion::Start(custody(), Options());
    EXPECT_OK(job);
    auto record = custody().GetDataset("flat")->schema->NewRecord();
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, record.get()));
    return (*job)->Append(*record);
  }
  absl::Status AppendWire(const std::string& wire) {
    auto job = Ingestion::Start(custody(), Options());
    EXPECT_OK(job);
    auto record = custody().GetDataset("flat")->schema->NewRecord();
    record->ParsePartialFromString(wire);
    return (*job)->Append(*record);
  }
};

TEST_F(BadRecordTest, IsRefusedWithTheFieldsName) {
  EXPECT_OK(AppendText("user: 'ann' text: 'x'"));
  EXPECT_THAT(AppendText("text: 'x'"),
              StatusIs(absl::StatusCode::kInvalidArgument, "user: the subject key is empty"));
  EXPECT_THAT(AppendText("user: 'ann' place { city: '\\377' }"),
              StatusIs(absl::StatusCode::kInvalidArgument, "place.city: not valid UTF-8"));
  EXPECT_THAT(AppendWire(std::string("\x0a\x01"
                                     "a"
                                     "\x30\x02",
                                     5)),  // color = 2
              StatusIs(absl::StatusCode::kInvalidArgument, "color: not a value of test.Color"));
  EXPECT_THAT(AppendWire(std::string("\x0a\x01"
                                     "a"
                                     "\xf8\x01\x01",
                                     6)),  // field 31
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "test.Flat: the record has a field that the schema lacks"));
  EXPECT_THAT(AppendWire(std::string("\x0a\x01"
                                     "a"
                                     "\x3a\x02\x78\x01",
                                     7)),  // place.15
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("schema lacks")));
  EXPECT_OK(AppendText("user: 'ann' blob: '\\377'"));
}

TEST_F(BadRecordTest, FailsTheJobUnlessItMayBeSkipped) {
  const std::string rows =
      CsvRow(1) + "bob,x,,,true,RED,,,0\n" + CsvRow(2) + ",1,,,true,RED,,,0\n" + CsvRow(3);
  EXPECT_THAT(IngestCsv(rows),
              StatusIs(absl::StatusCode::kInvalidArgument, "in:3: age: not an integer"));
  IngestionOptions options = Options();
  options.max_skipped = 1;
  EXPECT_THAT(IngestCsv(rows, options),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "in:5: user: the subject key is empty; no more than 1 bad records may be "
                       "skipped"));
  EXPECT_THAT(StoreFiles(), IsEmpty());
  skipped_.clear();
  options.max_skipped = 2;
  ASSERT_OK_AND_ASSIGN(const IngestionResult result, IngestCsv(rows, options));
  EXPECT_EQ(result.records_in, 5u);
  EXPECT_EQ(result.rows_sealed, 3u);
  EXPECT_EQ(result.rows_suppressed, 2u);
  EXPECT_THAT(skipped_,
              ElementsAre("in:3: age: not an integer", "in:5: user: the subject key is empty"));
  ASSERT_OK_AND_ASSIGN(const auto ages, Column("age"));
  EXPECT_THAT(ages, ElementsAre("1", "2", "3"));
  ASSERT_EQ(result.review.suppressed_size(), 2);
  EXPECT_EQ(result.review.suppressed(0).reason(), SuppressedRecords::UNREADABLE);
  EXPECT_EQ(result.review.suppressed(1).reason(), SuppressedRecords::EMPTY_SUBJECT_KEY);
  EXPECT_EQ(result.review.records_in(), 5u);
  EXPECT_EQ(result.review.rows(), 3u);
}

TEST_F(BadRecordTest, MakesCommitRefuseWithTheFirstError) {
  ASSERT_OK_AND_ASSIGN(auto job, Ingestion::Start(custody(), Options()));
  auto record = custody().GetDataset("flat")->schema->NewRecord();
  EXPECT_THAT(job->Append(*record), StatusIs(absl::StatusCode::kInvalidArgument));
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString("user: 'a'", record.get()));
  EXPECT_OK(job->Append(*record));
  EXPECT_THAT(job->Commit(),
              StatusIs(absl::StatusCode::kInvalidArgument, "user: the subject key is empty"));
}

TEST_F(BadRecordTest, IsRefusedWhenTooLarge) {
  const auto schema = custody().GetDataset("flat")->schema;
  auto record = schema->NewRecord();
  const auto* text = schema->FindColumn("text")->path[0];
  const auto* user = schema->FindColumn("user")->path[0];
  record->GetReflection()->SetString(record.get(), user, "ann");
  record->GetReflection()->SetString(record.get(), text, std::string((64 << 20) + 1, 'x'));
  ASSERT_OK_AND_ASSIGN(auto job, Ingestion::Start(custody(), Options()));
  EXPECT_THAT(job->Append(*record),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("67108864 bytes")));
}

TEST_F(IngestionTest, RefusesAJobWithoutRows) {
  EXPECT_THAT(IngestCsv(""), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no rows")));
  EXPECT_THAT(StoreFiles(), IsEmpty());
}

TEST_F(IngestionTest, MakesRowGroupsOfWholeSegments) {
  EXPECT_EQ(IngestionOptions().rows_per_group, kStream.plaintext_bytes());
}

TEST_F(IngestionTest, RefusesOptionsOutOfRange) {
  IngestionOptions options = Options();
  options.rows_per_group = 0;
  EXPECT_THAT(Ingestion::Start(custody(), options), StatusIs(absl::StatusCode::kInvalidArgument));
  options.rows_per_group = (1 << 20) + 1;
  EXPECT_THAT(Ingestion::Start(custody(), options), StatusIs(absl::StatusCode::kInvalidArgument));
  options = Options();
  options.rows_per_shard = 0;
  EXPECT_THAT(Ingestion::Start(custody(), options), StatusIs(absl::StatusCode::kInvalidArgument));
  options = Options();
  options.source_name = "\xff";
  EXPECT_THAT(Ingestion::Start(custody(), options), StatusIs(absl::StatusCode::kInvalidArgument));
}

// --- permits ---------------------------------------------------------------------

TEST_F(IngestionTest, NeedsAPermit) {
  IngestionOptions options = Options();
  options.request.purpose = "other";
  EXPECT_THAT(IngestCsv(CsvRow(1), options), StatusIs(absl::StatusCode::kPermissionDenied));
  options = Options();
  options.request.principal = "user:stranger";
  EXPECT_THAT(IngestCsv(CsvRow(1), options), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(StoreFiles(), IsEmpty());
}

TEST_F(IngestionTest, OpensOnlyColumnsOfThePermit) {
  ASSERT_OK(IngestCsv(CsvRows(0, 3)));
  ASSERT_OK_AND_ASSIGN(const auto permit, RequestTrain({"age", "spam"}));
  EXPECT_THAT(DatasetReader::Open(custody(), permit,
                                  {.store = world_->store(), .columns = {"age", "text"}}),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("column text")));
  EXPECT_THAT(
      DatasetReader::Open(custody(), permit, {.store = world_->store(), .columns = {"nope"}}),
      StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(DatasetReader::Open(custody(), permit, {.store = world_->store(), .columns = {}}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_OK(
      DatasetReader::Open(custody(), permit, {.store = world_->store(), .columns = {"spam"}}));
}

TEST_F(IngestionTest, LeavesTheLeaseWhenDropped) {
  ASSERT_OK_AND_ASSIGN(auto job, Ingestion::Start(custody(), Options()));
  ASSERT_OK_AND_ASSIGN(std::vector<custody::LeaseInfo> leases, custody().ListLeases());
  EXPECT_THAT(leases, SizeIs(1));
  job.reset();
  ASSERT_OK_AND_ASSIGN(leases, custody().ListLeases());
  EXPECT_THAT(leases, IsEmpty());
}

// --- the review ------------------------------------------------------------------

constexpr char kStrictPolicy[] = R"(
purpose: "test"
rule {
  id: "seal"
  permit {
    obligation { transform { on_class: SUBJECT_KEY kind: PSEUDONYMIZE domain: "test" } }
    obligation { transform { on_class: QUASI_IDENTIFIER kind: BUCKET step: 10 } }
    obligation { transform { on_class: FREE_TEXT kind: REDACT } }
    obligation { transform { on_class: LOCATION kind: DROP } }
    obligation { transform { on_class: INTERNAL kind: TRUNCATE_IP prefix_v4: 16 prefix_v6: 32 } }
    obligation { retention { seconds: 86400 } }
  }
  scope {
    principal: "user:test" action: INGEST action: SEAL dataset: "*" purpose: "test"
    data_class: SUBJECT_KEY data_class: QUASI_IDENTIFIER data_class: FREE_TEXT
    data_class: LOCATION data_class: INTERNAL data_class: FEATURE data_class: LABEL
  }
}
rule {
  id: "open"
  permit {
    obligation { transform { on_class: SUBJECT_KEY kind: KEEP } }
    obligation { transform { on_class: QUASI_IDENTIFIER kind: BUCKET step: 10 } }
    obligation { transform { on_class: FREE_TEXT kind: REDACT } }
    obligation { transform { on_class: LOCATION kind: KEEP } }
  }
  scope {
    principal: "user:test" action: TRAIN dataset: "*" purpose: "test"
    data_class: SUBJECT_KEY data_class: QUASI_IDENTIFIER data_class: FREE_TEXT
    data_class: LOCATION data_class: INTERNAL data_class: FEATURE data_class: LABEL
  }
}
)";

TEST_F(IngestionTest, CarriesOutTheTransformsOfThePolicy) {
  ASSERT_OK(world_->ApplyPolicy(kStrictPolicy));
  ASSERT_OK_AND_ASSIGN(const IngestionResult result,
                       IngestCsv("ann,42,1.5,secret,true,RED,Bonn,CgECAw==,7\n"
                                 "bob,-1,,,true,RED,Bonn,,7\n"
                                 "ann,50,1.5,x,true,RED,Bonn,,7\n"));
  ASSERT_OK_AND_ASSIGN(const auto users, Column("user"));
  EXPECT_EQ(users[0], users[2]);
  EXPECT_NE(users[0], users[1]);
  EXPECT_THAT(Column("age").value(), ElementsAre("40", "-10", "50"));
  EXPECT_THAT(Column("text").value(), ElementsAre("", "", ""));
  EXPECT_THAT(Column("blob").value(), ElementsAre(std::string("\x0a\x01\0\0", 4), "", ""));
  EXPECT_THAT(Column("score").value(), ElementsAre("1.5", "null", "1.5"));
  // Dropped: not stored, so no permit opens it.
  EXPECT_FALSE(Column("place.city").ok());

  const auto reviewed = [&](const std::string& name) {
    for (const ReviewedColumn& column : result.review.column()) {
      if (column.name() == name) return column;
    }
    return ReviewedColumn();
  };
  EXPECT_EQ(reviewed("age").changed(), 2u);
  EXPECT_EQ(reviewed("user").changed(), 3u);
  EXPECT_EQ(reviewed("score").values(), 2u);
  EXPECT_EQ(reviewed("score").nulls(), 1u);
  EXPECT_EQ(reviewed("score").changed(), 0u);
  EXPECT_EQ(reviewed("place.city").changed(), 3u);
  EXPECT_EQ(reviewed("blob").changed(), 1u);
  EXPECT_EQ(reviewed("text").applied().kind(), policy::REDACT);
  EXPECT_THAT(reviewed("age").from_rule(), ElementsAre("seal"));
  EXPECT_OK(Verify());
}

TEST_F(IngestionTest, MakesOtherPseudonymsInAnotherDataSet) {
  ASSERT_OK(world_->CreateDataset("twin", kFlatProto, "Flat"));
  ASSERT_OK(IngestCsv(CsvRow(1)));
  ASSERT_OK(IngestCsv(CsvRow(1), Options("twin")));
  EXPECT_NE(Column("user").value(), Column("user", "twin").value());
}

TEST_F(IngestionTest, RefusesATransformThatAColumnCannotHonour) {
  std::string policy = kStrictPolicy;
  const std::string from = "on_class: QUASI_IDENTIFIER kind: BUCKET step: 10";
  policy.replace(policy.find(from), from.size(),
                 "on_class: QUASI_IDENTIFIER kind: PSEUDONYMIZE domain: \"x\"");
  ASSERT_OK(world_->ApplyPolicy(policy));
  EXPECT_THAT(IngestCsv(CsvRow(1)),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("column age")));
  ASSERT_OK_AND_ASSIGN(const std::vector<custody::LeaseInfo> leases, custody().ListLeases());
  EXPECT_THAT(leases, IsEmpty());
}

TEST_F(IngestionTest, SuppressesWhatIsNoAddress) {
  ASSERT_OK(world_->ApplyPolicy(kStrictPolicy));
  IngestionOptions options = Options();
  options.max_skipped = 1;
  ASSERT_OK_AND_ASSIGN(const IngestionResult result,
                       IngestCsv("ann,1,,,true,RED,,AAAA,7\n" + CsvRow(2), options));
  EXPECT_THAT(skipped_, ElementsAre("in:2: blob: not an IP address"));
  EXPECT_EQ(result.review.suppressed(0).reason(), SuppressedRecords::NOT_AN_IP_ADDRESS);
  // Nothing of the suppressed row stayed in the columns before the bad one.
  EXPECT_THAT(Column("age").value(), ElementsAre("0"));
  EXPECT_EQ(result.review.column(1).values(), 1u);
}

TEST_F(IngestionTest, SignsTheReviewAndBindsItToTheSnapshot) {
  ASSERT_OK(IngestCsv(CsvRows(0, 2)));
  const std::vector<std::string> reviews = FilesEndingIn(".review");
  ASSERT_THAT(reviews, SizeIs(1));
  const std::string good = ReadAll(reviews[0]);
  EXPECT_EQ(fs::path(reviews[0]).stem(), HexEncode(crypto::Sha256(AsBytes(good))));
  EXPECT_OK(Verify());
  for (std::size_t byte = 0; byte < good.size(); byte += 7) {
    std::string bad = good;
    bad[byte] = static_cast<char>(bad[byte] ^ 1);
    WriteAll(reviews[0], bad);
    EXPECT_THAT(Verify(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("review")));
  }
  fs::remove(reviews[0]);
  EXPECT_THAT(Verify(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("missing")));
}

TEST_F(IngestionTest, ReviewsEverythingInADryRunAndWritesNothing) {
  IngestionOptions options = Options();
  options.dry_run = true;
  options.rows_per_group = 2;
  options.max_skipped = 1;
  ASSERT_OK_AND_ASSIGN(const IngestionResult result, IngestCsv(CsvRows(0, 5) + "bad\n", options));
  EXPECT_EQ(result.generation, 0u);
  EXPECT_EQ(result.rows_sealed, 0u);
  EXPECT_EQ(result.records_in, 6u);
  EXPECT_EQ(result.review.rows(), 5u);
  EXPECT_EQ(result.rows_suppressed, 1u);
  EXPECT_THAT(StoreFiles(), IsEmpty());
  EXPECT_EQ(custody().GetDataset("flat")->generation, 0u);
  ASSERT_OK_AND_ASSIGN(const std::vector<custody::LeaseInfo> leases, custody().ListLeases());
  EXPECT_THAT(leases, IsEmpty());
}

// --- resuming --------------------------------------------------------------------

TEST_F(IngestionTest, ResumesBehindWhatIsCommitted) {
  IngestionOptions options = Options();
  options.source_name = "mails.csv";
  ASSERT_OK_AND_ASSIGN(IngestionResult result, IngestCsv(CsvRows(0, 3), options));
  EXPECT_EQ(result.rows_resumed, 0u);
  // The same again: nothing to do, and that is fine.
  ASSERT_OK_AND_ASSIGN(result, IngestCsv(CsvRows(0, 3), options));
  EXPECT_EQ(result.generation, 1u);
  EXPECT_EQ(result.rows_resumed, 3u);
  EXPECT_EQ(result.rows_sealed, 0u);
  EXPECT_EQ(custody().GetDataset("flat")->generation, 1u);
  // It has grown.
  ASSERT_OK_AND_ASSIGN(result, IngestCsv(CsvRows(0, 5), options));
  EXPECT_EQ(result.generation, 2u);
  EXPECT_EQ(result.rows_resumed, 3u);
  EXPECT_EQ(result.rows_sealed, 2u);
  EXPECT_THAT(Column("age").value(), ElementsAre("0", "1", "2", "3", "4"));
  // Another source starts at its beginning, one without a name always does.
  options.source_name = "other.csv";
  ASSERT_OK_AND_ASSIGN(result, IngestCsv(CsvRows(0, 1), options));
  EXPECT_EQ(result.rows_sealed, 1u);
  options.source_name = "";
  ASSERT_OK_AND_ASSIGN(result, IngestCsv(CsvRows(0, 1), options));
  EXPECT_EQ(result.rows_sealed, 1u);
}

TEST_F(IngestionTest, CountsSkippedRecordsOfASource) {
  IngestionOptions options = Options();
  options.source_name = "s";
  options.max_skipped = 1;
  ASSERT_OK(IngestCsv(CsvRow(0) + "bad\n" + CsvRow(1), options));
  ASSERT_OK_AND_ASSIGN(const IngestionResult result,
                       IngestCsv(CsvRow(0) + "bad\n" + CsvRow(1) + CsvRow(2), options));
  EXPECT_EQ(result.rows_resumed, 3u);
  EXPECT_EQ(result.rows_suppressed, 0u);
  EXPECT_THAT(Column("age").value(), ElementsAre("0", "1", "2"));
}

TEST_F(IngestionTest, RefusesASourceThatHasShrunk) {
  IngestionOptions options = Options();
  options.source_name = "s";
  ASSERT_OK(IngestCsv(CsvRows(0, 3), options));
  EXPECT_THAT(IngestCsv(CsvRows(0, 2), options),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not the same source")));
}

TEST_F(IngestionTest, StopsCleanlyWhenAsked) {
  ASSERT_OK_AND_ASSIGN(auto job, Ingestion::Start(custody(), Options()));
  std::istringstream input(kCsvHeader + CsvRows(0, 10));
  auto source = OpenSource(Format::kCsv, input, "in", custody().GetDataset("flat")->schema);
  EXPECT_THAT(job->AppendAll(*source, nullptr, [&] { return source->position() == 4; }),
              StatusIs(absl::StatusCode::kCancelled));
  job.reset();
  EXPECT_EQ(custody().GetDataset("flat")->generation, 0u);
  EXPECT_THAT(StoreFiles(), IsEmpty());
}

TEST_F(IngestionTest, LetsOneOfTwoJobsOnTheSameSourceWin) {
  IngestionOptions options = Options();
  options.source_name = "s";
  ASSERT_OK_AND_ASSIGN(auto first, Ingestion::Start(custody(), options));
  ASSERT_OK_AND_ASSIGN(auto second, Ingestion::Start(custody(), options));
  for (Ingestion* job : {first.get(), second.get()}) {
    std::istringstream input(kCsvHeader + CsvRows(0, 4));
    auto source = OpenSource(Format::kCsv, input, "in", custody().GetDataset("flat")->schema);
    ASSERT_OK(job->AppendAll(*source, nullptr, nullptr));
  }
  EXPECT_OK(second->Commit());
  EXPECT_THAT(first->Commit(), StatusIs(absl::StatusCode::kAborted, HasSubstr("source s")));
  first.reset();
  EXPECT_THAT(Column("age").value(), SizeIs(4));
  EXPECT_THAT(FilesEndingIn(".seal"), SizeIs(1));
  EXPECT_OK(Verify());
}

TEST_F(IngestionTest, LetsJobsRaceToTheirCommits) {
  constexpr int kJobs = 6;
  std::vector<absl::StatusOr<IngestionResult>> results(kJobs, absl::UnknownError("not run"));
  std::vector<std::thread> threads;
  for (int i = 0; i < kJobs; ++i) {
    threads.emplace_back([&, i] {
      auto job = Ingestion::Start(custody(), Options());
      if (!job.ok()) {
        results[i] = job.status();
        return;
      }
      std::istringstream input(kCsvHeader + CsvRows(10 * i, 10 * i + 10));
      auto source = OpenSource(Format::kCsv, input, "in", custody().GetDataset("flat")->schema);
      absl::Status appended = (*job)->AppendAll(*source, nullptr, nullptr);
      results[i] = appended.ok() ? (*job)->Commit() : appended;
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<std::uint64_t> generations;
  for (const auto& result : results) {
    ASSERT_OK(result);
    generations.push_back(result->generation);
  }
  EXPECT_THAT(generations, ::testing::UnorderedElementsAre(1, 2, 3, 4, 5, 6));
  ASSERT_OK_AND_ASSIGN(const auto ages, Column("age"));
  EXPECT_THAT(ages, SizeIs(60));
  EXPECT_EQ(std::set<std::string>(ages.begin(), ages.end()).size(), 60u);
  EXPECT_OK(Verify());
}

// --- tampering -------------------------------------------------------------------

class TamperTest : public IngestionTest {
 protected:
  void SetUp() override {
    IngestionTest::SetUp();
    IngestionOptions options = Options();
    options.rows_per_shard = 4;
    ASSERT_OK(IngestCsv(CsvRows(0, 8), options));
    ASSERT_OK(IngestCsv(CsvRows(8, 12), options));
    ASSERT_OK(Verify());
  }
  void ExpectRefused(absl::string_view why) {
    EXPECT_THAT(Verify(), StatusIs(absl::StatusCode::kDataLoss)) << why;
    EXPECT_THAT(Column("age"), StatusIs(absl::StatusCode::kDataLoss)) << why;
  }
};

TEST_F(TamperTest, FindsAMissingShardByName) {
  const std::string path = FilesEndingIn(".seal")[1];
  fs::remove(path);
  EXPECT_THAT(Verify(),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr(fs::path(path).stem().string())));
  EXPECT_THAT(Column("age"),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr(fs::path(path).stem().string())));
}

TEST_F(TamperTest, FindsAChangedByteWithoutAKeyByShardColumnAndSegment) {
  const std::string path = FilesEndingIn(".seal")[1];
  std::string bytes = ReadAll(path);
  // Within the ciphertext of the first stream's only segment.
  const std::size_t header = *HeaderSectionBytes(AsBytes(bytes.substr(0, kHeaderPrefixBytes)));
  bytes[header + crypto::kStreamHeaderBytes + 20] ^= 1;
  WriteAll(path, bytes);
  EXPECT_THAT(Verify(), StatusIs(absl::StatusCode::kDataLoss,
                                 HasSubstr(absl::StrCat("shard ", fs::path(path).stem().string(),
                                                        " of flat: column user: segment 0"))));
}

TEST_F(TamperTest, IsFoundByAStrangerWithTheStoreADigestAndAPublicKey) {
  ASSERT_OK_AND_ASSIGN(const custody::DatasetInfo info, custody().GetDataset("flat"));
  SnapshotRef ref{
      .dataset = "flat", .generation = info.generation, .manifest_sha256 = info.manifest_sha256};
  crypto::PublicKey key = custody().manifest_public_key();
  const auto verify = [&] { return VerifySnapshot(Env::Posix(), world_->store(), ref, key); };
  ASSERT_OK_AND_ASSIGN(const DatasetReport report, verify());
  EXPECT_EQ(report.shards, 3u);
  EXPECT_EQ(report.generations_checked, 2u);

  ref.manifest_sha256[0] ^= 1;
  EXPECT_THAT(verify(), StatusIs(absl::StatusCode::kDataLoss));
  ref.manifest_sha256[0] ^= 1;
  key[0] ^= 1;
  EXPECT_THAT(verify(), StatusIs(absl::StatusCode::kDataLoss));
  key[0] ^= 1;
  ref.generation = 1;
  EXPECT_THAT(verify(), StatusIs(absl::StatusCode::kDataLoss));
  ref.generation = info.generation;
  const std::string path = FilesEndingIn(".seal")[2];
  std::string bytes = ReadAll(path);
  bytes[bytes.size() / 2] ^= 1;
  WriteAll(path, bytes);
  EXPECT_THAT(verify(),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr(fs::path(path).stem().string())));
}

TEST_F(TamperTest, FindsSwappedShards) {
  const std::vector<std::string> shards = FilesEndingIn(".seal");
  const std::string a = ReadAll(shards[0]);
  WriteAll(shards[0], ReadAll(shards[1]));
  WriteAll(shards[1], a);
  ExpectRefused("swapped");
}

TEST_F(TamperTest, FindsATruncatedOrGrownShard) {
  const std::string path = FilesEndingIn(".seal")[0];
  const std::string good = ReadAll(path);
  WriteAll(path, good.substr(0, good.size() - 1));
  ExpectRefused("truncated");
  WriteAll(path, good + "x");
  ExpectRefused("grown");
}

TEST_F(TamperTest, IgnoresAFileThatNoManifestNames) {
  WriteAll(ShardPath(world_->store(), "flat", Id{}), "not a shard");
  WriteAll(JoinPath(ManifestsFolder(world_->store(), "flat"), "99999999999999999999-x.manifest"),
           "not a manifest");
  EXPECT_OK(Verify());
  EXPECT_THAT(Column("age").value(), SizeIs(12));
}

TEST_F(TamperTest, FindsAnOlderManifestInTheNewersPlace) {
  const std::vector<std::string> manifests = FilesEndingIn(".manifest");
  ASSERT_THAT(manifests, SizeIs(2));
  const std::string old_bytes = ReadAll(manifests[0]);
  const std::string new_bytes = ReadAll(manifests[1]);
  WriteAll(manifests[1], old_bytes);
  ExpectRefused("rolled back");
  fs::remove(manifests[1]);
  ExpectRefused("missing");
  WriteAll(manifests[1], new_bytes);
  EXPECT_OK(Verify());
  fs::remove(manifests[0]);
  EXPECT_THAT(Verify(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("generation 1")));
}

TEST_F(TamperTest, FindsEveryChangedByteOfAManifest) {
  const std::string path = FilesEndingIn(".manifest")[1];
  const std::string good = ReadAll(path);
  for (std::size_t byte = 0; byte < good.size(); ++byte) {
    std::string bad = good;
    bad[byte] = static_cast<char>(bad[byte] ^ (1 << (byte % 8)));
    WriteAll(path, bad);
    ASSERT_THAT(ReadManifest(custody(), Env::Posix(), world_->store(), "flat", 2),
                StatusIs(absl::StatusCode::kDataLoss))
        << byte;
  }
  for (std::size_t size = 0; size < good.size(); ++size) {
    WriteAll(path, good.substr(0, size));
    ASSERT_THAT(ReadManifest(custody(), Env::Posix(), world_->store(), "flat", 2),
                StatusIs(absl::StatusCode::kDataLoss));
  }
  // Fields that nobody knows, behind the ones that are signed.
  WriteAll(path, good + std::string("\xf8\x01\x01", 3));
  ExpectRefused("unknown field");
}

TEST_F(TamperTest, AsksForNoKeyOfAShardThatIsNotTheManifests) {
  const std::string path = FilesEndingIn(".seal")[0];
  std::string bytes = ReadAll(path);
  bytes[20] = static_cast<char>(bytes[20] ^ 1);  // of the readable header
  WriteAll(path, bytes);
  EXPECT_THAT(Column("age"), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("header")));
}

// --- failing writes --------------------------------------------------------------

class FailingWriteTest : public IngestionTest,
                         public ::testing::WithParamInterface<FaultEnv::Op> {};

TEST_P(FailingWriteTest, LeavesTheOldGenerationAndNoTemporaries) {
  ASSERT_OK(IngestCsv(CsvRows(0, 3)));
  FaultEnv env;
  IngestionOptions options = Options();
  options.env = &env;
  options.rows_per_shard = 2;
  const std::vector<std::string> before = StoreFiles();
  bool committed = false;
  int failures = 0;
  for (int skip = 0; !committed; ++skip) {
    ASSERT_LT(skip, 200);
    env.FailOn(GetParam(), skip, absl::UnavailableError("no space left"));
    const absl::StatusOr<IngestionResult> result = IngestCsv(CsvRows(3, 8), options);
    env.Heal();
    committed = result.ok();
    if (committed) break;
    ++failures;
    EXPECT_THAT(result, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("no space left")));
    EXPECT_EQ(custody().GetDataset("flat")->generation, 1u);
    EXPECT_THAT(FilesEndingIn(".seal"), SizeIs(1));
    EXPECT_THAT(FilesEndingIn(".manifest"), SizeIs(1));
    EXPECT_THAT(FilesEndingIn(".review"), SizeIs(1));
    for (const std::string& name : StoreFiles()) {
      EXPECT_THAT(name, ::testing::Not(HasSubstr(".tmp"))) << "after " << skip;
    }
    ASSERT_OK(Verify());
  }
  EXPECT_GE(failures, 5);  // three shards, review, manifest
  ASSERT_OK_AND_ASSIGN(const std::vector<custody::LeaseInfo> leases, custody().ListLeases());
  EXPECT_THAT(leases, IsEmpty());
  EXPECT_THAT(Column("age").value(), SizeIs(8));
}
INSTANTIATE_TEST_SUITE_P(Operations, FailingWriteTest,
                         ::testing::Values(FaultEnv::Op::kAppend, FaultEnv::Op::kSync,
                                           FaultEnv::Op::kRename, FaultEnv::Op::kSyncDir,
                                           FaultEnv::Op::kOpenForWrite));

TEST_F(IngestionTest, RemovesStaleTemporariesOfKilledJobs) {
  ASSERT_OK(IngestCsv(CsvRow(0)));
  const std::string folder = ShardsFolder(world_->store(), "flat");
  const std::string stale = JoinPath(folder, "00.seal.tmp");
  const std::string fresh = JoinPath(folder, "01.seal.tmp");
  WriteAll(stale, "x");
  WriteAll(fresh, "x");
  fs::last_write_time(stale, fs::file_time_type::clock::now() - std::chrono::hours(2));
  const std::string manifest = JoinPath(ManifestsFolder(world_->store(), "flat"), "0.tmp.17");
  WriteAll(manifest, "x");
  fs::last_write_time(manifest, fs::file_time_type::clock::now() - std::chrono::hours(2));
  ASSERT_OK(IngestCsv(CsvRow(1)));
  EXPECT_FALSE(fs::exists(stale));
  EXPECT_FALSE(fs::exists(manifest));
  EXPECT_TRUE(fs::exists(fresh));
}

TEST_F(IngestionTest, RefusesToGoOnAfterItsEnd) {
  ASSERT_OK_AND_ASSIGN(auto job, Ingestion::Start(custody(), Options()));
  auto record = custody().GetDataset("flat")->schema->NewRecord();
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString("user: 'a'", record.get()));
  ASSERT_OK(job->Append(*record));
  ASSERT_OK(job->Commit());
  EXPECT_THAT(job->Append(*record), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(job->Commit(), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(IngestionTest, OpensAgainInANewProcess) {
  ASSERT_OK(IngestCsv(CsvRows(0, 4)));
  ASSERT_OK(world_->Reopen());
  EXPECT_THAT(Column("age").value(), ElementsAre("0", "1", "2", "3"));
}

}  // namespace
}  // namespace sealtrain::pipeline
