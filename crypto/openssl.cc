#include <openssl/err.h>

#include "absl/strings/str_cat.h"
#include "sealtrain/crypto/openssl_internal.h"

namespace sealtrain::crypto {

absl::Status OpenSslError(absl::string_view operation) {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  return absl::InternalError(absl::StrCat(
      operation, " failed in OpenSSL: ", reason == nullptr ? "no reason given" : reason));
}

}  // namespace sealtrain::crypto
