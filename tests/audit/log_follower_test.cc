#include "sealtrain/audit/log_follower.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

class LogFollowerTest : public ::testing::Test {
 protected:
  void SetUp() override { MakeLog(log_dir_, 3); }
  void Grow(const std::string& directory, std::uint64_t begin, std::uint64_t end) {
    ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(env, directory));
    for (std::uint64_t n = begin; n < end; ++n) ASSERT_OK(log->Append(TestEvent(n)));
  }
  absl::StatusOr<std::unique_ptr<LogFollower>> Follow(std::optional<std::uint64_t> begin) {
    return LogFollower::Open(
        env,
        {.log_directory = log_dir_, .trusted_vkeys = {}, .state_file = state_, .begin = begin});
  }
  // Replaces the log by another one of these events, signed by the same key.
  void Replace(std::uint64_t first, std::uint64_t last) {
    std::filesystem::remove_all(log_dir_);
    ASSERT_OK(AuditLog::Create(env, TestOptions(log_dir_), TestKey()));
    Grow(log_dir_, first, last);
  }

  TempDir dir_;
  const std::string log_dir_ = dir_.Join("audit");
  const std::string state_ = dir_.Join("seen");
  std::vector<std::uint64_t> shown_;
  const std::function<void(const Entry&)> show_ = [this](const Entry& entry) {
    shown_.push_back(entry.index);
  };
  const std::function<absl::Status()> flush_ = [] { return absl::OkStatus(); };
};

TEST_F(LogFollowerTest, ShowsEachEntryOnce) {
  ASSERT_OK_AND_ASSIGN(auto follower, Follow(1));
  ASSERT_OK_AND_ASSIGN(std::uint64_t count, follower->Poll(show_, flush_));
  EXPECT_EQ(count, 2u);
  ASSERT_OK_AND_ASSIGN(count, follower->Poll(show_, flush_));
  EXPECT_EQ(count, 0u);
  Grow(log_dir_, 3, 300);
  ASSERT_OK_AND_ASSIGN(count, follower->Poll(show_, flush_));
  EXPECT_EQ(count, 297u);
  ASSERT_EQ(shown_.size(), 299u);
  for (std::size_t i = 0; i < shown_.size(); ++i) EXPECT_EQ(shown_[i], i + 1);
}

TEST_F(LogFollowerTest, BeginsWithWhatComesNext) {
  ASSERT_OK_AND_ASSIGN(auto follower, Follow(std::nullopt));
  ASSERT_OK(follower->Poll(show_, flush_));
  EXPECT_THAT(shown_, IsEmpty());
  Grow(log_dir_, 3, 4);
  ASSERT_OK(follower->Poll(show_, flush_));
  EXPECT_THAT(shown_, ElementsAre(3));
}

TEST_F(LogFollowerTest, GoesOnFromItsState) {
  ASSERT_OK_AND_ASSIGN(auto follower, Follow(0));
  ASSERT_OK(follower->Poll(show_, flush_));
  EXPECT_EQ(ReadText(state_), ReadText(log_dir_ + "/checkpoint"));
  follower.reset();
  Grow(log_dir_, 3, 5);
  shown_.clear();
  ASSERT_OK_AND_ASSIGN(follower, Follow(0));
  ASSERT_OK(follower->Poll(show_, flush_));
  EXPECT_THAT(shown_, ElementsAre(3, 4));
}

TEST_F(LogFollowerTest, ShowsAgainWhatCouldNotBeFlushed) {
  ASSERT_OK_AND_ASSIGN(auto follower, Follow(0));
  EXPECT_THAT(follower->Poll(show_, [] { return absl::UnavailableError("full"); }),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_FALSE(env.Exists(state_));
  shown_.clear();
  ASSERT_OK(follower->Poll(show_, flush_));
  EXPECT_THAT(shown_, ElementsAre(0, 1, 2));
}

TEST_F(LogFollowerTest, FindsARollback) {
  ASSERT_OK_AND_ASSIGN(auto follower, Follow(0));
  ASSERT_OK(follower->Poll(show_, flush_));
  Replace(0, 2);
  EXPECT_THAT(follower->Poll(show_, flush_),
              StatusIs(kDataLoss, HasSubstr(state_ + ": signs size 3, but the log has size 2")));
  ASSERT_OK_AND_ASSIGN(auto later, Follow(0));
  EXPECT_THAT(later->Poll(show_, flush_), StatusIs(kDataLoss, HasSubstr("rolled back")));
  EXPECT_EQ(shown_.size(), 3u);
}

TEST_F(LogFollowerTest, FindsAForkOfTheSameAndOfALargerSize) {
  ASSERT_OK_AND_ASSIGN(auto follower, Follow(0));
  ASSERT_OK(follower->Poll(show_, flush_));
  for (const std::uint64_t last : {13, 20}) {
    Replace(10, last);
    EXPECT_THAT(follower->Poll(show_, flush_),
                StatusIs(kDataLoss, HasSubstr("signs another history")));
  }
  EXPECT_EQ(shown_.size(), 3u);
  EXPECT_THAT(ReadText(state_), HasSubstr("\n3\n"));
}

TEST_F(LogFollowerTest, RefusesAnotherKeyAndAStateThatIsNone) {
  ASSERT_OK_AND_ASSIGN(auto follower, Follow(0));
  ASSERT_OK(follower->Poll(show_, flush_));
  std::filesystem::remove_all(log_dir_);
  ASSERT_OK(AuditLog::Create(env, TestOptions(log_dir_), TestKey(8)));
  EXPECT_THAT(follower->Poll(show_, flush_),
              StatusIs(kDataLoss, HasSubstr("not the trusted verifier key")));
  EXPECT_THAT(Follow(0), StatusIs(kDataLoss, HasSubstr(state_)));
  WriteText(state_, "");
  EXPECT_THAT(Follow(0), StatusIs(kDataLoss, HasSubstr(state_)));
}

TEST_F(LogFollowerTest, RefusesABeginBehindTheEnd) {
  ASSERT_OK_AND_ASSIGN(auto follower, Follow(4));
  EXPECT_THAT(follower->Poll(show_, flush_), StatusIs(absl::StatusCode::kOutOfRange));
}

TEST_F(LogFollowerTest, ShowsNoChangedEntry) {
  const std::string bundle = log_dir_ + "/tile/entries/000.p/3";
  std::string bytes = ReadText(bundle);
  bytes[bytes.find("job:1")] = 'J';
  WriteText(bundle, bytes);
  ASSERT_OK_AND_ASSIGN(auto follower, Follow(0));
  EXPECT_THAT(follower->Poll(show_, flush_), StatusIs(kDataLoss));
  EXPECT_THAT(shown_, IsEmpty());
  EXPECT_FALSE(env.Exists(state_));
}

}  // namespace
}  // namespace sealtrain::audit
