#include "sealtrain/audit/witness_client.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "sealtrain/audit/cosignature.h"
#include "sealtrain/audit/witness.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/tests/util/temp_dir.h"

namespace sealtrain::audit {
namespace {

using ::sealtrain::testing::StatusIs;
using ::sealtrain::testing::TempDir;
using ::testing::HasSubstr;

class WitnessClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MakeLog(log_dir_, 5);
    ASSERT_OK_AND_ASSIGN(
        witness_,
        Witness::Open(
            env, {.state_directory = dir_.Join("state"), .name = "w", .logs = {TestVerifier()}},
            TestKey(0x15)));
  }
  void Append(const std::string& directory, std::uint64_t begin, std::uint64_t end,
              std::uint64_t offset = 0) {
    ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(env, directory));
    for (std::uint64_t n = begin; n < end; ++n) ASSERT_OK(log->Append(TestEvent(n + offset)));
  }
  absl::StatusOr<std::string> Ask(const std::string& directory) {
    ST_ASSIGN_OR_RETURN(const auto log, LogReader::Open(env, directory));
    requests_ = 0;
    return AskForCosignature(*log, log->checkpoint_note(), witness_->public_key(),
                             [&](const std::string& body) -> absl::StatusOr<WitnessAnswer> {
                               ++requests_;
                               return witness_->AddCheckpoint(body);
                             });
  }
  absl::StatusOr<std::string> Take(int status, const std::string& body) {
    ST_ASSIGN_OR_RETURN(const auto log, LogReader::Open(env, log_dir_));
    return TakeAnswer(log->checkpoint_note(),
                      {.status = status, .content_type = "text/plain", .body = body},
                      witness_->public_key());
  }

  TempDir dir_{TempDir::ParentInMemory()};
  const std::string log_dir_ = dir_.Join("log");
  std::unique_ptr<Witness> witness_;
  int requests_ = 0;
};

TEST_F(WitnessClientTest, GetsCosignaturesAsTheLogGrows) {
  for (const std::uint64_t size : {5, 6, 6, 13}) {
    ASSERT_OK_AND_ASSIGN(const auto before, LogReader::Open(env, log_dir_));
    Append(log_dir_, before->checkpoint().size, size);
    ASSERT_OK_AND_ASSIGN(const std::string note, Ask(log_dir_));
    EXPECT_EQ(requests_, size == 5 ? 1 : 2);
    ASSERT_OK_AND_ASSIGN(const Checkpoint checkpoint, VerifyCheckpoint(note, TestVerifier()));
    EXPECT_EQ(checkpoint.size, size);
    EXPECT_TRUE(CosignedAt(*ParseNote(note), witness_->public_key())->has_value());
  }
}

TEST_F(WitnessClientTest, FindsARollback) {
  const std::string earlier = dir_.Join("earlier");
  CopyLog(log_dir_, earlier);
  Append(log_dir_, 5, 8);
  ASSERT_OK(Ask(log_dir_));
  EXPECT_THAT(Ask(earlier), StatusIs(kDataLoss, HasSubstr("rolled back")));
}

TEST_F(WitnessClientTest, FindsAForkAndAResignedTail) {
  const std::string fork = dir_.Join("fork");
  CopyLog(log_dir_, fork);
  Append(log_dir_, 5, 8);
  ASSERT_OK(Ask(log_dir_));
  Append(fork, 5, 12, /*offset=*/1000);  // what came after 5, written anew and signed
  ASSERT_OK(VerifyLog(fork));
  EXPECT_THAT(Ask(fork), StatusIs(kDataLoss, HasSubstr("another history")));
  // Of the same size.
  const std::string same_size = dir_.Join("same_size");
  MakeLog(same_size, 5);
  Append(same_size, 5, 8, 1000);
  EXPECT_THAT(Ask(same_size), StatusIs(kDataLoss, HasSubstr("another history")));
}

TEST_F(WitnessClientTest, SaysWhatAWitnessAnswers) {
  EXPECT_THAT(Take(200, "nonsense\n"), StatusIs(kInvalid, HasSubstr("200: nonsense")));
  EXPECT_THAT(Take(400, "why\n"), StatusIs(kInvalid, HasSubstr("400: why")));
  EXPECT_THAT(Take(403, "why\n"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Take(404, "why\n"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Take(409, "3\n"), StatusIs(absl::StatusCode::kAborted, HasSubstr("409: 3")));
  EXPECT_THAT(Take(422, "why\n"), StatusIs(kDataLoss));
  for (const int status : {0, 100, 201, 204, 302, 500, 503}) {
    EXPECT_THAT(Take(status, ""), StatusIs(absl::StatusCode::kUnavailable)) << status;
  }
  const absl::Status hostile = Take(500, "\x1B[2J" + std::string(1000, 'x')).status();
  EXPECT_EQ(hostile.message().find('\x1B'), absl::string_view::npos);
  EXPECT_LT(hostile.message().size(), 300u);
}

TEST_F(WitnessClientTest, GivesUpOnAWitnessThatNamesAnotherSizeEachTime) {
  ASSERT_OK_AND_ASSIGN(const auto log, LogReader::Open(env, log_dir_));
  int requests = 0;
  const auto result =
      AskForCosignature(*log, log->checkpoint_note(), witness_->public_key(),
                        [&](const std::string&) -> absl::StatusOr<WitnessAnswer> {
                          return OtherSizeAnswer(static_cast<std::uint64_t>(++requests % 2 + 1));
                        });
  EXPECT_THAT(result, StatusIs(absl::StatusCode::kAborted));
  EXPECT_LE(requests, 10);
}

TEST_F(WitnessClientTest, FindsCosignedCheckpointsBesideALog) {
  EXPECT_TRUE(ReadCosigned(env, log_dir_)->empty());
  ASSERT_OK_AND_ASSIGN(const std::string note, Ask(log_dir_));
  EXPECT_EQ(CosignedPath(5), "checkpoints/5.cosigned");
  WriteText(JoinPath(log_dir_, CosignedPath(5)), note);
  WriteText(JoinPath(log_dir_, "checkpoints/05.cosigned"), "no");
  WriteText(JoinPath(log_dir_, "checkpoints/5.cosigned.tmp"), "no");
  ASSERT_OK_AND_ASSIGN(const auto cosigned, ReadCosigned(env, log_dir_));
  ASSERT_EQ(cosigned.size(), 1u);
  EXPECT_EQ(cosigned[0].name, "checkpoints/5.cosigned");
  EXPECT_EQ(cosigned[0].note, note);
  // Readers that know nothing of them are not disturbed, nor is the writer.
  ASSERT_OK(VerifyLog(log_dir_, {note}));
  Append(log_dir_, 5, 6);
  ASSERT_OK(VerifyLog(log_dir_, {note}));
  EXPECT_TRUE(ReadCosigned(env, dir_.Join("none"))->empty());
}

}  // namespace
}  // namespace sealtrain::audit
