// OpenSSL objects with owners, and OpenSSL failures as statuses.
#ifndef SEALTRAIN_CRYPTO_OPENSSL_INTERNAL_H_
#define SEALTRAIN_CRYPTO_OPENSSL_INTERNAL_H_

#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <memory>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace sealtrain::crypto {

template <auto Free>
struct OpenSslDeleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, OpenSslDeleter<EVP_CIPHER_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, OpenSslDeleter<EVP_MD_CTX_free>>;
using KdfContext = std::unique_ptr<EVP_KDF_CTX, OpenSslDeleter<EVP_KDF_CTX_free>>;
using MacContext = std::unique_ptr<EVP_MAC_CTX, OpenSslDeleter<EVP_MAC_CTX_free>>;

// Internal, with the newest text of OpenSSL's error queue, which it empties.
// The caller has decided by a return value that `operation` failed.
absl::Status OpenSslError(absl::string_view operation);

}  // namespace sealtrain::crypto

#endif  // SEALTRAIN_CRYPTO_OPENSSL_INTERNAL_H_
