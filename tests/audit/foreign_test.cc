// A log written by us, verified by an implementation that is not ours.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/tests/util/temp_dir.h"

namespace sealtrain::audit {
namespace {

constexpr char kGo[] = "/usr/bin/go";
constexpr char kGoPath[] = "/usr/share/gocode";

class ForeignVerifierTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kGo)) GTEST_SKIP() << "no Go compiler at " << kGo;
    if (!std::filesystem::exists(absl::StrCat(kGoPath, "/src/golang.org/x/mod/sumdb/tlog"))) {
      GTEST_SKIP() << "no golang.org/x/mod below " << kGoPath;
    }
    // The build cache outlives the test: compiling Go's library takes long.
    const std::string build =
        absl::StrCat("GOCACHE=$PWD/" SEALTRAIN_BIN_DIR
                     "/../go-cache && export GOCACHE && cd " SEALTRAIN_SOURCE_DIR
                     "/tests/audit/foreign && env GO111MODULE=off GOFLAGS= GOPATH=",
                     kGoPath, " ", kGo, " build -o ", verifier_, " main.go");
    ASSERT_EQ(std::system(build.c_str()), 0);
  }

  bool Accepts(const std::string& directory, const VerifierKey& key) {
    return std::system(absl::StrCat(verifier_, " ", directory, " ", FormatVkey(key), " >",
                                    dir_.Join("output"), " 2>&1")
                           .c_str()) == 0;
  }
  std::string Output() { return ReadText(dir_.Join("output")); }

  testing::TempDir dir_;
  const std::string verifier_ = dir_.Join("verifier");
};

TEST_F(ForeignVerifierTest, AcceptsWhatWeWrite) {
  for (const std::uint64_t size : {1, 2, 255, 256, 257, 600}) {
    const std::string log = dir_.Join(absl::StrCat("log", size));
    MakeLogAtOnce(log, size - 1);
    {
      ASSERT_OK_AND_ASSIGN(auto writer, OpenTestLog(Env::Posix(), log));
      ASSERT_OK(writer->Append(TestEvent(size - 1)));
    }
    EXPECT_TRUE(Accepts(log, TestVerifier())) << Output();
    EXPECT_EQ(Output(), absl::StrCat("OK ", size, "\n"));
  }
}

TEST_F(ForeignVerifierTest, RejectsAnotherKeyAndAChangedEntry) {
  const std::string log = dir_.Join("log");
  MakeLogAtOnce(log, 300);
  ASSERT_TRUE(Accepts(log, TestVerifier())) << Output();
  EXPECT_FALSE(Accepts(log, TestVerifier(8)));
  std::string bundle = ReadText(log + "/tile/entries/000");
  bundle[bundle.find("job:77")] = 'J';
  WriteText(log + "/tile/entries/000", bundle);
  EXPECT_FALSE(Accepts(log, TestVerifier()));
  EXPECT_THAT(Output(), ::testing::HasSubstr("entry 77"));
}

}  // namespace
}  // namespace sealtrain::audit
