// Ingestion where the kernel stops giving random bytes, at each draw in turn.
#include <filesystem>
#include <sstream>
#include <string>

#include "sealtrain/base/status_macros.h"
#include "sealtrain/pipeline/ingestion.h"
#include "sealtrain/tests/pipeline/schema_fixture.h"
#include "sealtrain/tests/util/getrandom_seam.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/tests/util/test_world.h"

namespace sealtrain::pipeline {
namespace {

namespace fs = std::filesystem;
using ::sealtrain::testing::FailsAfter;
using ::sealtrain::testing::kFlatProto;
using ::sealtrain::testing::ScopedGetrandom;
using ::sealtrain::testing::TestWorld;

absl::Status IngestThreeRows(TestWorld& world) {
  IngestionOptions options;
  options.store = world.store();
  options.request = {
      .principal = TestWorld::kPrincipal, .dataset = "flat", .purpose = TestWorld::kPurpose};
  ST_ASSIGN_OR_RETURN(auto job, Ingestion::Start(world.custody(), options));
  ST_ASSIGN_OR_RETURN(const auto info, world.custody().GetDataset("flat"));
  std::istringstream input(
      "user,age,score,text,spam,color,place.city,blob,big\n"
      "a,1,1.5,one,true,RED,Bonn,,1\nb,2,2.5,two,true,RED,Bonn,,2\nc,3,3.5,x,true,RED,Bonn,,3\n");
  auto source = OpenSource(Format::kCsv, input, "in", info.schema);
  ST_RETURN_IF_ERROR(job->AppendAll(*source, nullptr, nullptr));
  return job->Commit().status();
}

// Names of all files with a byte in them; the lock of a commit has none.
std::string FilesIn(const std::string& folder) {
  std::string files;
  if (!fs::exists(folder)) return "";
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.file_size() > 0) files += entry.path().string() + "\n";
  }
  return files;
}

TEST(IngestionWithoutRandomBytes, FailsAndLeavesNoFile) {
  ASSERT_OK_AND_ASSIGN(auto world, TestWorld::Create());
  ASSERT_OK(world->ApplyPolicy(TestWorld::kKeepPolicy));
  ASSERT_OK(world->CreateDataset("flat", kFlatProto, "Flat"));
  int draws = 0;
  for (;; ++draws) {
    absl::Status ingested;
    {
      const ScopedGetrandom seam(FailsAfter(draws));
      ingested = IngestThreeRows(*world);
    }
    if (ingested.ok()) break;
    ASSERT_TRUE(absl::IsUnavailable(ingested)) << "after " << draws << " draws: " << ingested;
    ASSERT_OK_AND_ASSIGN(const auto info, world->custody().GetDataset("flat"));
    ASSERT_EQ(info.generation, 0u) << "after " << draws << " draws";
    ASSERT_EQ(FilesIn(world->store()), "") << "after " << draws << " draws";
  }
  // Ids, an IV for each column and the index, a nonce for each segment.
  EXPECT_GT(draws, 20);
  ASSERT_OK_AND_ASSIGN(const auto info, world->custody().GetDataset("flat"));
  EXPECT_EQ(info.generation, 1u);
  EXPECT_EQ(info.rows, 3u);
}

}  // namespace
}  // namespace sealtrain::pipeline
