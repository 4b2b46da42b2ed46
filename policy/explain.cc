#include "sealtrain/policy/explain.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "sealtrain/base/number_text.h"
#include "sealtrain/base/text_table.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/policy/actions.h"
#include "sealtrain/policy/lease.h"
#include "sealtrain/policy/names_internal.h"
#include "sealtrain/policy/schema.h"

namespace sealtrain::policy {
namespace {

using internal::Quoted;

std::string ActionName(Action action) {
  return Action_IsValid(action) ? Action_Name(action)
                                : absl::StrCat("ACTION_", static_cast<int>(action));
}

std::string RuleList(const std::vector<RuleRef>& rules) {
  return absl::StrJoin(rules, ", ", [](std::string* out, const RuleRef& rule) {
    absl::StrAppend(out, Printable(rule.id), " (line ", rule.line, ")");
  });
}

std::string ClassList(const std::vector<DataClass>& classes) {
  return absl::StrJoin(
      classes, " ", [](std::string* out, DataClass c) { absl::StrAppend(out, DataClassName(c)); });
}

void AppendLine(std::string& page, absl::string_view label, absl::string_view value) {
  if (!value.empty()) absl::StrAppendFormat(&page, "%-14s%s\n", label, value);
}

void AppendColumns(std::string& page, const Request& request,
                   const std::vector<ColumnPlan>& columns) {
  if (columns.empty()) return;
  std::size_t name_width = 0;
  std::size_t class_width = 0;
  for (const ColumnPlan& column : columns) {
    name_width = std::max(name_width, Printable(column.name).size());
    class_width = std::max(class_width, ClassList(column.classes).size());
  }
  absl::StrAppend(&page, "columns\n");
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const ColumnPlan& column = columns[i];
    absl::StrAppendFormat(&page, "  %-*s  %-*s  %s\n", static_cast<int>(name_width),
                          Printable(column.name), static_cast<int>(class_width),
                          ClassList(column.classes),
                          DescribeTreatment(column, request.columns[i].applied));
  }
}

// Of `dp` or `release`.
template <class WithPrivacy>
std::string DescribePrivacy(const WithPrivacy& duty) {
  return absl::StrCat("epsilon at most ", NumberText(duty.epsilon_max()), " at delta ",
                      NumberText(duty.delta_max()), " for one ",
                      duty.unit() == SUBJECT ? "subject" : "record");
}

void AppendObligations(std::string& page, const Request& request, const Decision& decision) {
  if (decision.dp) {
    AppendLine(page, "privacy",
               absl::StrCat(DescribePrivacy(*decision.dp), "; ledger ",
                            NumberText(decision.dp->ledger_epsilon())));
  }
  if (decision.allow && ActionTakesColumns(request.action)) {
    AppendLine(page, "lease", absl::StrCat("keys for ", DescribeLease(decision.lease)));
  }
  if (decision.retention) {
    AppendLine(page, "retention",
               absl::StrCat(request.action == TRAIN ? "the model for " : "data for ",
                            DescribeDuration(*decision.retention)));
  }
  if (decision.max_opens) {
    AppendLine(page, "opens", absl::StrCat("at most ", *decision.max_opens, " permits, ever"));
  }
  if (decision.k_anonymity) {
    AppendLine(
        page, "k-anonymity",
        absl::StrCat(decision.k_anonymity->k(), " subjects share all quasi-identifiers; at most ",
                     NumberText(decision.k_anonymity->max_suppressed()),
                     " of the records may be left out for it"));
  }
  if (decision.release) {
    AppendLine(page, "release",
               absl::StrCat("the model leaves with ", DescribeRelease(*decision.release)));
  }
  for (const Duty& duty : decision.duties) {
    if (duty.name != kApprovalsDuty) continue;
    AppendLine(
        page, "approvals",
        absl::StrCat("needs those of ", duty.value, duty.value == "1" ? " approver" : " approvers",
                     " of the policy, other than the one who asks"));
  }
}

void AppendDuties(std::string& page, const Decision& decision) {
  if (decision.duties.empty()) return;
  Rows rows = {{"duty", "is", "from"}};
  for (const Duty& duty : decision.duties) {
    std::string name = duty.name;
    if (!duty.column.empty()) absl::StrAppend(&name, " of ", Printable(duty.column));
    rows.push_back({std::move(name), duty.value, DescribeSources(decision, duty)});
  }
  absl::StrAppend(&page, Table(rows));
}

}  // namespace

std::string DescribeDuration(absl::Duration duration) {
  const absl::Duration day = absl::Hours(24);
  if (duration < 2 * day || duration % day != absl::ZeroDuration()) {
    return absl::FormatDuration(duration);
  }
  return absl::StrCat(duration / day, " days");
}

std::string DescribeLease(const std::optional<absl::Duration>& lease) {
  return absl::StrCat(DescribeDuration(LeaseOf(lease)),
                      !lease ? " (default)" : (*lease > kMaxLease ? " (a day at most)" : ""));
}

