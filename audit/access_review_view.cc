#include "sealtrain/audit/access_review_view.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "sealtrain/audit/event_filter.h"
#include "sealtrain/audit/event_time.h"
#include "sealtrain/audit/scan.h"
#include "sealtrain/audit/text_encoding.h"
#include "sealtrain/base/epsilon.h"

namespace sealtrain::audit {
namespace {

std::string Joined(const std::set<std::string>& names) { return absl::StrJoin(names, ", "); }

ReviewTable AccessTable(const AccessReview& review) {
  ReviewTable table = {.title = "Who opened what, and what for",
                       .rows = {{"Principal", "Action", "Data set", "Purpose", "Granted", "Denied",
                                 "Succeeded", "Failed", "Last", "Columns"}},
                       .right = {4, 5, 6, 7},
                       .note = ""};
  for (const AccessReview::Access& access : review.accesses) {
    table.rows.push_back({access.principal, absl::AsciiStrToLower(access.action), access.dataset,
                          access.purpose, absl::StrCat(access.granted), absl::StrCat(access.denied),
                          absl::StrCat(access.succeeded), absl::StrCat(access.failed),
                          FormatSeconds(access.last), Joined(access.columns)});
  }
  return table;
}

ReviewTable DenialTable(const AccessReview& review) {
  ReviewTable table = {.title = "Denials by reason",
                       .rows = {{"Reason", "Count", "Last", "Entry", "Principals"}},
                       .right = {1, 3},
                       .note = ""};
  for (const AccessReview::Denials& denials : review.denials) {
    table.rows.push_back({denials.reason, absl::StrCat(denials.count), FormatSeconds(denials.last),
                          absl::StrCat(denials.last_index), Joined(denials.principals)});
  }
  return table;
}

ReviewTable FirstSeenTable(const AccessReview& review) {
  ReviewTable table = {.title = "Principals seen for the first time",
                       .rows = {{"Principal", "Time", "Entry"}},
                       .right = {2},
                       .note = "Principals that no entry before the period names."};
  for (const AccessReview::FirstSeen& seen : review.first_seen) {
    table.rows.push_back({seen.principal, FormatSeconds(seen.time), absl::StrCat(seen.index)});
  }
  return table;
}

ReviewTable UnusualHourTable(const AccessReview& review) {
  ReviewTable table = {
      .title = "Unusual hours",
      .rows = {{"Principal", "Hour", "Requests", "First entry", "Requests before"}},
      .right = {1, 2, 3, 4},
      .note = UnusualHourRule()};
  for (const AccessReview::UnusualHour& hour : review.unusual_hours) {
    table.rows.push_back({hour.principal, absl::StrFormat("%02d", hour.hour),
                          absl::StrCat(hour.requests), absl::StrCat(hour.first_index),
                          absl::StrCat(hour.before)});
  }
  return table;
}

ReviewTable UnusualVolumeTable(const AccessReview& review) {
  ReviewTable table = {.title = "Unusual volumes",
                       .rows = {{"Principal", "Day", "Requests", "Usual"}},
                       .right = {2, 3},
                       .note = UnusualVolumeRule()};
  for (const AccessReview::UnusualVolume& volume : review.unusual_volumes) {
    table.rows.push_back({volume.principal, ReviewDay(volume.day), absl::StrCat(volume.requests),
                          absl::StrFormat("%.1f", volume.usual)});
  }
  return table;
}

ReviewTable BudgetTable(const AccessReview& review) {
  ReviewTable table = {
      .title = "Privacy budgets",
      .rows = {{"Data set", "Unit", "Time", "Entry", "This run", "All runs", "Before the period"}},
      .right = {3, 4, 5, 6},
      .note =
          "Epsilon, rounded up. A run is reserved before it starts and settled when it ends; "
          "both are entries."};
  for (const AccessReview::Budget& budget : review.budgets) {
    for (const AccessReview::BudgetPoint& point : budget.points) {
      table.rows.push_back({budget.dataset, budget.unit, FormatSeconds(point.time),
                            absl::StrCat(point.index), FormatEpsilon(point.epsilon),
                            FormatEpsilon(point.ledger_epsilon), FormatEpsilon(budget.before)});
    }
  }
  return table;
}

// The first cells of a row that tells of one entry.
std::vector<std::string> EntryCells(const Entry& entry) {
  return {absl::StrCat(entry.index), FormatSeconds(entry.event.wall_time_ns()),
          TypeName(entry.event.type()), entry.event.actor().principal()};
}

ReviewTable PolicyTable(const AccessReview& review) {
  ReviewTable table = {.title = "Policies and approvals",
                       .rows = {{"Entry", "Time", "What", "By", "Verdict", "Data set",
                                 "Approved by", "Policy", "Version", "SHA-256"}},
                       .right = {0, 8},
                       .note = ""};
  for (const Entry& entry : review.policies) {
    const Event& event = entry.event;
    const PolicyRef& policy = event.policy();
    std::vector<std::string>& row = table.rows.emplace_back(EntryCells(entry));
    row.insert(row.end(), {VerdictName(event.phase()), event.object().dataset(),
                           absl::StrJoin(event.approval().approver(), ", "), policy.id(),
                           absl::StrCat(policy.version()), HexEncode(AsBytes(policy.sha256()))});
  }
  return table;
}

ReviewTable KeyTable(const AccessReview& review) {
  ReviewTable table = {.title = "Keys rotated and destroyed",
                       .rows = {{"Entry", "Time", "What", "By", "Key", "Data set", "Epoch"}},
                       .right = {0, 6},
                       .note = ""};
  for (const Entry& entry : review.keys) {
    const Object& object = entry.event.object();
    std::vector<std::string>& row = table.rows.emplace_back(EntryCells(entry));
    row.insert(row.end(), {object.key_id(), object.dataset(), absl::StrCat(object.key_epoch())});
  }
  return table;
}

ReviewTable ReasonTable(const AccessReview& review) {
  ReviewTable table = {.title = "Sealed reasons opened and destroyed",
                       .rows = {{"Entry", "Time", "What", "By", "Verdict", "Data set", "Purpose",
                                 "Approvals", "Of the entry"}},
                       .right = {0, 7},
                       .note = ""};
  for (const Entry& entry : review.reasons) {
    const Event& event = entry.event;
    std::vector<std::string>& row = table.rows.emplace_back(EntryCells(entry));
    row.insert(row.end(),
               {VerdictName(event.phase()), event.object().dataset(), event.purpose(),
                absl::StrCat(event.approvals()), HexEncode(AsBytes(event.object().entry_uid()))});
  }
  return table;
}

ReviewTable DanglingTable(const AccessReview& review) {
  ReviewTable table = {
      .title = "Intents without an outcome",
      .rows = {{"Entry", "Time", "What", "By", "Data set", "Purpose"}},
      .right = {0},
      .note =
          "Begun before the end of the period, and without an outcome at the end of the log: "
          "keys may have been released. A job that still runs is among them."};
  for (const Entry& entry : review.dangling) {
    std::vector<std::string>& row = table.rows.emplace_back(EntryCells(entry));
    row.insert(row.end(), {entry.event.object().dataset(), entry.event.purpose()});
  }
  return table;
}

}  // namespace

std::string ReviewDay(std::int64_t day_since_1970) {
  return absl::FormatTime("%Y-%m-%d", absl::UnixEpoch() + absl::Hours(24) * day_since_1970,
                          absl::UTCTimeZone());
}

std::string ReviewPeriod(const AccessReview& review) {
  return absl::StrCat(
      review.since == absl::InfinitePast() ? "the beginning" : FormatSeconds(review.since), " to ",
      FormatSeconds(review.until));
}

std::vector<std::string> ProvenAgainst(const AccessReview& review) {
  const AccessReview::Proof& proof = review.proof;
  std::vector<std::string> sentences = {
      absl::StrCat("The first ", proof.checkpoint.size, " entries of the log ",
                   proof.checkpoint.origin, " were hashed again and lead to the root ",
                   EncodeBase64(proof.checkpoint.root), "."),
      absl::StrCat("That root is signed by ", WhoseKey(proof.key_trusted), ": ", proof.vkey, ".")};
  for (const AccessReview::Proof::OldCheckpoint& old : proof.old_checkpoints) {
    sentences.push_back(absl::StrCat("The log goes on from the checkpoint ", old.name,
                                     ", which signs its first ", old.size, " entries."));
  }
  return sentences;
}

std::vector<std::string> NeverVerified(const AccessReview& review) {
  std::vector<std::string> sentences;
  if (!review.proof.key_trusted) {
    sentences.emplace_back(
        "The log's key: it is the one in the log's own folder. Whoever can replace that folder can "
        "replace its key too.");
  }
  const std::uint64_t size = review.proof.checkpoint.size;
  std::uint64_t known = 0;
  for (const AccessReview::Proof::OldCheckpoint& old : review.proof.old_checkpoints) {
    known = std::max(known, old.size);
  }
  if (known > 0 && known < size) {
    sentences.push_back(absl::StrCat(
        "That entries ", known, " to ", size - 1,
        " were not taken back or written anew: no checkpoint that was given signs them."));
  }
  if (known == 0) {
    sentences.emplace_back(
        "That nothing was taken back: no checkpoint kept elsewhere was given. Whoever holds the "
        "log's key could have rewritten it, and a backup could have brought an old state back.");
  }
  sentences.emplace_back("Cosignatures of witnesses: this review looks at none.");
  sentences.emplace_back(
      "Who somebody is: principals are the names that custody was given, and custody within a "
      "job's own process takes them as they are.");
  sentences.emplace_back("Times: they are those of the writer's clock.");
  sentences.emplace_back(
      "Data and models: the log names their digests, and no file was compared with them.");
  if (review.without_executable > 0) {
    sentences.push_back(absl::StrCat("Which program asked, in ", review.without_executable,
                                     " requests: custody could not read its executable."));
  }
  for (const auto& [trust, requests] : review.by_trust) {
    if (trust == "SANDBOXED" || trust == "LOCKED") continue;
    sentences.push_back(absl::StrCat("That keys stayed in locked memory, in ", requests,
                                     " requests: custody measured the trust ",
                                     trust.empty() ? "not at all" : trust, "."));
  }
  if (!review.dangling.empty()) {
    sentences.push_back(absl::StrCat("How it ended, in ",
                                     review.dangling.size() + review.LeftOut("dangling"),
                                     " intents without an outcome."));
  }
  return sentences;
}

std::vector<ReviewTable> ReviewTables(const AccessReview& review) {
  const auto listed = [&review](ReviewTable table, const char* list) {
    if (const std::uint64_t left_out = review.LeftOut(list); left_out > 0) {
      table.note = absl::StrCat(left_out, " more are left out: choose a shorter period.",
                                table.note.empty() ? "" : " ", table.note);
    }
    return table;
  };
  return {AccessTable(review),
          DenialTable(review),
          listed(FirstSeenTable(review), "first_seen"),
          listed(UnusualHourTable(review), "unusual_hours"),
          listed(UnusualVolumeTable(review), "unusual_volumes"),
          listed(BudgetTable(review), "budgets"),
          listed(PolicyTable(review), "policies"),
          listed(KeyTable(review), "keys"),
          listed(ReasonTable(review), "reasons"),
          listed(DanglingTable(review), "dangling")};
}

}  // namespace sealtrain::audit
