// sealtrain-audit from outside: what it prints and how it exits.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "absl/strings/str_split.h"
#include "sealtrain/base/env.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/tests/audit/audit_cli_fixture.h"
#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

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

TEST_F(AuditCliTest, AnswersAgainForAnOldState) {
  const Result old = RunOnLog("search --principal job:c --at 3");
  EXPECT_EQ(old.code, 1);
  EXPECT_THAT(old.err, AllOf(HasSubstr("0 shown; scanned entries 0 to 2 of 3 (complete)"),
                             HasSubstr("the same question: --at 3 --principal job:c\n")));
  EXPECT_EQ(RunOnLog("search --principal job:c --at 4").code, 0);
  EXPECT_EQ(RunOnLog("log --at 5").code, 2);
}

TEST_F(AuditCliTest, TakesAllFiltersTogether) {
  const std::string all =
      "search --since 1970-01-01T00:00:01Z --until 1d --principal job:a --purpose safety "
      "--dataset mails@3 --column body --model spam --verdict succeeded --type train-access";
  const Result found = RunOnLog(all);
  EXPECT_EQ(found.code, 0) << found.err;
  EXPECT_THAT(found.out, ::testing::StartsWith("2  "));
  EXPECT_THAT(found.err, HasSubstr("1 shown"));
  for (const char* other : {"--principal job:a --principal job:c --verdict denied",
                            "--verdict succeeded --column subject", "--model ham"}) {
    EXPECT_EQ(RunOnLog(absl::StrCat("search ", other)).code, 1) << other;
  }
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
  EXPECT_EQ(scan["entries"], 4);
  EXPECT_EQ(scan["checkpoint"], audit::ReadText(log_dir_ + "/checkpoint"));
}

TEST_F(AuditCliTest, ShowsOneEntryAndItsRequest) {
  const Result result = RunOnLog("show 0");
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("leaf_hash "), HasSubstr("actor.principal "),
                                HasSubstr("object.column               body\n"),
                                HasSubstr("Other entries of this request:\n2  ")));
  EXPECT_THAT(RunOnLog("show 3").out, HasSubstr("No other entry"));
  EXPECT_EQ(RunOnLog("show 4").code, 1);
  const auto json = nlohmann::json::parse(RunOnLog("show 2 --json").out);
  EXPECT_EQ(json["same_request"], nlohmann::json::array({0}));
  EXPECT_EQ(json["scan"]["entries"], 4);
  EXPECT_EQ(json["scan"]["shown"], 2);
}

TEST_F(AuditCliTest, FindsDanglingIntents) {
  const Result result = RunOnLog("dangling");
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.out, AllOf(::testing::StartsWith("3  "), Not(HasSubstr("\n0  "))));
  {
    ASSERT_OK_AND_ASSIGN(auto log, audit::OpenTestLog(Env::Posix(), log_dir_));
    audit::Event event = audit::RichEvent();
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
  EXPECT_THAT(result.err,
              AllOf(HasSubstr(absl::StrCat("exported ", result.out.size(), " bytes, SHA-256 ",
                                           HexEncode(crypto::Sha256(AsBytes(result.out))))),
                    HasSubstr("4 shown; scanned entries 0 to 3 of 4 (complete)")));
  EXPECT_EQ(RunOnLog("export --format xml").code, 2);
  EXPECT_EQ(RunOnLog("export").code, 2);
}

TEST_F(AuditCliTest, ExportsWhatAFilterTakesInEveryFormat) {
  const std::pair<const char*, std::size_t> formats[] = {
      {"jsonl", 1}, {"ocsf", 1}, {"cef", 1}, {"csv", 2}};
  for (const auto& [format, lines] : formats) {
    const Result result =
        RunOnLog(absl::StrCat("export --verdict denied --json --format ", format));
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_EQ(static_cast<std::size_t>(std::count(result.out.begin(), result.out.end(), '\n')),
              lines)
        << result.out;
    const auto trailer = nlohmann::json::parse(result.err);
    EXPECT_EQ(trailer["export"]["sha256"], HexEncode(crypto::Sha256(AsBytes(result.out))));
    EXPECT_EQ(trailer["scan"]["shown"], 1);
  }
}

