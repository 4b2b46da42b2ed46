// Model receipts. Anybody can sign one with a key of their own, so the input is tried as a
// receipt and as the payload of one that is signed. What holds is what its entries make.
#include <cstdint>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "sealtrain/audit/event_view.h"
#include "sealtrain/audit/model_receipt.h"
#include "sealtrain/audit/text_encoding.h"
#include "sealtrain/crypto/hash.h"

namespace {

using namespace sealtrain;

constexpr char kType[] = "application/vnd.in-toto+json";

std::string Sign(absl::string_view payload, const crypto::SigningKey& key) {
  const std::string signed_bytes = absl::StrCat("DSSEv1 ", absl::string_view(kType).size(), " ",
                                                kType, " ", payload.size(), " ", payload);
  return absl::StrCat(R"({"payloadType":")", kType, R"(","payload":")",
                      audit::EncodeBase64(AsBytes(payload)), R"(","signatures":[{"keyid":")",
                      HexEncode(crypto::Sha256(key.public_key())).substr(0, 16), R"(","sig":")",
                      audit::EncodeBase64(key.Sign(AsBytes(signed_bytes))), "\"}]}\n");
}

void Try(absl::string_view receipt) {
  // The log's key of the corpus: seed 07 × 32.
  const auto checked = audit::CheckModelReceipt(
      receipt,
      {"example.org/sealtrain/audit+2a46f655+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs"});
  if (!checked.ok()) return;
  const std::string payload = audit::OneLine(checked->statement);
  if (receipt.find(audit::EncodeBase64(AsBytes(payload))) == absl::string_view::npos) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The custody's key of the corpus: seed 21 (hex) × 32.
  static const crypto::SigningKey key =
      *crypto::SigningKey::FromSeed(*crypto::SecretBytes::CopyFrom(Bytes(32, 0x21)));
  const absl::string_view input = AsText(ByteSpan(data, size));
  Try(input);
  Try(Sign(input, key));
  return 0;
}
