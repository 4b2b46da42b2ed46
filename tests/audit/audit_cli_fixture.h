// sealtrain-audit on a small log, as a user runs it.
#ifndef SEALTRAIN_TESTS_AUDIT_AUDIT_CLI_FIXTURE_H_
#define SEALTRAIN_TESTS_AUDIT_AUDIT_CLI_FIXTURE_H_

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/audit/run_audit_cli.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/tests/util/temp_dir.h"

namespace sealtrain::cli {

class AuditCliTest : public ::testing::Test {
 protected:
  // Three requests: one that ended, one denied, one dangling.
  void SetUp() override {
    ASSERT_OK(
        audit::AuditLog::Create(Env::Posix(), audit::TestOptions(log_dir_), audit::TestKey()));
    ASSERT_OK_AND_ASSIGN(auto log, audit::OpenTestLog(Env::Posix(), log_dir_));
    const auto append = [&](const char* principal, audit::Phase phase, const std::string& request) {
      audit::Event event = audit::RichEvent();
      event.set_uid(absl::StrCat("0123456789abcde", log->size()));
      event.mutable_actor()->set_principal(principal);
      event.set_phase(phase);
      event.set_request_uid(request);
      if (phase == audit::DENIED) event.set_reason_code("PURPOSE_NOT_ALLOWED");
      ASSERT_OK(audit::AppendAndPublish(*log, event));
    };
    const std::string first(16, 'A');
    append("job:a", audit::INTENT, first);
    append("job:\x1B[2J\nevil", audit::DENIED, "");
    append("job:a", audit::SUCCEEDED, first);
    append("job:c", audit::INTENT, std::string(16, 'C'));
  }

  Result Run(const std::string& arguments) { return RunAuditCli(arguments, dir_.Join("stderr")); }
  Result RunOnLog(const std::string& arguments) {
    return Run("--log " + log_dir_ + " " + arguments);
  }

  testing::TempDir dir_;
  const std::string log_dir_ = dir_.Join("home/audit");
};

}  // namespace sealtrain::cli

#endif  // SEALTRAIN_TESTS_AUDIT_AUDIT_CLI_FIXTURE_H_
