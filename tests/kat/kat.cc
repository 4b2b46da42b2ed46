#include "sealtrain/tests/kat/kat.h"

#include <algorithm>
#include <iostream>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace sealtrain::kat {

CLI::App* Menu::Add(const std::string& name, const std::string& help, std::function<Answer()> run) {
  CLI::App* command = app_.add_subcommand(name, help);
  command->callback([this, run = std::move(run)] { chosen_ = run; });
  return command;
}

CLI::Option* AddAlgorithmOption(CLI::App* command, std::string& algorithm,
                                std::vector<std::string> known) {
  return command->add_option("--alg", algorithm, "Algorithm")
      ->check(CLI::IsMember(std::move(known)))
      ->capture_default_str();
}

CLI::Option* AddHexOption(CLI::App* command, const std::string& name, Bytes& value,
                          const std::string& help) {
  const auto take = [name, &value](const std::string& hex) {
    if (hex.size() % 2 != 0 || !std::all_of(hex.begin(), hex.end(), absl::ascii_isxdigit)) {
      throw CLI::ValidationError(name, "not hex");
    }
    value = ToBytes(AsBytes(absl::HexStringToBytes(hex)));
  };
  return command->add_option_function<std::string>(name, take, help)->type_name("HEX");
}

Bytes ReadStdin() {
  return Bytes(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
}

Bytes ToBytes(ByteSpan bytes) { return Bytes(bytes.begin(), bytes.end()); }

Bytes Line(absl::string_view text) { return ToBytes(AsBytes(absl::StrCat(text, "\n"))); }

Bytes HexLine(ByteSpan bytes) { return Line(HexEncode(bytes)); }

}  // namespace sealtrain::kat
