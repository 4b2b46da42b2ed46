#include "sealtrain/crypto/random.h"

#include <sys/random.h>

#include <cerrno>

#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/secret_bytes.h"

namespace sealtrain::crypto {

absl::Status RandomFill(MutableByteSpan out) {
  MutableByteSpan rest = out;
  while (!rest.empty()) {
    const ssize_t drawn = ::getrandom(rest.data(), rest.size(), /*flags=*/0);
    if (drawn < 0 && errno == EINTR) continue;
    if (drawn <= 0) {
      Wipe(out);
      return absl::UnavailableError("the kernel gives no random bytes");
    }
    // A signal may end a long draw early; the rest is drawn like the beginning.
    rest.remove_prefix(static_cast<std::size_t>(drawn));
  }
  return absl::OkStatus();
}

absl::StatusOr<Id> RandomId() {
  Id id;
  ST_RETURN_IF_ERROR(RandomFill(absl::MakeSpan(id)));
  return id;
}

}  // namespace sealtrain::crypto
