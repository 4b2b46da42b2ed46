#include "sealtrain/audit/lint.h"

#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/audit/event_codec.h"
#include "sealtrain/audit/event_filter.h"
#include "sealtrain/audit/open_intents.h"
#include "sealtrain/audit/opening.h"
#include "sealtrain/base/status_macros.h"

namespace sealtrain::audit {
namespace {

// Whether the type tells the end of a request that began with an intent.
bool EndsRequest(EventType type) {
  switch (type) {
    case SEAL_ACCESS:
    case TRAIN_ACCESS:
    case EVALUATE_ACCESS:
    case SNAPSHOT_COMMITTED:
    case DATASET_RESEALED:
    case MODEL_SEALED:
    case MODEL_EXPORTED:
      return true;
    default:
      return false;
  }
}

class Linter {
 public:
  explicit Linter(absl::FunctionRef<void(const LintFinding&)> show) : show_(show) {}

  absl::Status Add(std::uint64_t index, absl::string_view bytes) {
    if (!event_.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      Find(index, "not-an-event", "its bytes are no event");
      return absl::OkStatus();
    }
    // Newer writers may use values that we do not know; what is known is still looked at.
    if (const absl::Status known = CheckEvent(event_); !known.ok()) {
      Find(index, "unknown-value", std::string(known.message()));
    }
    ST_ASSIGN_OR_RETURN(const bool ended, intents_.Add(index, event_));
    if (!ended && (event_.phase() == SUCCEEDED || event_.phase() == FAILED) &&
        EndsRequest(event_.type())) {
      Find(index, "outcome-without-intent",
           absl::StrCat(TypeName(event_.type()), " ", VerdictName(event_.phase()),
                        " of a request without an open intent"));
    }
    const std::string& policy = event_.policy().sha256();
    if (event_.type() == POLICY_APPLIED && event_.phase() == SUCCEEDED) applied_.insert(policy);
    if (event_.type() == ENTRY_REDACTED && event_.phase() == SUCCEEDED &&
        event_.approvals() < kApprovalsToRedact) {
      Find(index, "redacted-unapproved",
           absl::StrCat("what an entry sealed was destroyed with ", event_.approvals(),
                        " approvals, fewer than ", kApprovalsToRedact));
    }
    // A policy is signed before it is applied.
    if (!policy.empty() && event_.type() != POLICY_SIGNED && applied_.count(policy) == 0) {
      Find(index, "policy-never-applied",
           absl::StrCat("names policy ", HexEncode(AsBytes(policy)),
                        ", which no entry before it applied"));
    }
    return absl::OkStatus();
  }

  absl::Status Finish(LogReader& log) {
    for (const OpenIntents::Open& open : intents_.Left()) {
      ST_RETURN_IF_ERROR(log.ForEachBytes(
          open.index, open.index + 1, [this](std::uint64_t index, absl::string_view bytes) {
            event_.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
            Find(index, "missing-outcome",
                 absl::StrCat(TypeName(event_.type()), " of ", event_.actor().principal(),
                              ": nothing says how it ended"));
            return true;
          }));
    }
    return absl::OkStatus();
  }

 private:
  void Find(std::uint64_t index, const char* code, std::string message) {
    show_({.index = index, .code = code, .message = std::move(message)});
  }

  absl::FunctionRef<void(const LintFinding&)> show_;
  Event event_;
  OpenIntents intents_;
  std::set<std::string> applied_;
};

}  // namespace

absl::Status LintLog(LogReader& log, absl::FunctionRef<void(const LintFinding&)> show) {
  Linter linter(show);
  absl::Status added;
  ST_RETURN_IF_ERROR(
      log.ForEachBytes(0, log.checkpoint().size, [&](std::uint64_t index, absl::string_view bytes) {
        added = linter.Add(index, bytes);
        return added.ok();
      }));
  ST_RETURN_IF_ERROR(added);
  return linter.Finish(log);
}

}  // namespace sealtrain::audit
