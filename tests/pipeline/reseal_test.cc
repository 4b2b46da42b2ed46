// A reseal in the store: the same shards, read under another policy.
#include "sealtrain/pipeline/reseal.h"

#include <fstream>

#include "absl/strings/str_replace.h"
#include "sealtrain/tests/pipeline/ingestion_fixture.h"

namespace sealtrain::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class ResealTest : public IngestionTest {
 protected:
  // Lets the same people train for another purpose, and reseal.
  absl::Status ApplyLooserPolicy() {
    const std::string rules = absl::StrReplaceAll(
        TestWorld::kKeepPolicy,
        {{"purpose: \"test\"\nrule {", R"(purpose: "test" purpose: "other"
          rule { id: "reseal" permit {}
            scope { principal: "user:test" action: CHANGE_POLICY dataset: "*" purpose: "test" } }
          rule {)"},
         {"action: TRAIN action: EVALUATE dataset: \"*\" purpose: \"test\"",
          "action: TRAIN action: EVALUATE dataset: \"*\" purpose: \"test\" purpose: \"other\""}});
    return world_->ApplyPolicy(rules);
  }
  absl::StatusOr<pipeline::ResealResult> Reseal() {
    return pipeline::ResealDataset(
        custody(), Env::Posix(), world_->store(),
        {.principal = TestWorld::kPrincipal, .dataset = "flat", .purpose = TestWorld::kPurpose});
  }
  absl::StatusOr<std::vector<std::string>> AgesForOther() {
    custody::TrainRequest request = TrainRequestFor({"age"});
    request.purpose = "other";
    return ColumnOf(custody(), world_->store(), request, "age");
  }
};

TEST_F(ResealTest, OpensTheSameShardsUnderTheNewPolicy) {
  ASSERT_OK(IngestCsv(CsvRows(0, 3)));
  ASSERT_OK(ApplyLooserPolicy());
  EXPECT_THAT(AgesForOther(), StatusIs(absl::StatusCode::kPermissionDenied,
                                       HasSubstr("sealed under \"test\" version 1")));
  const std::vector<std::string> shards = FilesEndingIn(".seal");
  ASSERT_OK_AND_ASSIGN(const pipeline::ResealResult result, Reseal());
  EXPECT_EQ(result.generation, 2u);
  EXPECT_EQ(result.policy_version, 2u);
  EXPECT_EQ(FilesEndingIn(".seal"), shards);
  ASSERT_OK_AND_ASSIGN(const std::vector<std::string> ages, AgesForOther());
  EXPECT_THAT(ages, ElementsAre("0", "1", "2"));
  ASSERT_OK_AND_ASSIGN(const pipeline::DatasetReport report, Verify());
  EXPECT_EQ(report.generations_checked, 2u);
  EXPECT_THAT(Reseal(), StatusIs(absl::StatusCode::kAlreadyExists));
}

TEST_F(ResealTest, IsCarriedOnByLaterCommits) {
  ASSERT_OK(IngestCsv(CsvRows(0, 3)));
  ASSERT_OK(ApplyLooserPolicy());
  ASSERT_OK(Reseal());
  ASSERT_OK(IngestCsv(CsvRows(3, 5)));
  EXPECT_OK(Verify());
  ASSERT_OK_AND_ASSIGN(const std::vector<std::string> ages, AgesForOther());
  EXPECT_THAT(ages, SizeIs(5));
}

TEST_F(ResealTest, IsRefusedWhereNothingIsDecided) {
  EXPECT_THAT(Reseal(), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK(IngestCsv(CsvRows(0, 3)));
  EXPECT_THAT(Reseal(), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(FilesEndingIn(".manifest"), SizeIs(1));
}

// A store that cannot be written keeps the old snapshot, and no lease is left.
TEST_F(ResealTest, LeavesNothingBehindWhenTheManifestIsDamaged) {
  ASSERT_OK(IngestCsv(CsvRows(0, 3)));
  ASSERT_OK(ApplyLooserPolicy());
  std::ofstream(FilesEndingIn(".manifest").front()) << "damaged";
  EXPECT_THAT(Reseal(), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(*custody().ListLeases(), SizeIs(0));
  EXPECT_EQ(custody().GetDataset("flat")->generation, 1u);
}

}  // namespace
}  // namespace sealtrain::testing
