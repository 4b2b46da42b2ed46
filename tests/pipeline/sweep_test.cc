// What crashed jobs left: found, removed when it is old, and nothing else.
#include "sealtrain/pipeline/sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "sealtrain/pipeline/dataset/store_layout.h"
#include "sealtrain/tests/pipeline/ingestion_fixture.h"
#include "sealtrain/tests/pipeline/shard_fixture.h"

namespace sealtrain::pipeline {
namespace {

namespace fs = std::filesystem;
using ::sealtrain::testing::CsvRows;
using ::sealtrain::testing::IngestionTest;
using ::sealtrain::testing::ReadAll;
using ::sealtrain::testing::StatusIs;
using ::sealtrain::testing::WriteAll;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SweepTest : public IngestionTest {
 protected:
  void SetUp() override {
    IngestionTest::SetUp();
    ASSERT_OK(IngestCsv(CsvRows(0, 3)));
    ASSERT_OK(IngestCsv(CsvRows(3, 5)));
  }

  std::string Path(const std::string& name) const {
    return JoinPath(JoinPath(world_->store(), "flat"), name);
  }
  void Leave(const std::string& name, int hours_old, const std::string& bytes = "left behind") {
    WriteAll(Path(name), bytes);
    fs::last_write_time(Path(name),
                        fs::file_time_type::clock::now() - std::chrono::hours(hours_old));
  }
  void AgeEverything() {
    for (const std::string& path : StoreFiles()) {
      fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(1000));
    }
  }
  absl::StatusOr<SweepReport> Sweep(const SweepOptions& options = {}) {
    return SweepDataset(custody(), Env::Posix(), world_->store(), "flat", options);
  }
  static std::vector<std::string> Names(const std::vector<Orphan>& orphans) {
    std::vector<std::string> names;
    for (const Orphan& orphan : orphans) names.push_back(orphan.name);
    return names;
  }

