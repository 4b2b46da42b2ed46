#include "sealtrain/audit/witness_client.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "sealtrain/audit/cosignature.h"
#include "sealtrain/audit/log_files.h"
#include "sealtrain/audit/text_encoding.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/base/unicode.h"

namespace sealtrain::audit {
namespace {

// Others may have the witness cosign the same log at the same time.
constexpr int kMaxRequests = 4;
constexpr std::size_t kMaxShownBytes = 200;

// What a witness says is somebody else's text.
std::string Shown(absl::string_view body) {
  absl::ConsumeSuffix(&body, "\n");
  return Printable(body.substr(0, kMaxShownBytes));
}

}  // namespace

absl::StatusOr<std::string> MakeAddCheckpoint(LogReader& log, std::uint64_t old_size) {
  if (old_size > log.checkpoint().size) {
    return absl::DataLossError(absl::StrCat("the witness says that it has cosigned size ", old_size,
                                            ", but the log has size ", log.checkpoint().size,
                                            ": rolled back or truncated"));
  }
  AddCheckpointRequest request{
      .old_size = old_size, .proof = {}, .checkpoint_note = log.checkpoint_note()};
  if (old_size > 0) {
    ST_ASSIGN_OR_RETURN(request.proof, log.ProveConsistency(old_size));
  }
  return FormatAddCheckpoint(request);
}

absl::StatusOr<std::string> TakeAnswer(absl::string_view note, const WitnessAnswer& answer,
                                       const WitnessKey& witness) {
  const std::string says =
      absl::StrCat("the witness answers ", answer.status, ": ", Shown(answer.body));
  switch (answer.status) {
    case WitnessAnswer::kCosigned: {
      absl::StatusOr<std::string> added = AddCosignature(note, answer.body, witness);
      if (added.ok()) return added;
      // It speaks against whoever answered, not against the log.
      return absl::InvalidArgumentError(absl::StrCat(says, " (", added.status().message(), ")"));
    }
    case WitnessAnswer::kInconsistent:
      return absl::DataLossError(
          absl::StrCat(says, " (it has cosigned another history of this log)"));
    case WitnessAnswer::kNotSigned:
    case WitnessAnswer::kUnknownLog:
      return absl::NotFoundError(says);
    case WitnessAnswer::kOtherSize:
      return absl::AbortedError(absl::StrCat(says, " (the size that it has cosigned)"));
    case WitnessAnswer::kMalformed:
      return absl::InvalidArgumentError(says);
    default:
      return absl::UnavailableError(says);
  }
}

absl::StatusOr<std::string> AskForCosignature(LogReader& log, absl::string_view note,
                                              const WitnessKey& witness,
                                              const WitnessTransport& transport) {
  std::uint64_t old_size = 0;
  for (int i = 0; i < kMaxRequests; ++i) {
    ST_ASSIGN_OR_RETURN(const std::string request, MakeAddCheckpoint(log, old_size));
    ST_ASSIGN_OR_RETURN(const WitnessAnswer answer, transport(request));
    if (answer.status != WitnessAnswer::kOtherSize) return TakeAnswer(note, answer, witness);
    ST_ASSIGN_OR_RETURN(old_size, SizeOf(answer));
  }
  return absl::AbortedError("the witness names another size each time: try again");
}

std::string CosignedPath(std::uint64_t size) {
  return absl::StrCat(KeptCheckpointPath(size), kCosignedSuffix);
}

absl::StatusOr<std::vector<KeptCheckpoint>> ReadCosigned(Env& env,
                                                         const std::string& log_directory) {
  std::vector<KeptCheckpoint> cosigned;
  const auto names = env.List(JoinPath(log_directory, kCheckpointsFolder));
  if (absl::IsNotFound(names.status())) return cosigned;
  if (!names.ok()) return AsDamage(names.status(), kCheckpointsFolder);
  for (const std::string& name : *names) {
    absl::string_view size_text = name;
    if (!absl::ConsumeSuffix(&size_text, kCosignedSuffix) || !DecodeDecimal(size_text)) continue;
    std::string path = absl::StrCat(kCheckpointsFolder, "/", name);
    absl::StatusOr<std::string> note = env.ReadFile(JoinPath(log_directory, path), kMaxNoteBytes);
    if (!note.ok()) return AsDamage(note.status(), path);
    cosigned.push_back({.name = std::move(path), .note = *std::move(note)});
  }
  return cosigned;
}

}  // namespace sealtrain::audit
