// What sealtrain-audit does on a terminal, and only there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "sealtrain/tests/audit/audit_cli_fixture.h"

namespace sealtrain::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class TerminalTest : public AuditCliTest {
 protected:
  // Both outputs, as they come on a terminal of its own. `environment`: assignments.
  std::string RunOnTerminal(const std::string& environment, const std::string& arguments) {
    const std::string command = "exec env -u NO_COLOR -u SEALTRAIN_HOME " + environment +
                                " " SEALTRAIN_BIN_DIR "/sealtrain-audit --log " + log_dir_ + " " +
                                arguments;
    int terminal = -1;
    const pid_t child = ::forkpty(&terminal, nullptr, nullptr, nullptr);
    if (child == 0) {
      ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
      ::_exit(127);
    }
    std::string out;
    std::array<char, 4096> buffer;
    // The read fails once nobody has the other end open.
    for (ssize_t n; (n = ::read(terminal, buffer.data(), buffer.size())) > 0;) {
      out.append(buffer.data(), static_cast<std::size_t>(n));
    }
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    ::close(terminal);
    return out;
  }
};

TEST_F(TerminalTest, ShowsColour) {
  EXPECT_THAT(RunOnTerminal("PAGER=cat", "log"), HasSubstr("\x1B[31mdenied"));
  EXPECT_THAT(RunOnTerminal("PAGER=cat NO_COLOR=1", "log"), Not(HasSubstr("\x1B")));
  EXPECT_THAT(RunOnLog("log").out, Not(HasSubstr("\x1B")));
}

TEST_F(TerminalTest, ShowsLongOutputThroughThePager) {
  const std::string pager = "\"PAGER=sed s/^/PAGED:/\"";
  for (const char* command :
       {"log", "search", "show 0", "stats --by day", "report", "lint", "dangling"}) {
    const std::string out = RunOnTerminal(pager, command);
    int lines = 0;
    for (const absl::string_view line : absl::StrSplit(out, "\r\n", absl::SkipEmpty())) {
      EXPECT_TRUE(absl::StartsWith(line, "PAGED:")) << command << ": " << line;
      ++lines;
    }
    EXPECT_GT(lines, 3) << command;
  }
  EXPECT_THAT(RunOnTerminal(pager, "log"), HasSubstr("\x1B[31mdenied"));
  EXPECT_THAT(RunOnTerminal(pager, "log --no-pager"), Not(HasSubstr("PAGED:")));
  EXPECT_THAT(RunOnTerminal(pager, "log --json"), Not(HasSubstr("PAGED:")));
  EXPECT_THAT(RunOnTerminal("PAGER=", "log"), HasSubstr("4 shown"));
  EXPECT_THAT(RunOnTerminal("-u PAGER PATH=/nowhere", "log"), HasSubstr("4 shown"));
  EXPECT_THAT(RunOnTerminal("PAGER=/nowhere/pager", "log"), HasSubstr("4 shown"));
  EXPECT_THAT(RunOnTerminal("PAGER=nowhere", "log"), HasSubstr("4 shown"));
}

TEST_F(TerminalTest, UsesNoPagerElsewhere) {
  ::setenv("PAGER", "sed s/^/PAGED:/", 1);
  EXPECT_THAT(RunOnLog("log").out, Not(HasSubstr("PAGED:")));
  ::unsetenv("PAGER");
}

TEST_F(TerminalTest, TellsThePagerHowToShowColour) {
  EXPECT_THAT(RunOnTerminal("-u LESS \"PAGER=cat >/dev/null; echo LESS=\\$LESS\"", "log"),
              HasSubstr("LESS=FRX"));
  EXPECT_THAT(RunOnTerminal("LESS=S \"PAGER=cat >/dev/null; echo LESS=\\$LESS\"", "log"),
              HasSubstr("LESS=S\r"));
}

}  // namespace
}  // namespace sealtrain::cli
