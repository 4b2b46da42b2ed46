// Receipts: how a model came to be, for who has the log's key alone.
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/audit/log_reader.h"
#include "sealtrain/audit/model_receipt.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/custody/embedded_custodian_internal.h"
#include "sealtrain/custody/home_config_internal.h"

namespace sealtrain::custody {
namespace {

// The entries that tell of a model, as they come by.
class ModelEntries {
 public:
  explicit ModelEntries(const ModelInfo& model) : model_(model) {}

  // False: the last one has come.
  bool Look(const audit::Entry& entry) {
    const audit::Event& event = entry.event;
    if (event.type() == audit::TRAIN_ACCESS && event.phase() == audit::INTENT &&
        event.object().model() == model_.name) {
      // Runs that failed had the same name for a model.
      accesses_.emplace(event.request_uid(), entry);
    }
    if (event.phase() != audit::SUCCEEDED) return true;
    switch (event.type()) {
      case audit::POLICY_APPLIED:
        if (event.policy().sha256() == AsText(model_.policy_sha256)) policy_ = entry;
        return true;
      case audit::SNAPSHOT_COMMITTED:
      case audit::DATASET_RESEALED:
        if (event.object().dataset() == model_.dataset &&
            event.object().generation() == model_.generation) {
          snapshot_ = entry;
        }
        return true;
      case audit::MODEL_SEALED:
        if (event.object().model() == model_.name &&
            event.object().artifact_sha256() == AsText(model_.artifact_sha256)) {
          sealed_ = entry;
        }
        return !sealed_.has_value();
      default:
        return true;
    }
  }

  absl::StatusOr<audit::ReceiptEntries> Prove(audit::LogReader& log) const {
    const auto missing = [&](absl::string_view what) {
      return absl::DataLossError(
          absl::StrCat("the audit log does not tell of model ", model_.name, ": no ", what));
    };
    if (!sealed_) return missing("entry of its end");
    const auto access = accesses_.find(sealed_->event.request_uid());
    if (access == accesses_.end()) return missing("entry of its access");
    if (!policy_) return missing("entry of its policy");
    if (!snapshot_) return missing("entry of its snapshot");
    audit::ReceiptEntries entries;
    for (const auto& [from, to] :
         {std::pair(&*policy_, &entries.policy), std::pair(&*snapshot_, &entries.snapshot),
          std::pair(&access->second, &entries.access), std::pair(&*sealed_, &entries.model)}) {
      ST_ASSIGN_OR_RETURN(to->proof, log.Prove(from->index));
      to->bytes = from->bytes;
    }
    return entries;
  }

 private:
  const ModelInfo& model_;
  std::map<std::string, audit::Entry> accesses_;  // by the request's uid
  std::optional<audit::Entry> policy_;
  std::optional<audit::Entry> snapshot_;
  std::optional<audit::Entry> sealed_;
};

}  // namespace

absl::StatusOr<std::string> EmbeddedCustodian::ModelReceipt(const std::string& model) {
  ST_ASSIGN_OR_RETURN(const ModelInfo info, GetModel(model));
  ST_ASSIGN_OR_RETURN(const auto log, ReadLog());
  ModelEntries found(info);
  ST_RETURN_IF_ERROR(log->ForEach(0, log->checkpoint().size, [&found](const audit::Entry& entry) {
    return found.Look(entry);
  }));
  ST_ASSIGN_OR_RETURN(const audit::ReceiptEntries entries, found.Prove(*log));
  return audit::SignModelReceipt(entries, manifest_key_);
}

}  // namespace sealtrain::custody
