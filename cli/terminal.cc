#include "sealtrain/cli/terminal.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "sealtrain/base/env.h"

extern char** environ;

namespace sealtrain::cli {
namespace {

bool paging = false;

bool IsInstalled(absl::string_view program) {
  if (absl::StrContains(program, '/')) return ::access(std::string(program).c_str(), X_OK) == 0;
  const char* path = std::getenv("PATH");
  const std::vector<std::string> folders = absl::StrSplit(path == nullptr ? "" : path, ':');
  return std::any_of(folders.begin(), folders.end(), [&](const std::string& folder) {
    return ::access(JoinPath(folder, program).c_str(), X_OK) == 0;
  });
}

// "": none. What cannot be run would swallow all that is to be shown.
std::string PagerCommand() {
  const char* pager = std::getenv("PAGER");
  const std::string command = pager != nullptr ? pager : "less";
  const std::string program = command.substr(0, command.find(' '));
  return command == "cat" || !IsInstalled(program) ? "" : command;
}

// Starts the command with `input` as its standard input. -1: it cannot be.
pid_t StartPager(const std::string& command, int input) {
  posix_spawn_file_actions_t actions;
  if (::posix_spawn_file_actions_init(&actions) != 0) return -1;
  pid_t child = -1;
  std::string shell = "sh";
  std::string option = "-c";
  std::string line = command;
  const std::array<char*, 4> argv = {shell.data(), option.data(), line.data(), nullptr};
  if (::posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO) != 0 ||
      ::posix_spawn(&child, "/bin/sh", &actions, nullptr, argv.data(), environ) != 0) {
    child = -1;
  }
  ::posix_spawn_file_actions_destroy(&actions);
  return child;
}

}  // namespace

bool UseColour() {
  const char* no_colour = std::getenv("NO_COLOR");
  return (paging || ::isatty(STDOUT_FILENO) != 0) && (no_colour == nullptr || *no_colour == '\0');
}

Pager::Pager(bool wanted) {
  const std::string command = PagerCommand();
  if (!wanted || ::isatty(STDOUT_FILENO) == 0 || command.empty()) return;
  ::setenv("LESS", "FRX", /*overwrite=*/0);
  std::array<int, 2> ends;
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;
  child_ = StartPager(command, ends[0]);
  ::close(ends[0]);
  if (child_ > 0) {
    saved_stdout_ = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    ::dup2(ends[1], STDOUT_FILENO);
    if (::isatty(STDERR_FILENO) != 0) {
      saved_stderr_ = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
      ::dup2(ends[1], STDERR_FILENO);
    }
    paging = true;
  }
  ::close(ends[1]);
}

Pager::~Pager() {
  if (child_ <= 0) return;
  std::cout.flush();
  std::cerr.flush();
  // The pager sees the end of its input once no copy of the pipe is left.
  ::dup2(saved_stdout_, STDOUT_FILENO);
  ::close(saved_stdout_);
  if (saved_stderr_ >= 0) {
    ::dup2(saved_stderr_, STDERR_FILENO);
    ::close(saved_stderr_);
  }
  paging = false;
  while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace sealtrain::cli
