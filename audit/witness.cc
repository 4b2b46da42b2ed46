#include "sealtrain/audit/witness.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/audit/cosignature.h"
#include "sealtrain/audit/text_encoding.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hash.h"

namespace sealtrain::audit {
namespace {

constexpr char kWitnessLockFile[] = "lock";
constexpr char kLatestFile[] = "checkpoint";
constexpr char kForkFile[] = "fork";

std::string OriginHash(absl::string_view origin) {
  return HexEncode(crypto::Sha256(AsBytes(origin)));
}

// Whether `next` goes on from the last checkpoint that was cosigned, which is of
// size `old_size` (none: 0).
absl::Status CheckGrowth(std::uint64_t old_size, const Digest& old_root, const Checkpoint& next,
                         absl::Span<const Digest> proof) {
  if (next.size == 0 && next.root != crypto::Sha256({})) {
    return absl::DataLossError("a root of no entries that is not the one of the empty tree");
  }
  if (old_size == 0) {
    if (proof.empty()) return absl::OkStatus();
    return absl::DataLossError("a proof from size 0, which needs none");
  }
  return VerifyConsistency(old_size, old_root, next.size, next.root, proof);
}

}  // namespace

Witness::Witness(Env& env, Options options, crypto::SigningKey key, std::unique_ptr<FileLock> lock)
    : env_(env),
      options_(std::move(options)),
      key_(std::move(key)),
      public_key_{.name = options_.name, .public_key = key_.public_key()},
      lock_(std::move(lock)) {}

absl::StatusOr<std::unique_ptr<Witness>> Witness::Open(Env& env, Options options,
                                                       crypto::SigningKey key) {
  if (!IsKeyName(options.name)) return absl::InvalidArgumentError("not a name for a witness");
  ST_RETURN_IF_ERROR(env.CreateDirs(options.state_directory));
  ST_ASSIGN_OR_RETURN(auto lock, env.Lock(JoinPath(options.state_directory, kWitnessLockFile)));
  std::unique_ptr<Witness> witness(
      new Witness(env, std::move(options), std::move(key), std::move(lock)));
  for (const VerifierKey& log : witness->options_.logs) {
    ST_RETURN_IF_ERROR(witness->ReadLatest(log.name).status());
    const std::string folder = DirName(witness->StatePath(log.name, kLatestFile));
    ST_RETURN_IF_ERROR(env.CreateDirs(folder));
    // What is there now may be the last step of a write that failed: not durable yet.
    ST_RETURN_IF_ERROR(env.SyncDir(folder));
  }
  return witness;
}

std::string Witness::StatePath(absl::string_view origin, absl::string_view file) const {
  return JoinPath(JoinPath(options_.state_directory, OriginHash(origin)), file);
}

absl::StatusOr<std::optional<Witness::Latest>> Witness::ReadLatest(
    const std::string& origin) const {
  const std::string path = StatePath(origin, kLatestFile);
  absl::StatusOr<std::string> note = env_.ReadFile(path, kMaxNoteBytes);
  if (absl::IsNotFound(note.status())) return std::nullopt;
  const absl::Status changed =
      absl::DataLossError(absl::StrCat(path, ": not a checkpoint that this witness cosigned"));
  if (absl::IsOutOfRange(note.status())) return changed;
  ST_RETURN_IF_ERROR(note.status());
  const absl::StatusOr<Note> parsed = ParseNote(*note);
  if (!parsed.ok()) return changed;
  const absl::StatusOr<std::optional<std::uint64_t>> time_s = CosignedAt(*parsed, public_key_);
  absl::StatusOr<Checkpoint> checkpoint = ParseCheckpoint(parsed->text);
  if (!time_s.ok() || !*time_s || !checkpoint.ok() || checkpoint->origin != origin) return changed;
  return Latest{*std::move(note), *std::move(checkpoint), **time_s};
}

absl::StatusOr<std::string> Witness::LogSignatures(const Note& note,
                                                   const std::string& origin) const {
  std::string lines;
  for (const VerifierKey& log : options_.logs) {
    if (log.name != origin) continue;
    ST_ASSIGN_OR_RETURN(const bool is_signed, IsSignedBy(note, log));
    if (!is_signed) continue;
    const auto line = std::find_if(
        note.signatures.begin(), note.signatures.end(), [&](const NoteSignature& signature) {
          return signature.name == log.name && signature.key_id == log.id();
        });
    absl::StrAppend(&lines, FormatSignature(*line));
  }
  if (lines.empty()) return absl::DataLossError("not signed by a known key of the log");
  return lines;
}

WitnessAnswer Witness::AddCheckpoint(absl::string_view body) {
  const absl::StatusOr<AddCheckpointRequest> request = ParseAddCheckpoint(body);
  if (!request.ok()) return Refusal(WitnessAnswer::kMalformed, request.status().message());
  const absl::StatusOr<Note> note = ParseNote(request->checkpoint_note);
  if (!note.ok()) return Refusal(WitnessAnswer::kMalformed, note.status().message());
  const absl::StatusOr<Checkpoint> checkpoint = ParseCheckpoint(note->text);
  if (!checkpoint.ok()) return Refusal(WitnessAnswer::kMalformed, checkpoint.status().message());

  if (std::none_of(options_.logs.begin(), options_.logs.end(),
                   [&](const VerifierKey& log) { return log.name == checkpoint->origin; })) {
    return Refusal(WitnessAnswer::kUnknownLog, "a log that this witness does not know");
  }
  const absl::StatusOr<std::string> signatures = LogSignatures(*note, checkpoint->origin);
  if (!signatures.ok()) return Refusal(WitnessAnswer::kNotSigned, signatures.status().message());
  if (request->old_size > checkpoint->size) {
    return Refusal(WitnessAnswer::kMalformed, "an old size above the checkpoint's");
  }
  // Between what is compared here and what is written nobody else comes.
  MutexLock lock(&mutex_);
  return Extend(*request, *checkpoint, note->text, *signatures);
}

WitnessAnswer Witness::Extend(const AddCheckpointRequest& request, const Checkpoint& checkpoint,
                              const std::string& text, const std::string& log_signatures) {
  const auto failed = [](const absl::Status& status) {
    return Refusal(WitnessAnswer::kFailed, status.message());
  };
  if (!failure_.ok()) return failed(failure_);
  const absl::StatusOr<std::optional<Latest>> latest = ReadLatest(checkpoint.origin);
  if (!latest.ok()) return failed(latest.status());
  const bool first = !latest->has_value();
  const std::uint64_t cosigned_size = first ? 0 : (*latest)->checkpoint.size;
  if (request.old_size != cosigned_size) return OtherSizeAnswer(cosigned_size);

  const Digest cosigned_root = first ? Digest{} : (*latest)->checkpoint.root;
  const absl::Status growth = CheckGrowth(cosigned_size, cosigned_root, checkpoint, request.proof);
  if (!growth.ok()) {
    // Two roots of one size, both signed: that proves a fork to anybody. It is kept.
    if (!first && checkpoint.size == cosigned_size && checkpoint.root != cosigned_root) {
      const std::string path = StatePath(checkpoint.origin, kForkFile);
      const absl::Status kept = Write(path, absl::StrCat(text, "\n", log_signatures));
      if (!kept.ok()) return failed(kept);
    }
    return Refusal(WitnessAnswer::kInconsistent, growth.message());
  }

  const std::int64_t now_s = absl::ToUnixSeconds(options_.clock());
  if (now_s <= 0 || (!first && static_cast<std::uint64_t>(now_s) < (*latest)->time_s)) {
    return Refusal(WitnessAnswer::kUnavailable,
                   "the clock of this witness is behind its last cosignature");
  }
  const absl::StatusOr<std::string> line =
      Cosign(text, public_key_.name, key_, static_cast<std::uint64_t>(now_s));
  if (!line.ok()) return failed(line.status());
  const absl::Status written = Write(StatePath(checkpoint.origin, kLatestFile),
                                     absl::StrCat(text, "\n", log_signatures, *line));
  if (!written.ok()) return failed(written);
  return CosignedAnswer(*line);
}

absl::Status Witness::Write(const std::string& path, absl::string_view bytes) {
  const absl::Status status = WriteFileDurably(env_, path, AsBytes(bytes));
  // What is on the disk is unknown now, so nothing may be said that depends on it.
  if (!status.ok()) {
    failure_ = absl::UnavailableError("the state of this witness cannot be written");
  }
  return failure_;
}

WitnessAnswer Witness::LatestCheckpoint(absl::string_view origin_hash) {
  for (const VerifierKey& log : options_.logs) {
    if (OriginHash(log.name) != origin_hash) continue;
    MutexLock lock(&mutex_);
    if (!failure_.ok()) return Refusal(WitnessAnswer::kFailed, failure_.message());
    const absl::StatusOr<std::optional<Latest>> latest = ReadLatest(log.name);
    if (!latest.ok()) return Refusal(WitnessAnswer::kFailed, latest.status().message());
    if (*latest) return CosignedAnswer((*latest)->note);
    break;
  }
  return Refusal(WitnessAnswer::kUnknownLog, "no checkpoint of such a log was cosigned");
}

}  // namespace sealtrain::audit
