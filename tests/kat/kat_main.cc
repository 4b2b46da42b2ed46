// sealtrain-kat: our primitives, one call at a time, for whoever wants to check
// them against answers of their own.
#include <cstdio>
#include <iostream>

#include "absl/status/status.h"
#include "sealtrain/tests/kat/kat.h"

namespace {

enum ExitCode : int { kAccepted = 0, kRefused = 1, kUsage = 2 };

constexpr char kDescription[] =
    "Examples:\n"
    "  sealtrain-kat hkdf --alg sha256 --ikm 0b0b --info f0f1 --length 32\n"
    "  sealtrain-kat floe-seal --key $KEY --aad 00 <plaintext >stream\n"
    "  sealtrain-kat floe-open --key $KEY --aad 00 <stream >plaintext\n"
    "\n"
    "Runs one primitive of Sealtrain on inputs of yours. Exit code 0: accepted;\n"
    "1: refused, with the error class on stderr; 2: usage.\n"
    "Keys on a command line are for checking only.";

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(kDescription, "sealtrain-kat");
  app.require_subcommand(1);
  sealtrain::kat::Menu menu(app);
  sealtrain::kat::AddStreamCommands(menu);
  sealtrain::kat::AddAeadCommands(menu);
  sealtrain::kat::AddKeyCommands(menu);
  sealtrain::kat::AddHpkeCommands(menu);
  sealtrain::kat::AddNoteCommand(menu);
  sealtrain::kat::AddEpsilonCommand(menu);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kAccepted : kUsage;
  }

  const sealtrain::kat::Answer answer = menu.Run();
  if (std::ferror(stdin) != 0) {
    std::cerr << absl::UnavailableError("cannot read standard input") << "\n";
    return kRefused;
  }
  if (!answer.ok()) {
    std::cerr << answer.status() << "\n";
    return kRefused;
  }
  std::cout << sealtrain::AsText(*answer) << std::flush;
  if (std::cout.good()) return kAccepted;
  std::cerr << absl::UnavailableError("cannot write to standard output") << "\n";
  return kRefused;
}