TEST_F(AuditCliTest, Counts) {
  const Result result = RunOnLog("stats --by principal,verdict --top 2");
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out,
            "PRINCIPAL            VERDICT  ENTRIES  INTENTS  DENIED  SUCCEEDED  FAILED\n"
            "job:\\u{1b}[2J\\nevil  denied         1        0       1          0       0\n"
            "job:a                intent         1        1       0          0       0\n");
  EXPECT_THAT(result.err, AllOf(HasSubstr("2 of 4 groups"), HasSubstr("(complete)")));
  const Result json = RunOnLog("stats --by hour --json --since 1970-01-01T00:00:00Z");
  const std::vector<std::string> lines = absl::StrSplit(json.out, '\n', absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 2u) << json.out;
  EXPECT_EQ(nlohmann::json::parse(lines[0])["group"]["hour"], "00");
  EXPECT_EQ(nlohmann::json::parse(lines[0])["entries"], 4);
  EXPECT_EQ(RunOnLog("stats").code, 2);
  EXPECT_EQ(RunOnLog("stats --by nobody").code, 2);
}

TEST_F(AuditCliTest, Reports) {
  const std::string period = "report --since 1970-01-01T00:00:00Z --until 1970-01-02T00:00:00Z ";
  const Result text = RunOnLog(period);
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_THAT(text.out, AllOf(::testing::StartsWith("Access review, 1970-01-01T00:00:00Z to "),
                              HasSubstr("2 requests granted, 1 denied"),
                              HasSubstr("job:\\u{1b}[2J\\nevil"), HasSubstr("Never verified")));
  const Result json = RunOnLog(period + "--json --old " + log_dir_ + "/checkpoints/2");
  EXPECT_EQ(nlohmann::json::parse(json.out)["denied"], 1) << json.err;
  const std::string page = dir_.Join("review.html");
  const Result html = RunOnLog(period + "--html " + page);
  EXPECT_EQ(html.code, 0) << html.err;
  EXPECT_EQ(html.out, "");
  EXPECT_THAT(audit::ReadText(page), ::testing::StartsWith("<!doctype html>"));
  EXPECT_EQ(RunOnLog("report --html /dev/null").code, 2);
  EXPECT_EQ(RunOnLog("report --since 1d --until 2d").code, 2);
  // A log whose last day is long ago.
  EXPECT_THAT(RunOnLog("report").out, HasSubstr("0 requests granted, 0 denied"));
}

TEST_F(AuditCliTest, Lints) {
  const Result result = RunOnLog("lint");
  EXPECT_EQ(result.code, 1);
  EXPECT_EQ(result.out,
            "entry 3: missing-outcome: train-access of job:c: nothing says how it ended\n");
  EXPECT_THAT(result.err, HasSubstr("1 shown; scanned entries 0 to 3 of 4 (complete)"));
  EXPECT_EQ(RunOnLog("lint --at 3").code, 0);
  const Result json = RunOnLog("lint --json");
  EXPECT_EQ(nlohmann::json::parse(json.out.substr(0, json.out.find('\n')))["finding"]["code"],
            "missing-outcome");
}

