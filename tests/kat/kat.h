// The commands of sealtrain-kat, the door for outsiders who check our
// primitives. docs/verification.md is the contract.
#ifndef SEALTRAIN_TESTS_KAT_KAT_H_
#define SEALTRAIN_TESTS_KAT_KAT_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sealtrain/base/bytes.h"

namespace sealtrain::kat {

// The bytes for stdout, or the refusal.
using Answer = absl::StatusOr<Bytes>;

// Collects the commands and remembers which one the arguments chose.
class Menu {
 public:
  // `app` must outlive the menu.
  explicit Menu(CLI::App& app) : app_(app) {}

  // Adds a command; `run` answers it once its options are parsed.
  CLI::App* Add(const std::string& name, const std::string& help, std::function<Answer()> run);
  // Runs the chosen command. Requires that parsing has succeeded.
  Answer Run() const { return chosen_(); }

 private:
  CLI::App& app_;
  std::function<Answer()> chosen_;
};

void AddStreamCommands(Menu& menu);  // floe-open, floe-seal
void AddAeadCommands(Menu& menu);    // aead-open, siv-seal, siv-open
void AddKeyCommands(Menu& menu);     // mac, hkdf, wrap, unwrap, verify
void AddHpkeCommands(Menu& menu);    // x25519, hpke-seal, hpke-open
void AddNoteCommand(Menu& menu);     // note-verify
void AddEpsilonCommand(Menu& menu);  // epsilon

// "--alg", which takes one of `known`.
CLI::Option* AddAlgorithmOption(CLI::App* command, std::string& algorithm,
                                std::vector<std::string> known);
// An option whose value is hex; anything else is a usage error.
CLI::Option* AddHexOption(CLI::App* command, const std::string& name, Bytes& value,
                          const std::string& help);

Bytes ReadStdin();
Bytes ToBytes(ByteSpan bytes);
Bytes Line(absl::string_view text);  // with the newline
Bytes HexLine(ByteSpan bytes);

}  // namespace sealtrain::kat

#endif  // SEALTRAIN_TESTS_KAT_KAT_H_
