// The verifier in tests/audit/foreign, which is not ours: one process for any
// number of cases.
#ifndef SEALTRAIN_TESTS_AUDIT_FOREIGN_VERIFIER_H_
#define SEALTRAIN_TESTS_AUDIT_FOREIGN_VERIFIER_H_

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/util/temp_dir.h"

namespace sealtrain::audit {

class ForeignVerifierTest : public ::testing::Test {
 protected:
  static constexpr char kGo[] = "/usr/bin/go";
  static constexpr char kGoPath[] = "/usr/share/gocode";

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

  static std::string LogCase(const std::string& directory, const VerifierKey& key,
                             const std::vector<std::string>& old_files = {}) {
    std::vector<std::string> fields = {"log", directory, FormatVkey(key)};
    fields.insert(fields.end(), old_files.begin(), old_files.end());
    return absl::StrJoin(fields, "\t");
  }

  // What it says of each case, in order: "OK <size>" or "FAIL <why>".
  std::vector<std::string> Verdicts(const std::vector<std::string>& cases) {
    WriteText(dir_.Join("cases"), absl::StrCat(absl::StrJoin(cases, "\n"), "\n"));
    EXPECT_EQ(
        std::system(
            absl::StrCat(verifier_, " <", dir_.Join("cases"), " >", dir_.Join("verdicts")).c_str()),
        0);
    std::vector<std::string> verdicts =
        absl::StrSplit(ReadText(dir_.Join("verdicts")), '\n', absl::SkipEmpty());
    EXPECT_EQ(verdicts.size(), cases.size());
    verdicts.resize(cases.size());
    return verdicts;
  }
  std::string Verdict(const std::string& one) { return Verdicts({one})[0]; }

  testing::TempDir dir_{testing::TempDir::ParentInMemory()};
  const std::string verifier_ = dir_.Join("verifier");
};

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_TESTS_AUDIT_FOREIGN_VERIFIER_H_
