// Wrapped keys that somebody else wrote.
#include "sealtrain/crypto/key_derivation.h"
#include "sealtrain/tests/fuzz/sealed_bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sealtrain;
  static const crypto::Kek kek =
      crypto::Kek::FromBytes(crypto::SecretBytes::CopyFrom(Bytes(32, 1)).value()).value();
  fuzz::Input input(ByteSpan(data, size));
  const Bytes context = input.Take(input.Byte() % 64);
  Bytes secret = input.Take(input.Byte() % 64);
  if (secret.empty()) secret.push_back(0);  // nothing is no secret
  fuzz::CheckSealed(
      secret, crypto::KeyWrap::WrapBytes(kek, context, secret).value(),
      [&](ByteSpan wrapped) { return crypto::KeyWrap::UnwrapBytes(kek, context, wrapped); }, input);
  return 0;
}
