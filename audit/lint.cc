#include "sealtrain/audit/lint.h"

#include <algorithm>
#include <set>
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
  void Add(std::uint64_t index, absl::string_view bytes) {
    if (!entry_.event.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return Find(index, "not-an-event", "its bytes are no event");
    }
    entry_.index = index;
    const Event& event = entry_.event;
    // Newer writers may use values that we do not know; what is known is still looked at.
    if (const absl::Status known = CheckEvent(event); !known.ok()) {
      Find(index, "unknown-value", std::string(known.message()));
    }
    const bool ended = intents_.Add(entry_);
    if (!ended && (event.phase() == SUCCEEDED || event.phase() == FAILED) &&
        EndsRequest(event.type())) {
      Find(index, "outcome-without-intent",
           absl::StrCat(TypeName(event.type()), " ", VerdictName(event.phase()),
                        " of a request without an open intent"));
    }
    const std::string& policy = event.policy().sha256();
    if (event.type() == POLICY_APPLIED && event.phase() == SUCCEEDED) applied_.insert(policy);
    if (event.type() == ENTRY_REDACTED && event.phase() == SUCCEEDED &&
        event.approvals() < kApprovalsToRedact) {
      Find(index, "redacted-unapproved",
           absl::StrCat("what an entry sealed was destroyed with ", event.approvals(),
                        " approvals, fewer than ", kApprovalsToRedact));
    }
    // A policy is signed before it is applied.
    if (!policy.empty() && event.type() != POLICY_SIGNED && applied_.count(policy) == 0) {
      Find(index, "policy-never-applied",
           absl::StrCat("names policy ", HexEncode(AsBytes(policy)),
                        ", which no entry before it applied"));
    }
  }

  std::vector<LintFinding> Finish() {
    for (const Entry& entry : intents_.Left()) {
      Find(entry.index, "missing-outcome",
           absl::StrCat(TypeName(entry.event.type()), " of ", entry.event.actor().principal(),
                        ": nothing says how it ended"));
    }
    std::stable_sort(findings_.begin(), findings_.end(),
                     [](const auto& a, const auto& b) { return a.index < b.index; });
    return std::move(findings_);
  }

 private:
  void Find(std::uint64_t index, const char* code, std::string message) {
    findings_.push_back({.index = index, .code = code, .message = std::move(message)});
  }

  Entry entry_;
  OpenIntents intents_;
  std::set<std::string> applied_;
  std::vector<LintFinding> findings_;
};

}  // namespace

absl::StatusOr<std::vector<LintFinding>> LintLog(LogReader& log) {
  Linter linter;
  ST_RETURN_IF_ERROR(
      log.ForEachBytes(0, log.checkpoint().size, [&](std::uint64_t index, absl::string_view bytes) {
        linter.Add(index, bytes);
        return true;
      }));
  return linter.Finish();
}

}  // namespace sealtrain::audit
