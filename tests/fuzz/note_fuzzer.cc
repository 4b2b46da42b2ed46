// Signed notes, checkpoints, verifier keys and proofs: what parses, formats to
// the same text again.
#include <cstdint>
#include <cstdlib>

#include "absl/strings/string_view.h"
#include "sealtrain/audit/checkpoint.h"
#include "sealtrain/audit/note.h"
#include "sealtrain/audit/proof.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sealtrain::audit;
  const absl::string_view text = sealtrain::AsText(sealtrain::ByteSpan(data, size));
  if (const auto vkey = ParseVkey(text); vkey.ok() && FormatVkey(*vkey) != text) std::abort();
  if (const auto checkpoint = ParseCheckpoint(text);
      checkpoint.ok() && FormatCheckpoint(*checkpoint) != text) {
    std::abort();
  }
  if (const auto proof = ParseTlogProof(text); proof.ok() && FormatTlogProof(*proof) != text) {
    std::abort();
  }
  if (const auto note = ParseNote(text); note.ok() && note->text.back() != '\n') std::abort();
  return 0;
}
