// HPKE messages: encapsulated keys and ciphertexts that somebody else wrote.
#include "sealtrain/crypto/hpke.h"

#include "sealtrain/tests/fuzz/sealed_bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sealtrain;
  static const crypto::HpkeKeyPair recipient =
      crypto::HpkeKeyPair::FromPrivateKey(crypto::SecretBytes::CopyFrom(Bytes(32, 1)).value())
          .value();
  fuzz::Input input(ByteSpan(data, size));
  const Bytes info = input.Take(input.Byte() % 64);
  const Bytes aad = input.Take(input.Byte() % 64);
  const Bytes plaintext = input.Take(input.Byte() % 64);
  fuzz::CheckSealed(
      plaintext, crypto::HpkeSeal(recipient.public_key(), info, aad, plaintext).value(),
      [&](ByteSpan sealed) { return crypto::HpkeOpen(recipient, info, aad, sealed); }, input);
  return 0;
}
