// What entries of the audit log seal: opening it, and destroying it.
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/audit/log_reader.h"
#include "sealtrain/audit/opening.h"
#include "sealtrain/audit/proof.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/random.h"
#include "sealtrain/custody/audit_events_internal.h"
#include "sealtrain/custody/embedded_custodian_internal.h"
#include "sealtrain/custody/home_config_internal.h"
#include "sealtrain/policy/approvers.h"

namespace sealtrain::custody {

// What the policy room demands, auditors look for.
static_assert(policy::kApprovalsToErase == audit::kApprovalsToRedact);

absl::Status EmbeddedCustodian::SealWhy(const std::string& why, audit::Event& event) {
  if (why.empty()) return absl::OkStatus();
  if (event.uid().empty()) {
    ST_ASSIGN_OR_RETURN(const Id uid, crypto::RandomId());
    event.set_uid(std::string(AsText(uid)));
  }
  ST_ASSIGN_OR_RETURN(const std::string opening, audit::SealWhy(why, event));
  return keys_.AddOpening(event.uid(), opening);
}

absl::StatusOr<EmbeddedCustodian::EntryAct> EmbeddedCustodian::DecideOnEntry(
    policy::Action action, const EntryRequest& request, audit::LogReader& log) {
  if (request.index >= log.checkpoint().size) {
    return absl::OutOfRangeError(absl::StrCat("the audit log has ", log.checkpoint().size,
                                              " entries, and no ", request.index));
  }
  EntryAct act;
  ST_RETURN_IF_ERROR(
      log.ForEach(request.index, request.index + 1, [&act](const audit::Entry& entry) {
        act.entry = entry;
        return true;
      }));
  const audit::Event& about = act.entry.event;
  if (!audit::SealsAnything(about)) {
    return absl::NotFoundError(absl::StrCat("entry ", request.index, " seals nothing"));
  }
  // The log is believed, and not the key store, where a row can be put back.
  ST_RETURN_IF_ERROR(log.ForEach(request.index + 1, log.checkpoint().size,
                                 [&act, &about](const audit::Entry& later) {
                                   act.redacted = later.event.type() == audit::ENTRY_REDACTED &&
                                                  later.event.phase() == audit::SUCCEEDED &&
                                                  later.event.object().entry_uid() == about.uid();
                                   return !act.redacted;
                                 }));
  ST_ASSIGN_OR_RETURN(const DatasetRecord dataset, catalog_.GetDataset(about.object().dataset()));
  ST_ASSIGN_OR_RETURN(policy::Request asked,
                      BuildRequest(request.principal, action, dataset, request.purpose, {},
                                   /*model=*/"", about.uid()));
  ST_ASSIGN_OR_RETURN(const Ruling ruling, Rule(std::move(asked)));
  ST_ASSIGN_OR_RETURN(Grant grant, DraftGrant(ruling, dataset, absl::InfiniteFuture()));
  // It is about an entry, and not about what the data set holds by now.
  grant.generation = 0;
  grant.manifest_sha256 = Digest();
  grant.key_epoch = 0;
  if (!ruling.status.ok()) {
    ST_RETURN_IF_ERROR(RecordDenied(ruling, grant, request.why));
    return ruling.status;
  }
  act.event = AccessEvent(ruling.request, ruling.decision, grant);
  act.request_id = grant.permit_id;
  return act;
}

absl::StatusOr<RevealedEntry> EmbeddedCustodian::RevealEntry(const EntryRequest& request) {
  MutexLock lock(&mutex_);
  ST_ASSIGN_OR_RETURN(const auto log, ReadLog());
  ST_ASSIGN_OR_RETURN(EntryAct act, DecideOnEntry(policy::READ_AUDIT, request, *log));
  const absl::StatusOr<std::string> opening =
      act.redacted ? absl::FailedPreconditionError("what the entry sealed is destroyed")
                   : keys_.GetOpening(act.entry.event.uid());
  absl::StatusOr<audit::OpenedText> opened =
      opening.ok() ? audit::CheckOpening(*opening, act.entry.event) : opening.status();
  act.event.set_phase(opened.ok() ? audit::SUCCEEDED : audit::FAILED);
  ST_RETURN_IF_ERROR(
      ChangeAndRecord(act.request_id, act.event, [&](audit::Event& event) -> absl::Status {
        mutex_.AssertHeld();
        return SealWhy(request.why, event);
      }));
  ST_RETURN_IF_ERROR(opened.status());

  ST_ASSIGN_OR_RETURN(const std::string proof, log->Prove(request.index));
  ST_ASSIGN_OR_RETURN(audit::TlogProof disclosing, audit::ParseTlogProof(proof));
  disclosing.extra.assign(AsBytes(*opening).begin(), AsBytes(*opening).end());
  return RevealedEntry{.entry = std::move(act.entry.bytes),
                       .proof = audit::FormatTlogProof(disclosing),
                       .opened = *std::move(opened)};
}

absl::Status EmbeddedCustodian::RedactEntry(const EntryRequest& request) {
  MutexLock lock(&mutex_);
  ST_ASSIGN_OR_RETURN(const auto log, ReadLog());
  ST_ASSIGN_OR_RETURN(const EntryAct act, DecideOnEntry(policy::ERASE, request, *log));
  const audit::Event& about = act.entry.event;
  absl::Status destroyed;
  const absl::Status recorded =
      ChangeAndRecord(act.request_id, act.event, [&](audit::Event& event) -> absl::Status {
        mutex_.AssertHeld();
        ST_RETURN_IF_ERROR(SealWhy(request.why, event));
        destroyed = keys_.DestroyOpening(about.uid());
        event.set_phase(destroyed.ok() ? audit::SUCCEEDED : audit::FAILED);
        // The text that approvers signed says the same.
        if (destroyed.ok() && about.type() == audit::ACCESS_APPROVED) {
          ST_RETURN_IF_ERROR(approved_.Destroy(about.approval().sha256()));
        }
        return absl::OkStatus();
      });
  return recorded.ok() ? destroyed : recorded;
}

}  // namespace sealtrain::custody