TEST_F(AuditCliTest, Watches) {
  const std::string state = dir_.Join("seen");
  const std::string watch = "watch --once --from 0 --state " + state;
  const Result first = RunOnLog(watch + " --verdict denied --verdict intent");
  EXPECT_EQ(first.code, 0) << first.err;
  EXPECT_THAT(first.out, AllOf(::testing::StartsWith("0  "), HasSubstr("\n1  "),
                               HasSubstr("job:\\u{1b}[2J\\nevil"), Not(HasSubstr("\n2  ")),
                               HasSubstr("\n3  ")));
  EXPECT_THAT(first.err, AllOf(HasSubstr("give --vkey"),
                               ::testing::EndsWith("4 new entries; the log has 4\n")));
  const Result second = RunOnLog(watch + " --vkey " + audit::FormatVkey(audit::TestVerifier()));
  EXPECT_EQ(second.out, "");
  EXPECT_EQ(second.err, "0 new entries; the log has 4\n");
  {
    ASSERT_OK_AND_ASSIGN(auto log, audit::OpenTestLog(Env::Posix(), log_dir_));
    ASSERT_OK(log->Append(audit::RichEvent()));
  }
  EXPECT_EQ(nlohmann::json::parse(RunOnLog(watch + " --json").out)["entry"]["index"], 4);
  // The state is a checkpoint like any other.
  EXPECT_EQ(RunOnLog("verify --old " + state).code, 0);
  std::filesystem::remove_all(log_dir_);
  audit::MakeLog(log_dir_, 6);
  const Result forked = RunOnLog(watch);
  EXPECT_EQ(forked.code, 4);
  EXPECT_EQ(forked.out, "");
  EXPECT_THAT(forked.err, HasSubstr("signs another history"));
}

TEST_F(AuditCliTest, MissesALogThatItHasSeen) {
  const std::string watch = "watch --once --state " + dir_.Join("state");
  ASSERT_EQ(RunOnLog(watch).code, 0);
  std::filesystem::remove_all(log_dir_);
  EXPECT_EQ(RunOnLog(watch).code, 4);
  EXPECT_EQ(RunOnLog("watch --once").code, 2);
}

TEST_F(AuditCliTest, WatchesUntilItIsEnded) {
  const Result result =
      Run("--version >/dev/null; timeout 3 " SEALTRAIN_BIN_DIR "/sealtrain-audit --log " +
          log_dir_ + " watch --from 2");
  EXPECT_EQ(result.code, 124);
  EXPECT_THAT(result.out, AllOf(::testing::StartsWith("2  "), HasSubstr("\n3  ")));
}

TEST_F(AuditCliTest, Verifies) {
  const std::string vkey = audit::FormatVkey(audit::TestVerifier());
  const Result plain = RunOnLog("verify");
  EXPECT_EQ(plain.code, 0) << plain.err;
  EXPECT_THAT(plain.out, AllOf(::testing::StartsWith("OK\n"), HasSubstr("entries rehashed    4\n"),
                               HasSubstr("kept checkpoints    5\n")));
  EXPECT_THAT(plain.err, AllOf(HasSubstr("give --vkey"), HasSubstr("--old")));
  // That it once was empty shows of no entry that it was not taken out.
  EXPECT_THAT(RunOnLog("verify --old " + log_dir_ + "/checkpoints/0").err, HasSubstr("--old"));
  const Result one = RunOnLog("verify --old " + log_dir_ + "/checkpoints/1");
  EXPECT_THAT(one.out, HasSubstr("old checkpoints     1, of size 1\n"));
  EXPECT_THAT(one.err, AllOf(Not(HasSubstr("--old")),
                             HasSubstr("no old checkpoint signs entries 1 to 3; for these there is "
                                       "the log's key alone")));
  EXPECT_THAT(RunOnLog("verify --old " + log_dir_ + "/checkpoints/4").err,
              Not(HasSubstr("key alone")));
  EXPECT_EQ(RunOnLog("verify --at 2 --old " + log_dir_ + "/checkpoints/3").code, 2);
  const Result full =
      RunOnLog("verify --vkey " + vkey + " --old " + log_dir_ + "/checkpoints/2 --json");
  EXPECT_EQ(full.code, 0) << full.err;
  const auto json = nlohmann::json::parse(full.out);
  EXPECT_EQ(json["old_checkpoints"], 1);
  EXPECT_EQ(json["old_size"], 2);
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
  for (const char* command : {"verify", "log", "search", "show 0", "dangling",
                              "export --format csv", "stats --by day", "report"}) {
    const Result result = RunOnLog(command);
    EXPECT_EQ(result.code, 4) << command;
    EXPECT_THAT(result.err, HasSubstr("tile/entries/000.p/4: entry 3 at byte")) << command;
  }
}

