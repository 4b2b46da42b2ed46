#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/env.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/crypto/random.h"
#include "sealtrain/trainer/features.h"
#include "sealtrain/trainer/model_artifact.h"
#include "sealtrain/trainer/model_weights.h"
#include "sealtrain/trainer/training.h"

namespace sealtrain::trainer {
namespace {

// What is to leave, under a name of its own until it stands in the log that it leaves.
// It is taken away again unless it is kept.
class Outgoing {
 public:
  static absl::StatusOr<Outgoing> Open(Env& env, const std::string& out) {
    ST_ASSIGN_OR_RETURN(const Id id, crypto::RandomId());
    const std::string path = absl::StrCat(out, ".tmp.", HexEncode(ByteSpan(id).first(8)));
    ST_ASSIGN_OR_RETURN(std::unique_ptr<WritableFile> file,
                        env.OpenForWrite(path, Env::OpenMode::kCreateNew));
    return Outgoing(env, out, path, std::move(file));
  }
  Outgoing(Outgoing&& other) noexcept
      : env_(other.env_),
        out_(std::move(other.out_)),
        path_(std::exchange(other.path_, "")),
        file_(std::move(other.file_)) {}
  Outgoing& operator=(Outgoing&&) = delete;
  ~Outgoing() {
    if (!path_.empty()) env_->Remove(path_).IgnoreError();
  }

  absl::Status Write(ByteSpan bytes) {
    ST_RETURN_IF_ERROR(file_->Append(bytes));
    ST_RETURN_IF_ERROR(file_->Sync());
    return file_->Close();
  }
  absl::Status Keep() {
    ST_RETURN_IF_ERROR(env_->RenameNew(path_, out_));
    path_.clear();
    return env_->SyncDir(DirName(out_));
  }

 private:
  Outgoing(Env& env, std::string out, std::string path, std::unique_ptr<WritableFile> file)
      : env_(&env), out_(std::move(out)), path_(std::move(path)), file_(std::move(file)) {}

  Env* env_;
  std::string out_;
  std::string path_;  // empty: nothing to take away
  std::unique_ptr<WritableFile> file_;
};

absl::StatusOr<ExportResult> WriteUnderPermit(custody::Custody& custody,
                                              const custody::Permit<policy::EXPORT_MODEL>& permit,
                                              const StoredModel& model, Outgoing& outgoing) {
  ST_ASSIGN_OR_RETURN(const custody::Custody::ModelKey key, custody.ReleaseModelKey(permit));
  ST_ASSIGN_OR_RETURN(const crypto::SecretBytes weights,
                      OpenWeightsFile(AsBytes(model.file), model.parsed, key.dek));
  ST_RETURN_IF_ERROR(outgoing.Write(weights.span()));
  return ExportResult{.bytes = weights.size(), .sha256 = crypto::Sha256(weights.span())};
}

}  // namespace

absl::StatusOr<ExportResult> ExportModel(custody::Custody& custody, const ExportOptions& options) {
  ST_RETURN_IF_ERROR(CheckModelName(options.model));
  // Before anything is asked and logged: a slip of the hand is no export.
  if (options.env->Exists(options.out)) {
    return absl::AlreadyExistsError(absl::StrCat(options.out, " exists"));
  }
  ST_ASSIGN_OR_RETURN(const custody::ModelInfo info, custody.GetModel(options.model));
  ST_ASSIGN_OR_RETURN(const StoredModel model, ReadModel(*options.env, options.store, info));
  ST_ASSIGN_OR_RETURN(const FeatureSpace features,
                      FeatureSpace::Create(model.parsed.header.spec()));
  ST_ASSIGN_OR_RETURN(Outgoing outgoing, Outgoing::Open(*options.env, options.out));
  ST_ASSIGN_OR_RETURN(auto permit,
                      custody.RequestExport({.principal = options.principal,
                                             .model = options.model,
                                             .purpose = options.purpose,
                                             .bytes = WeightsFileBytes(features.dimension()),
                                             .why = options.why}));
  absl::StatusOr<ExportResult> result = WriteUnderPermit(custody, permit, model, outgoing);
  const absl::Status finished = custody.FinishExport(
      std::move(permit), result.ok() ? custody::Outcome::kSucceeded : custody::Outcome::kFailed,
      result.ok() ? result->sha256 : Digest());
  // The first error is the one to tell.
  ST_RETURN_IF_ERROR(result.status());
  ST_RETURN_IF_ERROR(finished);
  ST_RETURN_IF_ERROR(outgoing.Keep());
  return result;
}

}  // namespace sealtrain::trainer
