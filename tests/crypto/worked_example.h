// Reads worked examples out of format pages, so that tests can check them.
#ifndef SEALTRAIN_TESTS_CRYPTO_WORKED_EXAMPLE_H_
#define SEALTRAIN_TESTS_CRYPTO_WORKED_EXAMPLE_H_

#include <map>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "sealtrain/tests/crypto/crypto_test_util.h"

namespace sealtrain::crypto {

// The "name = hex" lines of the section "Worked example" of a page in
// docs/formats/, each with its continuations.
inline std::map<std::string, Bytes> ReadWorkedExample(const std::string& page) {
  const std::string document =
      ReadText(std::string(SEALTRAIN_SOURCE_DIR) + "/docs/formats/" + page);
  std::map<std::string, std::string> hex;
  bool in_block = false;
  bool in_example = false;
  std::string name;
  for (const absl::string_view line : absl::StrSplit(document, '\n')) {
    if (absl::StartsWith(line, "## ")) in_example = absl::StrContains(line, "Worked example");
    if (absl::StartsWith(line, "```")) {
      in_block = !in_block;
    } else if (in_example && in_block) {
      const std::size_t equals = line.find('=');
      const bool has_name = equals != absl::string_view::npos;
      if (has_name) name = std::string(absl::StripAsciiWhitespace(line.substr(0, equals)));
      absl::StrAppend(&hex[name],
                      absl::StripAsciiWhitespace(has_name ? line.substr(equals + 1) : line));
    }
  }
  std::map<std::string, Bytes> example;
  for (const auto& [key, value] : hex) example[key] = FromHex(value);
  return example;
}

}  // namespace sealtrain::crypto

#endif  // SEALTRAIN_TESTS_CRYPTO_WORKED_EXAMPLE_H_