// That something cannot be read is never "nothing found".
TEST_F(AuditCliTest, TellsWhatCannotBeReadFromWhatIsNotThere) {
  namespace fs = std::filesystem;
  const std::string search = "search --principal nobody";
  ASSERT_EQ(RunOnLog(search).code, 1);
  for (const char* name : {"tile/entries/000.p/4", "tile/0/000.p/4", "checkpoint", "log.vkey"}) {
    const std::string path = JoinPath(log_dir_, name);
    const std::string bytes = audit::ReadText(path);
    fs::remove(path);
    fs::create_directory(path);
    EXPECT_EQ(RunOnLog(search).code, 4) << name;
    EXPECT_EQ(RunOnLog("verify").code, 4) << name;
    EXPECT_EQ(RunOnLog("dangling").code, 4) << name;
    fs::remove(path);
    fs::create_symlink(fs::path(path).filename(), path);  // to itself
    EXPECT_EQ(RunOnLog(search).code, 4) << name;
    fs::remove(path);
    audit::WriteText(path, bytes);
  }
  for (const char* name : {"checkpoints", "tile/entries/000.p"}) {
    const std::string path = JoinPath(log_dir_, name);
    fs::rename(path, path + ".kept");
    audit::WriteText(path, "a file");
    EXPECT_EQ(RunOnLog("verify").code, 4) << name;
    fs::remove(path);
    fs::rename(path + ".kept", path);
  }
  ASSERT_EQ(RunOnLog(search).code, 1);
  EXPECT_EQ(RunOnLog("log >/dev/full").code, 75);
}

TEST_F(AuditCliTest, TakesNoEmptyValues) {
  for (const char* arguments :
       {"verify --max-age ''", "watch --once --state ''", "search --since ''", "report --since ''",
        "prove 2 --out ''", "verify --vkey ''", "search --principal job:a --principal ''"}) {
    const Result result = RunOnLog(arguments);
    EXPECT_EQ(result.code, 2) << arguments;
    EXPECT_EQ(result.out, "") << arguments;
  }
  EXPECT_THAT(RunOnLog("watch --once --state ''").err, HasSubstr("--state: an empty value"));
  // The next argument is not its value.
  const Result swallows = RunOnLog("search --principal= --verdict=intent");
  EXPECT_EQ(swallows.code, 2);
  EXPECT_THAT(swallows.err, HasSubstr("--principal= an empty value"));
  EXPECT_EQ(RunOnLog("search --principal=job:a").code, 0);
}

TEST_F(AuditCliTest, TakesNumbersInDecimalOnly) {
  for (const char* number :
       {"010", "0x2", "+2", "' 2'", "-1", "00", "1e0", "2000000000000000000"}) {
    EXPECT_EQ(RunOnLog(absl::StrCat("show -- ", number)).code, 2) << number;
    EXPECT_EQ(RunOnLog(absl::StrCat("log -n ", number)).code, 2) << number;
  }
  EXPECT_EQ(RunOnLog("show 0").code, 0);
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
  for (const char* arguments : {"", "log", "verify", "nonsense", "report", "stats", "show",
                                "prove x", "log --nonsense", "verify extra"}) {
    EXPECT_EQ(Run(arguments).code, 2) << arguments;
  }
  EXPECT_EQ(RunOnLog("watch --once --at 3").code, 2);
  EXPECT_EQ(Run("--log " + dir_.Join("none") + " log").code, 2);
  const Result help = Run("--help");
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.out, HasSubstr("Examples:"));
  EXPECT_EQ(Run("--version").code, 0);
}

}  // namespace
}  // namespace sealtrain::cli
