// Identifiers, digests and keys as people type them.
#ifndef SEALTRAIN_CLI_HEX_H_
#define SEALTRAIN_CLI_HEX_H_

#include <algorithm>
#include <string>

#include "absl/strings/escaping.h"
#include "sealtrain/base/bytes.h"

namespace sealtrain::cli {

// Reads lower-case hex digits, as many as `out` needs. False: it is not that.
inline bool ReadHex(const std::string& hex, MutableByteSpan out) {
  const std::string bytes = absl::HexStringToBytes(hex);
  if (bytes.size() != out.size() || HexEncode(AsBytes(bytes)) != hex) return false;
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return true;
}

}  // namespace sealtrain::cli

#endif  // SEALTRAIN_CLI_HEX_H_
