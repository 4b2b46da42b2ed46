// sealtrain-audit from outside: what it prints and how it exits.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "absl/strings/str_split.h"
#include "sealtrain/cli/audit_filter.h"
#include "sealtrain/cli/audit_format.h"
#include "sealtrain/cli/audit_time.h"
#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/audit/run_audit_cli.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/tests/util/temp_dir.h"

namespace sealtrain::cli {
namespace {

using ::sealtrain::testing::StatusIs;
using ::sealtrain::testing::TempDir;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(ParseTime, TakesRfc3339AndAges) {
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  EXPECT_EQ(*ParseTime("2026-11-23T01:28:01Z", now), absl::FromUnixSeconds(1'795'397'281));
  EXPECT_EQ(*ParseTime("2026-11-23T02:28:01.5+01:00", now),
            absl::FromUnixMillis(1'795'397'281'500));
  EXPECT_EQ(*ParseTime("2d", now), now - absl::Hours(48));
  EXPECT_EQ(*ParseTime("90s", now), now - absl::Seconds(90));
  EXPECT_EQ(*ParseTime("0m", now), now);
  EXPECT_EQ(*ParseTime("1w", now), now - absl::Hours(168));
}

TEST(ParseTime, RefusesEverythingElse) {
  for (const char* text :
       {"", "d", "-2d", "+2d", "2", "2 d", "1.5h", "2y", "2D", "yesterday", "2026-11-23",
        "11/23/2026", "2026-11-23T01:28:01", "2026-11-23 01:28:01", "2026-13-01T00:00:00Z",
        "1795397281", "infinite-future", "99999999999d"}) {
    EXPECT_THAT(ParseTime(text, absl::UnixEpoch()), StatusIs(absl::StatusCode::kInvalidArgument))
        << text;
  }
}

TEST(FormatTime, RoundTrips) {
  EXPECT_EQ(FormatSeconds(1'795'397'281'999'999'999), "2026-11-23T01:28:01Z");
  EXPECT_EQ(FormatNanos(1'795'397'281'000'000'001), "2026-11-23T01:28:01.000000001Z");
  EXPECT_EQ(FormatSeconds(~std::uint64_t{0}).substr(0, 4), "2262");
}

audit::Event Sample() {
  audit::Event event = audit::TestEvent(1);
  event.set_wall_time_ns(1'000'000'000'000);
  event.mutable_actor()->set_principal("job:a");
  event.set_purpose("safety/abuse");
  event.mutable_object()->set_dataset("mails");
  event.mutable_object()->set_generation(3);
  event.mutable_object()->add_column("body");
  event.mutable_object()->add_withheld_column("client_ip");
  event.mutable_object()->set_model("spam");
  return event;
}

bool Matches(const FilterFlags& flags) {
  return Filter::Parse(flags, absl::Now())->Matches(Sample());
}

TEST(Filter, TakesEverythingWhenEmpty) { EXPECT_TRUE(Matches({})); }

TEST(Filter, ComparesEachField) {
  EXPECT_TRUE(Matches({.principals = {"job:a"}}));
  EXPECT_FALSE(Matches({.principals = {"job:"}}));
  EXPECT_TRUE(Matches({.purposes = {"safety"}}));
  EXPECT_TRUE(Matches({.purposes = {"safety/abuse"}}));
  EXPECT_FALSE(Matches({.purposes = {"safe"}}));
  EXPECT_FALSE(Matches({.purposes = {"safety/abuse/x"}}));
  EXPECT_TRUE(Matches({.datasets = {"mails"}}));
  EXPECT_TRUE(Matches({.datasets = {"mails@3"}}));
  EXPECT_FALSE(Matches({.datasets = {"mails@4"}}));
  EXPECT_TRUE(Matches({.columns = {"body"}}));
  EXPECT_TRUE(Matches({.columns = {"client_ip"}}));
  EXPECT_FALSE(Matches({.columns = {"subject"}}));
  EXPECT_TRUE(Matches({.models = {"spam"}}));
  EXPECT_FALSE(Matches({.models = {"ham"}}));
  EXPECT_TRUE(Matches({.verdicts = {"intent"}}));
  EXPECT_FALSE(Matches({.verdicts = {"denied"}}));
  EXPECT_TRUE(Matches({.types = {"train-access"}}));
  EXPECT_TRUE(Matches({.types = {"TRAIN_ACCESS"}}));
  EXPECT_FALSE(Matches({.types = {"log-started"}}));
}

TEST(Filter, BoundsTime) {
  EXPECT_TRUE(Matches({.since = "1970-01-01T00:16:40Z"}));
  EXPECT_FALSE(Matches({.since = "1970-01-01T00:16:41Z"}));
  EXPECT_FALSE(Matches({.until = "1970-01-01T00:16:40Z"}));
  EXPECT_TRUE(Matches({.until = "1970-01-01T00:16:41Z"}));
  EXPECT_FALSE(Matches({.since = "1d"}));
}

TEST(Filter, IsAndOfFlagsAndOrOfValues) {
  EXPECT_TRUE(Matches({.principals = {"job:b", "job:a"}, .verdicts = {"denied", "intent"}}));
  EXPECT_FALSE(Matches({.principals = {"job:b", "job:a"}, .verdicts = {"denied"}}));
}

TEST(Filter, RefusesWhatIsNone) {
  EXPECT_THAT(Filter::Parse({.verdicts = {"allowed"}}, absl::Now()),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Filter::Parse({.verdicts = {"phase-unspecified"}}, absl::Now()),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Filter::Parse({.types = {"nonsense"}}, absl::Now()),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Filter::Parse({.since = "soon"}, absl::Now()),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

class AuditCliTest : public ::testing::Test {
 protected:
  // Three requests: one that ended, one denied, one dangling.
  void SetUp() override {
    ASSERT_OK(
        audit::AuditLog::Create(Env::Posix(), audit::TestOptions(log_dir_), audit::TestKey()));
    ASSERT_OK_AND_ASSIGN(auto log, audit::OpenTestLog(Env::Posix(), log_dir_));
    const auto append = [&](const char* principal, audit::Phase phase, const std::string& request) {
      audit::Event event = Sample();
      event.set_uid(absl::StrCat("0123456789abcde", log->size()));
      event.mutable_actor()->set_principal(principal);
      event.set_phase(phase);
      event.set_request_uid(request);
      if (phase == audit::DENIED) event.set_reason_code("PURPOSE_NOT_ALLOWED");
      ASSERT_OK(log->Append(event));
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

  TempDir dir_;
  const std::string log_dir_ = dir_.Join("home/audit");
};

TEST_F(AuditCliTest, LogsNewestFirstWithAFooter) {
  const Result result = Run("--home " + dir_.Join("home") + " log");
  EXPECT_EQ(result.code, 0) << result.err;
  const std::vector<std::string> lines = absl::StrSplit(result.out, '\n');
  ASSERT_EQ(lines.size(), 5u) << result.out;
  EXPECT_THAT(lines[0], AllOf(::testing::StartsWith("3  1970-01-01T00:16:40Z  intent "),
                              HasSubstr("job:c"), HasSubstr("train-access"),
                              HasSubstr("mails@3 model:spam"), HasSubstr("safety/abuse")));
  EXPECT_THAT(lines[2], AllOf(HasSubstr("denied"), HasSubstr("job:\\u{1b}[2J\\nevil"),
                              HasSubstr("PURPOSE_NOT_ALLOWED")));
  EXPECT_THAT(result.err, AllOf(HasSubstr("4 shown; scanned entries 0 to 3 of 4 (complete)"),
                                HasSubstr("all proven under root "),
                                HasSubstr("the key that the log itself names")));
}

TEST_F(AuditCliTest, LimitsAndReverses) {
  EXPECT_THAT(RunOnLog("log -n 1").out, ::testing::StartsWith("3  "));
  const Result oldest = RunOnLog("log --limit 2 --reverse");
  EXPECT_THAT(oldest.out, AllOf(::testing::StartsWith("0  "), HasSubstr("\n1  ")));
  EXPECT_THAT(oldest.err, HasSubstr("scanned entries 0 to 1 of 4 (stopped at the limit)"));
  EXPECT_EQ(RunOnLog("log -n 0").code, 2);
}

TEST_F(AuditCliTest, SearchesAndProvesAbsence) {
  const Result found = RunOnLog("search --principal job:a --principal job:c --verdict intent");
  EXPECT_EQ(found.code, 0);
  EXPECT_THAT(found.err, HasSubstr("2 shown"));
  const Result absent = RunOnLog("search --principal nobody");
  EXPECT_EQ(absent.code, 1);
  EXPECT_EQ(absent.out, "");
  EXPECT_THAT(absent.err, HasSubstr("0 shown; scanned entries 0 to 3 of 4 (complete)"));
  EXPECT_EQ(RunOnLog("log --principal nobody").code, 0);
  const Result bad = RunOnLog("search --since yesterday");
  EXPECT_EQ(bad.code, 2);
  EXPECT_THAT(bad.err, HasSubstr("not a time"));
}

TEST_F(AuditCliTest, PrintsJsonLines) {
  const Result result = RunOnLog("--json log --reverse");
  const std::vector<std::string> lines = absl::StrSplit(result.out, '\n', absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 5u);
  const auto denied = nlohmann::json::parse(lines[1])["entry"];
  EXPECT_EQ(denied["index"], 1);
  EXPECT_EQ(denied["phase"], "DENIED");
  EXPECT_EQ(denied["actor"]["principal"], "job:\x1B[2J\nevil");
  EXPECT_EQ(denied["uid"], HexEncode(AsBytes("0123456789abcde1")));
  EXPECT_EQ(denied["object"]["column"], nlohmann::json::array({"body"}));
  EXPECT_EQ(denied["time"], "1970-01-01T00:16:40.000000000Z");
  const auto scan = nlohmann::json::parse(lines[4])["scan"];
  EXPECT_EQ(scan["complete"], true);
  EXPECT_EQ(scan["end"], 4);
}

TEST_F(AuditCliTest, ShowsOneEntryAndItsRequest) {
  const Result result = RunOnLog("show 0");
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("leaf_hash "), HasSubstr("actor.principal "),
                                HasSubstr("object.column               body\n"),
                                HasSubstr("Other entries of this request:\n2  ")));
  EXPECT_THAT(RunOnLog("show 3").out, HasSubstr("No other entry"));
  EXPECT_EQ(RunOnLog("show 4").code, 1);
  EXPECT_EQ(nlohmann::json::parse(RunOnLog("show 2 --json").out)["same_request"],
            nlohmann::json::array({0}));
}

TEST_F(AuditCliTest, FindsDanglingIntents) {
  const Result result = RunOnLog("dangling");
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.out, AllOf(::testing::StartsWith("3  "), Not(HasSubstr("\n0  "))));
  {
    ASSERT_OK_AND_ASSIGN(auto log, audit::OpenTestLog(Env::Posix(), log_dir_));
    audit::Event event = Sample();
    event.set_phase(audit::ABANDONED);
    event.set_request_uid(std::string(16, 'C'));
    ASSERT_OK(log->Append(event));
  }
  EXPECT_EQ(RunOnLog("dangling").code, 0);
}

TEST_F(AuditCliTest, Exports) {
  const Result result = RunOnLog("export --format jsonl");
  EXPECT_EQ(result.code, 0);
  const std::vector<std::string> lines = absl::StrSplit(result.out, '\n', absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(nlohmann::json::parse(lines[3])["index"], 3);
  EXPECT_EQ(RunOnLog("export --format csv").code, 2);
}

TEST_F(AuditCliTest, Verifies) {
  const std::string vkey = audit::FormatVkey(audit::TestVerifier());
  const Result plain = RunOnLog("verify");
  EXPECT_EQ(plain.code, 0) << plain.err;
  EXPECT_THAT(plain.out, AllOf(::testing::StartsWith("OK\n"), HasSubstr("entries rehashed    4\n"),
                               HasSubstr("kept checkpoints    5\n")));
  EXPECT_THAT(plain.err, AllOf(HasSubstr("give --vkey"), HasSubstr("--old")));
  const Result full =
      RunOnLog("verify --vkey " + vkey + " --old " + log_dir_ + "/checkpoints/2 --json");
  EXPECT_EQ(full.code, 0) << full.err;
  const auto json = nlohmann::json::parse(full.out);
  EXPECT_EQ(json["old_checkpoints"], 1);
  EXPECT_EQ(json["key_trusted"], true);
  EXPECT_EQ(RunOnLog("verify --vkey nonsense").code, 2);
  EXPECT_EQ(RunOnLog("verify --vkey " + audit::FormatVkey(audit::TestVerifier(8))).code, 4);
  EXPECT_EQ(RunOnLog("verify --old " + dir_.Join("none")).code, 2);
}

TEST_F(AuditCliTest, NamesTheFirstBadEntryOfATamperedLog) {
  const std::string bundle = log_dir_ + "/tile/entries/000.p/4";
  std::string bytes = audit::ReadText(bundle);
  bytes[bytes.find("job:c")] = 'J';
  audit::WriteText(bundle, bytes);
  for (const char* command :
       {"verify", "log", "search", "show 0", "dangling", "export --format jsonl"}) {
    const Result result = RunOnLog(command);
    EXPECT_EQ(result.code, 4) << command;
    EXPECT_THAT(result.err, HasSubstr("tile/entries/000.p/4: entry 3 at byte")) << command;
  }
}

TEST_F(AuditCliTest, ProvesAndChecksOffline) {
  const std::string proof = dir_.Join("2.tlog-proof");
  const std::string entry = dir_.Join("2.entry");
  const std::string vkey = " --vkey " + audit::FormatVkey(audit::TestVerifier());
  const Result proved = RunOnLog("prove 2 --out " + proof + " --entry " + entry);
  ASSERT_EQ(proved.code, 0) << proved.err;
  EXPECT_EQ(RunOnLog("prove 2").out, audit::ReadText(proof));
  std::filesystem::rename(log_dir_, dir_.Join("gone"));
  const Result checked = Run("check " + proof + " --entry " + entry + vkey);
  EXPECT_EQ(checked.code, 0) << checked.err;
  EXPECT_THAT(checked.out, HasSubstr("entry               2\n"));
  EXPECT_EQ(Run("check " + proof + " --entry " + entry).code, 2);
  EXPECT_EQ(Run("check " + proof + " --entry " + proof + vkey).code, 4);
  EXPECT_EQ(Run("check " + entry + " --entry " + entry + vkey).code, 4);
  EXPECT_EQ(Run("check " + proof + " --entry " + entry + " --vkey " +
                audit::FormatVkey(audit::TestVerifier(8)))
                .code,
            4);
}

TEST_F(AuditCliTest, ExitsWithUsageErrors) {
  for (const char* arguments : {"", "log", "verify", "nonsense", "report", "show", "prove x",
                                "log --nonsense", "verify extra"}) {
    EXPECT_EQ(Run(arguments).code, 2) << arguments;
  }
  EXPECT_EQ(Run("--log " + dir_.Join("none") + " log").code, 1);
  const Result help = Run("--help");
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.out, AllOf(HasSubstr("Examples:"), Not(HasSubstr("ocsf"))));
  EXPECT_EQ(Run("--version").code, 0);
}

}  // namespace
}  // namespace sealtrain::cli
