#include "sealtrain/base/bytes.h"

#include "absl/strings/escaping.h"

namespace sealtrain {

std::string HexEncode(ByteSpan bytes) { return absl::BytesToHexString(AsText(bytes)); }

}  // namespace sealtrain