  const std::string shard_ = "shards/" + std::string(32, 'a') + ".seal";
  const std::string half_shard_ = "shards/" + std::string(32, 'b') + ".seal.tmp";
  const std::string review_ = "reviews/" + std::string(64, 'a') + ".review";
  const std::string half_review_ = "reviews/" + std::string(64, 'b') + ".review.tmp.4711";
  const std::string manifest_ =
      "manifests/00000000000000000003-" + std::string(64, 'a') + ".manifest";
};

TEST_F(SweepTest, RemovesEveryKindOfOrphanAndNoFileOfASnapshot) {
  const std::vector<std::string> before = StoreFiles();
  AgeEverything();
  for (const std::string& name : {shard_, half_shard_, review_, half_review_, manifest_}) {
    Leave(name, 26);
  }
  ASSERT_OK_AND_ASSIGN(const SweepReport report, Sweep());
  EXPECT_THAT(Names(report.swept),
              ElementsAre(manifest_, review_, half_review_, shard_, half_shard_));
  EXPECT_EQ(report.swept[0].bytes, 11u);
  EXPECT_THAT(report.young, IsEmpty());
  EXPECT_EQ(StoreFiles(), before);
  EXPECT_OK(Verify());
  EXPECT_THAT(Column("age").value(), SizeIs(5));
}

TEST_F(SweepTest, NeverTouchesWhatIsYoung) {
  Leave(shard_, 24);
  Leave(half_shard_, 26);
  ASSERT_OK_AND_ASSIGN(SweepReport report, Sweep());
  EXPECT_THAT(Names(report.swept), ElementsAre(half_shard_));
  EXPECT_THAT(Names(report.young), ElementsAre(shard_));
  EXPECT_TRUE(fs::exists(Path(shard_)));
  ASSERT_OK_AND_ASSIGN(report, Sweep({.older_than = absl::Hours(23)}));
  EXPECT_THAT(Names(report.swept), ElementsAre(shard_));
  EXPECT_FALSE(fs::exists(Path(shard_)));
  EXPECT_THAT(Sweep({.older_than = absl::Minutes(59)}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Sweep({.older_than = -absl::InfiniteDuration()}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(SweepTest, RemovesNothingInADryRun) {
  Leave(shard_, 26);
  ASSERT_OK_AND_ASSIGN(const SweepReport report, Sweep({.dry_run = true}));
  EXPECT_THAT(Names(report.swept), ElementsAre(shard_));
  EXPECT_TRUE(fs::exists(Path(shard_)));
}

TEST_F(SweepTest, LeavesWhatNoJobWrites) {
  // Names that are almost a job's, a link with a job's name, and a folder.
  for (const std::string name : {"shards/notes.txt", "shards/AAAA.seal", "commit.lock",
                                 "reviews/..review", "manifests/x.tmp"}) {
    Leave(name, 1000);
  }
  fs::create_symlink(Path("shards/notes.txt"), Path(shard_));
  fs::create_directory(Path(review_));
  const std::vector<std::string> before = StoreFiles();
  ASSERT_OK_AND_ASSIGN(const SweepReport report, Sweep());
  EXPECT_THAT(report.swept, IsEmpty());
  EXPECT_EQ(StoreFiles(), before);
}

TEST_F(SweepTest, WaitsForALivingJob) {
  Leave(shard_, 26);
  ASSERT_OK_AND_ASSIGN(auto job, Ingestion::Start(custody(), Options()));
  EXPECT_THAT(Sweep(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("a job is writing")));
  EXPECT_TRUE(fs::exists(Path(shard_)));
  job.reset();
  EXPECT_OK(Sweep());
  EXPECT_FALSE(fs::exists(Path(shard_)));
}

TEST_F(SweepTest, RefusesWhereAManifestIsMissing) {
  Leave(shard_, 26);
  fs::remove(FilesEndingIn(".manifest")[0]);
  EXPECT_THAT(Sweep(), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_TRUE(fs::exists(Path(shard_)));
}

TEST_F(SweepTest, KnowsNoFilesOfADataSetThatHasNone) {
  ASSERT_OK(world_->CreateDataset("other", ::sealtrain::testing::kFlatProto, "Flat"));
  ASSERT_OK_AND_ASSIGN(const SweepReport report,
                       SweepDataset(custody(), Env::Posix(), world_->store(), "other", {}));
  EXPECT_THAT(report.swept, IsEmpty());
  EXPECT_THAT(SweepDataset(custody(), Env::Posix(), world_->store(), "nobody", {}),
              StatusIs(absl::StatusCode::kNotFound));
}

// --- custody's state restored from a backup ----------------------------------------

class RestoredCustodyTest : public SweepTest {
 protected:
  // Keeps custody's state as it is now.
  void BackUp() {
    world_->Close();
    fs::copy(world_->home(), world_->folder().Join("backup"), fs::copy_options::recursive);
    ASSERT_OK(world_->Reopen());
  }
  void Restore() {
    world_->Close();
    fs::remove_all(world_->home());
    fs::copy(world_->folder().Join("backup"), world_->home(), fs::copy_options::recursive);
    ASSERT_OK(world_->Reopen());
  }
};

TEST_F(RestoredCustodyTest, IsSeenOnceTwoSnapshotsAreMissing) {
  BackUp();
  ASSERT_OK(IngestCsv(CsvRows(5, 6)));
  ASSERT_OK(IngestCsv(CsvRows(6, 7)));
  Restore();
  AgeEverything();
  const std::vector<std::string> before = StoreFiles();
  const auto is_seen =
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("custody's state is older than the store"));
  EXPECT_THAT(Verify(), is_seen);
  EXPECT_THAT(Sweep(), is_seen);
  EXPECT_THAT(IngestCsv(CsvRows(5, 6)), is_seen);
  EXPECT_THAT(Column("age"), is_seen);
  EXPECT_EQ(StoreFiles(), before);
}

TEST_F(RestoredCustodyTest, LosesNoFileOfTheOneSnapshotThatIsMissing) {
  BackUp();
  ASSERT_OK(IngestCsv(CsvRows(5, 6)));
  Restore();
  AgeEverything();
  const std::vector<std::string> before = StoreFiles();
  // A job that was killed at its very end would have left the same.
  ASSERT_OK_AND_ASSIGN(SweepReport report, Sweep());
  EXPECT_THAT(report.swept, IsEmpty());
  EXPECT_THAT(report.unsettled, SizeIs(3));
  EXPECT_EQ(StoreFiles(), before);
  // The next commit takes its place, and then it is an orphan.
  ASSERT_OK(IngestCsv(CsvRows(5, 7)));
  AgeEverything();
  ASSERT_OK_AND_ASSIGN(report, Sweep());
  EXPECT_THAT(report.swept, SizeIs(3));
  EXPECT_THAT(report.unsettled, IsEmpty());
  EXPECT_OK(Verify());
  EXPECT_THAT(Column("age").value(), SizeIs(7));
}

TEST_F(RestoredCustodyTest, IsNotBelievedOfAManifestThatCustodyDidNotSign) {
  // The newest manifest under the name of a later one, and nonsense.
  const std::string newest = FilesEndingIn(".manifest").back();
  const std::string digest = fs::path(newest).filename().string().substr(20);
  Leave("manifests/00000000000000000009" + digest, 1000, ReadAll(newest));
  Leave("manifests/18446744073709551615" + digest, 1000, ReadAll(newest));
  Leave("manifests/99999999999999999999" + digest, 1000, ReadAll(newest));
  EXPECT_OK(Verify());
  ASSERT_OK_AND_ASSIGN(const SweepReport report, Sweep());
  EXPECT_THAT(report.swept, SizeIs(3));
}

}  // namespace
}  // namespace sealtrain::pipeline
