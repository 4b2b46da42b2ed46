// Reversible tokens that somebody else wrote.
#include "sealtrain/crypto/token_cipher.h"

#include "sealtrain/tests/fuzz/sealed_bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sealtrain;
  static const crypto::TokenCipher cipher =
      crypto::TokenCipher::Create(
          crypto::TokenKey::FromBytes(crypto::SecretBytes::CopyFrom(Bytes(32, 1)).value()).value())
          .value();
  fuzz::Input input(ByteSpan(data, size));
  const Bytes context = input.Take(input.Byte() % 64);
  Bytes value = input.Take(input.Byte() % 64);
  if (value.empty()) value.push_back(0);  // there is no token of nothing
  fuzz::CheckSealed(
      value, cipher.Seal(context, value).value(),
      [&](ByteSpan token) { return cipher.Open(context, token); }, input);
  return 0;
}