std::string DescribeTransform(const Transform& transform) {
  if (!TransformKind_IsValid(transform.kind())) {
    return absl::StrCat("TRANSFORM_", static_cast<int>(transform.kind()));
  }
  std::string text = TransformKind_Name(transform.kind());
  if (transform.has_step()) absl::StrAppend(&text, ", step ", NumberText(transform.step()));
  if (transform.has_prefix_v4()) absl::StrAppend(&text, ", IPv4 /", transform.prefix_v4());
  if (transform.has_prefix_v6()) absl::StrAppend(&text, ", IPv6 /", transform.prefix_v6());
  if (transform.has_domain()) absl::StrAppend(&text, ", domain ", Quoted(transform.domain()));
  return text;
}

std::string DescribeRelease(const Release& release) {
  return absl::StrCat(DescribePrivacy(release), ", in at most ", release.max_bytes(), " bytes");
}

std::string DescribeTreatment(const ColumnPlan& column, const std::optional<Transform>& applied) {
  if (applied && column.transform.kind() == KEEP && applied->kind() != KEEP) {
    return absl::StrCat("as sealed: ", DescribeTransform(*applied));
  }
  std::string text = DescribeTransform(column.transform);
  const char* separator = "; ";
  for (const auto& [kind, then] : column.scan) {
    absl::StrAppend(&text, separator, TextScan::Kind_Name(kind), " ", TextScan::Then_Name(then));
    separator = ", ";
  }
  return text;
}

std::string DescribeObligations(Action action, const Decision& decision) {
  std::vector<std::string> parts;
  const auto privacy = [](const auto& dp) {
    return absl::StrCat("epsilon ", NumberText(dp.epsilon_max()), ", delta ",
                        NumberText(dp.delta_max()), " of a ",
                        dp.unit() == SUBJECT ? "subject" : "record");
  };
  if (decision.dp) {
    parts.push_back(absl::StrCat(privacy(*decision.dp), ", ledger ",
                                 NumberText(decision.dp->ledger_epsilon())));
  }
  if (ActionTakesColumns(action)) {
    parts.push_back(absl::StrCat("lease ", DescribeLease(decision.lease)));
  }
  if (decision.retention) {
    parts.push_back(absl::StrCat("retention ", DescribeDuration(*decision.retention)));
  }
  if (decision.max_opens) parts.push_back(absl::StrCat("at most ", *decision.max_opens, " opens"));
  if (decision.k_anonymity) {
    parts.push_back(absl::StrCat("k ", decision.k_anonymity->k(), " with at most ",
                                 NumberText(decision.k_anonymity->max_suppressed()),
                                 " of the records left out"));
  }
  if (decision.release) {
    parts.push_back(absl::StrCat("release at ", privacy(*decision.release), ", ",
                                 decision.release->max_bytes(), " bytes"));
  }
  for (const Duty& duty : decision.duties) {
    if (duty.name == kApprovalsDuty) {
      parts.push_back(
          absl::StrCat("needs ", duty.value, duty.value == "1" ? " approval" : " approvals"));
    }
  }
  return absl::StrJoin(parts, "; ");
}

std::string DescribeSources(const Decision& decision, const Duty& duty) {
  if (duty.from.empty()) {
    return duty.column.empty() ? "the run that made the model" : "the review that sealed it";
  }
  return absl::StrJoin(duty.from, ", ", [&](std::string* out, const DutySource& source) {
    absl::StrAppend(out, Printable(source.rule.id), " (line ", source.rule.line);
    if (source.policy_version != decision.policy_version) {
      absl::StrAppend(out, " of version ", source.policy_version);
    }
    absl::StrAppend(out, ")");
  });
}

std::string ExplainDecision(const Request& request, const Decision& decision) {
  std::string page;
  AppendLine(page, decision.allow ? "ALLOW" : "DENY",
             absl::StrCat(Quoted(request.principal), " to ", ActionName(request.action), " ",
                          Quoted(request.dataset), " for ", Quoted(request.purpose)));
  // The engine has escaped the names within its sentences.
  AppendLine(page, "because", decision.reason);
  AppendLine(page, "reason code", decision.reason_code);
  AppendLine(page, decision.allow ? "permitted by" : "forbidden by",
             RuleList(decision.determining_rules));
  for (std::size_t i = 0; i < decision.would_end.size(); ++i) {
    AppendLine(
        page, "would end it",
        absl::StrCat(Printable(decision.determining_rules[i].id), ": ", decision.would_end[i]));
  }
  if (decision.nearest_miss) {
    AppendLine(page, "nearest rule", RuleList({*decision.nearest_miss}));
    AppendLine(page, "which lacks", decision.nearest_miss_lacks);
  }
  AppendLine(page, "what helps", Printable(decision.fix_hint));
  AppendColumns(page, request, decision.columns);
  AppendObligations(page, request, decision);
  AppendDuties(page, decision);
  AppendLine(page, "policy",
             absl::StrCat(Printable(decision.policy_id), " version ", decision.policy_version,
                          ", SHA-256 ", HexEncode(decision.policy_sha256)));
  return page;
}

}  // namespace sealtrain::policy
