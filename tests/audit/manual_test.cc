#include "sealtrain/cli/manual.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "sealtrain/cli/audit_commands.h"
#include "sealtrain/tests/audit/audit_cli_fixture.h"

namespace sealtrain::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::UnorderedElementsAre;

class ManualTest : public ::testing::Test {
 protected:
  void SetUp() override { AddAuditCommands(app_, context_); }

  // What bash offers behind these words, the last of which is not finished.
  std::vector<std::string> Complete(const std::string& words) {
    const std::string script = dir_.Join("completion");
    audit::WriteText(script, BashCompletion(app_));
    const std::string command = "bash -c 'source " + script + "; COMP_WORDS=(sealtrain-audit " +
                                words +
                                "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _sealtrain_audit; "
                                "printf \"%s\\n\" \"${COMPREPLY[@]}\"'";
    const Result result = RunShell(command);
    EXPECT_EQ(result.code, 0);
    return absl::StrSplit(result.out, '\n', absl::SkipEmpty());
  }

  CLI::App app_;
  AuditContext context_;
  testing::TempDir dir_;
};

TEST_F(ManualTest, NamesEveryCommandAndOptionInItsSection) {
  const std::string page = ManualPage(app_, "1.2.3");
  EXPECT_THAT(page, ::testing::StartsWith(".TH SEALTRAIN-AUDIT 1 \"\" \"Sealtrain 1.2.3\"\n"));
  const auto in_roff = [](const std::string& name) {
    return absl::StrReplaceAll(name, {{"-", "\\-"}});
  };
  const auto expect_options = [&](const CLI::App& app, const std::string& section) {
    for (const CLI::Option* option : app.get_options()) {
      for (const std::string& name : option->get_lnames()) {
        EXPECT_THAT(section, HasSubstr(in_roff("--" + name))) << app.get_name();
      }
    }
  };
  expect_options(app_, page.substr(0, page.find(".SH COMMANDS")));
  const auto commands = app_.get_subcommands([](const CLI::App*) { return true; });
  EXPECT_GE(commands.size(), 10u);
  for (const CLI::App* command : commands) {
    const std::size_t begin = page.find("\n.SS " + in_roff(command->get_name()) + "\n");
    ASSERT_NE(begin, page.npos) << command->get_name();
    expect_options(*command, page.substr(begin, page.find("\n.SS ", begin + 1) - begin));
  }
}

TEST_F(ManualTest, LeavesNoLineThatRoffWouldRead) {
  CLI::App app;
  app.name("prog");
  app.description("First.\n.so /etc/passwd\n'quoted\\n\n  an example");
  const std::string page = ManualPage(app, "1");
  EXPECT_THAT(page, HasSubstr("\\&.so /etc/passwd\n\\&'quoted\\en\n"));
  EXPECT_THAT(page, HasSubstr(".EX\n  an example\n.EE\n"));
}

TEST_F(ManualTest, CompletesCommandsAndOptions) {
  std::vector<std::string> names;
  for (const CLI::App* command : app_.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
    std::vector<std::string> options;
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& name : option->get_lnames()) options.push_back("--" + name);
    }
    EXPECT_THAT(Complete(command->get_name() + " --"), IsSupersetOf(options));
  }
  EXPECT_THAT(Complete("\"\""), IsSupersetOf(names));
  EXPECT_THAT(Complete("se"), UnorderedElementsAre("search"));
  EXPECT_THAT(Complete("log --si"), UnorderedElementsAre("--since"));
  EXPECT_THAT(Complete("check --si"), UnorderedElementsAre());
  EXPECT_THAT(Complete("log --vk"), UnorderedElementsAre("--vkey"));
  // A value that is called like a command is none.
  EXPECT_THAT(Complete("--log check stats --b"), UnorderedElementsAre("--by"));
  // Where a value belongs bash offers files.
  EXPECT_THAT(Complete("verify --old --"), UnorderedElementsAre());
}

}  // namespace
}  // namespace sealtrain::cli
