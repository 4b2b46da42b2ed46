// Runs sealtrain-audit as a user does.
#ifndef SEALTRAIN_TESTS_AUDIT_RUN_AUDIT_CLI_H_
#define SEALTRAIN_TESTS_AUDIT_RUN_AUDIT_CLI_H_

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <string>

#include "sealtrain/tests/audit/audit_test_util.h"

namespace sealtrain::cli {

struct Result {
  int code = -1;
  std::string out;
  std::string err;
};

// Runs a command of the shell; what it says on standard error is left to it.
inline Result RunShell(const std::string& command) {
  Result result;
  std::FILE* pipe = ::popen(command.c_str(), "r");
  std::array<char, 4096> buffer;
  for (std::size_t n; (n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    result.out.append(buffer.data(), n);
  }
  const int status = ::pclose(pipe);
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

// With a shell's words for arguments. What it says on standard error goes through
// the file `err_path`.
inline Result RunAuditCli(const std::string& arguments, const std::string& err_path) {
  Result result = RunShell("env -u SEALTRAIN_HOME " SEALTRAIN_BIN_DIR "/sealtrain-audit " +
                           arguments + " 2>" + err_path);
  result.err = audit::ReadText(err_path);
  return result;
}

}  // namespace sealtrain::cli

#endif  // SEALTRAIN_TESTS_AUDIT_RUN_AUDIT_CLI_H_
