#include "sealtrain/audit/lint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sealtrain/audit/tree_writer.h"
#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/tests/util/temp_dir.h"

namespace sealtrain::audit {
namespace {

using ::sealtrain::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LintTest : public ::testing::Test {
 protected:
  void Add(const Event& event) { entries_.push_back(event.SerializeAsString()); }
  void Add(EventType type, Phase phase, const std::string& request = "") {
    Event event = TestEvent(entries_.size());
    event.set_type(type);
    event.set_phase(phase);
    event.set_request_uid(request);
    Add(event);
  }
  // "index code" of each finding.
  std::vector<std::string> Lint() {
    const std::string log_dir = dir_.Join("audit");
    const Checkpoint empty{.origin = kTestOrigin, .size = 0, .root = crypto::Sha256({})};
    auto tree = TreeWriter::Load(env, log_dir, empty);
    for (const std::string& entry : entries_) tree->Add(entry);
    const auto note = SignCheckpoint(
        {.origin = kTestOrigin, .size = tree->size(), .root = tree->Root()}, TestKey());
    EXPECT_OK(PublishedFiles(env, log_dir).Publish(tree->Take(*note)));
    WriteText(log_dir + "/log.vkey", FormatVkey(TestVerifier()) + "\n");
    auto log = LogReader::Open(env, log_dir);
    std::vector<std::string> found;
    EXPECT_OK(LintLog(**log, [&](const LintFinding& finding) {
      found.push_back(absl::StrCat(finding.index, " ", finding.code));
    }));
    return found;
  }

  TempDir dir_;
  std::vector<std::string> entries_;
  const std::string a_ = std::string(16, 'A');
  const std::string b_ = std::string(16, 'B');
};

TEST_F(LintTest, FindsNothingInASoundLog) {
  Event applied = TestEvent(0);
  applied.set_type(POLICY_APPLIED);
  applied.set_phase(SUCCEEDED);
  applied.mutable_policy()->set_sha256(std::string(32, 'p'));
  Add(applied);
  Event intent = TestEvent(1);
  intent.set_request_uid(a_);
  intent.mutable_policy()->set_sha256(std::string(32, 'p'));
  Add(intent);
  Add(MODEL_SEALED, SUCCEEDED, a_);
  Add(TRAIN_ACCESS, DENIED);
  Add(KEY_ROTATED, SUCCEEDED);
  Add(TRAIN_ACCESS, ABANDONED, b_);
  EXPECT_THAT(Lint(), IsEmpty());
}

TEST_F(LintTest, FindsOutcomesWithoutIntents) {
  Add(TRAIN_ACCESS, INTENT, a_);
  Add(MODEL_SEALED, SUCCEEDED, a_);
  Add(TRAIN_ACCESS, FAILED, a_);
  Add(SNAPSHOT_COMMITTED, SUCCEEDED, b_);
  EXPECT_THAT(Lint(), ElementsAre("2 outcome-without-intent", "3 outcome-without-intent"));
}

TEST_F(LintTest, FindsMissingOutcomesInOrderAfterAllElse) {
  Add(TRAIN_ACCESS, INTENT, b_);
  Add(EVALUATE_ACCESS, SUCCEEDED, std::string(16, 'C'));
  Add(SEAL_ACCESS, INTENT, a_);
  EXPECT_THAT(Lint(),
              ElementsAre("1 outcome-without-intent", "0 missing-outcome", "2 missing-outcome"));
}

TEST_F(LintTest, FindsPoliciesThatWereNotAppliedBefore) {
  Event denied = TestEvent(0);
  denied.set_phase(DENIED);
  denied.mutable_policy()->set_sha256(std::string(32, 'p'));
  Add(denied);
  Event applied = denied;
  applied.set_type(POLICY_APPLIED);
  applied.set_phase(SUCCEEDED);
  Add(applied);
  Add(denied);
  Event signed_only = denied;
  signed_only.set_type(POLICY_SIGNED);
  signed_only.set_phase(SUCCEEDED);
  signed_only.mutable_policy()->set_sha256(std::string(32, 'q'));
  Add(signed_only);
  denied.mutable_policy()->set_sha256(std::string(32, 'q'));
  Add(denied);
  EXPECT_THAT(Lint(), ElementsAre("0 policy-never-applied", "4 policy-never-applied"));
}

TEST_F(LintTest, FindsTextsDestroyedWithoutTwoApprovals) {
  Event redacted = TestEvent(0);
  redacted.set_type(ENTRY_REDACTED);
  redacted.set_phase(DENIED);
  Add(redacted);
  redacted.set_phase(SUCCEEDED);
  redacted.set_approvals(1);
  Add(redacted);
  redacted.set_approvals(2);
  Add(redacted);
  EXPECT_THAT(Lint(), ElementsAre("1 redacted-unapproved"));
}

TEST_F(LintTest, FindsWhatItDoesNotKnow) {
  Event type = TestEvent(0);
  type.set_type(static_cast<EventType>(999));
  type.set_phase(SUCCEEDED);
  Add(type);
  Event phase = TestEvent(1);
  phase.set_phase(static_cast<Phase>(77));
  Add(phase);
  Event format = TestEvent(2);
  format.set_format(2);
  format.set_phase(DENIED);
  Add(format);
  entries_.emplace_back("\xFF\xFF");
  EXPECT_THAT(Lint(), ElementsAre("0 unknown-value", "1 unknown-value", "2 unknown-value",
                                  "3 not-an-event"));
}

}  // namespace
}  // namespace sealtrain::audit
