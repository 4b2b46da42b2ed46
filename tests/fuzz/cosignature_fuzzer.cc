// A witness's answer, taken into a checkpoint: what comes out is the checkpoint
// with one good cosignature of that witness and nothing else.
#include <cstdint>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "sealtrain/audit/cosignature.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sealtrain::audit;
  // The keys of the corpus: seeds 07 × 32 and 15 (hex) × 32.
  static const std::string checkpoint = absl::StrCat(
      "example.org/sealtrain/audit\n1\n3w3BekFOP5chrYMmC7Oe84vt5GRbJMMKW5L9+5FKrBQ=\n\n",
      "\xE2\x80\x94 example.org/sealtrain/audit "
      "Kkb2Veq6V+vLvSexvN0IvyJwZ3IMYBmKL+kMp5TX67xLVI6/dJfSun0DmSd7cSKBItQxrstP67b74WucwwHT3Dj5/"
      "wU=\n");
  static const WitnessKey witness = *ParseWitnessVkey(
      "witness.example.org/one+db315011+BNVCB9oZSXfc9Grb/sK8LnW1LVqKQhhP7f3AACTw4+ja");
  const auto answer = sealtrain::AsText(sealtrain::ByteSpan(data, size));
  const auto added = AddCosignature(checkpoint, answer, witness);
  if (!added.ok()) return 0;
  const auto note = ParseNote(*added);
  if (!note.ok() || note->signatures.size() != 2 || note->text != ParseNote(checkpoint)->text) {
    std::abort();
  }
  const auto time_s = CosignedAt(*note, witness);
  if (!time_s.ok() || !time_s->has_value()) std::abort();
  if (!VerifyNote(
           *added,
           "example.org/sealtrain/audit+2a46f655+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs")
           .ok()) {
    std::abort();
  }
  return 0;
}
