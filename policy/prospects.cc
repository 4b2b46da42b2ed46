#include "sealtrain/policy/prospects.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "sealtrain/policy/conditions_internal.h"
#include "sealtrain/policy/obligations_internal.h"

namespace sealtrain::policy {
namespace {

using Edit = std::function<void(Request&)>;

constexpr std::size_t kMaxCombinations = 1 << 14;

// A fact that is not given.
struct OpenFact {
  std::vector<Edit> values;  // the one that most rules like comes last
  Edit forget;
};

// Those that conditions on the action ask for.
std::vector<OpenFact> OpenFacts(const PolicySet& set, const Request& request) {
  bool asks_trust = false;
  std::set<std::uint64_t> rows;
  std::set<std::uint64_t> approvals;
  std::set<absl::Duration, std::greater<>> ages;
  const auto hear = [&](const Condition& condition) {
    if (!internal::CanBeKnown(condition, request.action)) return;
    asks_trust |= condition.kind_case() == Condition::kTrustAtLeast;
    if (condition.kind_case() == Condition::kRowsAtLeast) rows.insert(condition.rows_at_least());
    if (condition.kind_case() == Condition::kApprovalsAtLeast) {
      approvals.insert(condition.approvals_at_least());
    }
    if (condition.kind_case() != Condition::kDatasetAgeBelow) return;
    const std::optional<absl::Duration> limit = internal::ToDuration(condition.dataset_age_below());
    // Ages are asked for in whole seconds.
    if (limit) ages.insert(absl::Ceil(*limit, absl::Seconds(1)));
  };
  for (const Rule& rule : set.rule()) {
    const auto& actions = rule.scope().action();
    if (std::find(actions.begin(), actions.end(), request.action) == actions.end()) continue;
    for (const Condition& condition : rule.when()) hear(condition);
    for (const Condition& condition : rule.unless()) hear(condition);
  }

  std::vector<OpenFact> facts;
  const auto add = [&facts](const auto& thresholds, auto least, auto member) {
    OpenFact fact{.values = {}, .forget = [member](Request& r) { (r.*member).reset(); }};
    auto values = thresholds;
    values.insert(least);
    for (const auto value : values) {
      fact.values.emplace_back([member, value](Request& r) { r.*member = value; });
    }
    facts.push_back(std::move(fact));
  };
  if (asks_trust && request.trust == TRUST_UNSPECIFIED) {
    OpenFact trust{.values = {}, .forget = [](Request& r) { r.trust = TRUST_UNSPECIFIED; }};
    for (const Trust value : {PLAIN, LOCKED, SANDBOXED}) {
      trust.values.emplace_back([value](Request& r) { r.trust = value; });
    }
    facts.push_back(std::move(trust));
  }
  if (!rows.empty() && !request.rows) add(rows, std::uint64_t{0}, &Request::rows);
  if (!ages.empty() && !request.dataset_age) {
    add(ages, absl::ZeroDuration(), &Request::dataset_age);
  }
  if (!approvals.empty() && !request.approvals) {
    add(approvals, std::uint64_t{0}, &Request::approvals);
  }
  return facts;
}

const SealedColumn* Find(absl::Span<const SealedColumn> in_doubt, const std::string& name) {
  const auto sealed =
      std::find_if(in_doubt.begin(), in_doubt.end(),
                   [&name](const SealedColumn& some) { return some.column.name == name; });
  return sealed == in_doubt.end() ? nullptr : &*sealed;
}

// With the facts as they are in `request`, of which `column` is one.
Answer AnswerOfColumn(const LoadedPolicy& policy, Request request, RequestedColumn column,
                      absl::Span<const SealedColumn> in_doubt) {
  request.columns = {std::move(column)};
  RequestedColumn& asked = request.columns.front();
  std::set<std::pair<bool, bool>> answers;  // allowed, and dropped
  const auto ask = [&] {
    const Decision decision = policy.Decide(request);
    answers.emplace(decision.allow,
                    decision.allow && decision.columns.front().transform.kind() == DROP);
  };
  const SealedColumn* sealed = Find(in_doubt, asked.name);
  if (sealed == nullptr) {
    ask();
  } else {
    for (const SealedColumn::Treatment& treatment : sealed->treatments) {
      asked.applied = treatment.transform;
      ask();
    }
  }
  if (answers.size() > 1) return Answer::kUnknown;
  return answers.begin()->first ? Answer::kYes : Answer::kNo;
}

// A request is allowed exactly if it is for each of its columns.
Answer AnswerOf(const LoadedPolicy& policy, const Request& request,
                absl::Span<const SealedColumn> in_doubt) {
  if (request.columns.empty()) return policy.Decide(request).allow ? Answer::kYes : Answer::kNo;
  Answer answer = Answer::kYes;
  for (const RequestedColumn& column : request.columns) {
    answer = std::min(answer, AnswerOfColumn(policy, request, column, in_doubt));
  }
  return answer;
}

// Of a request whose answer is kNo.
Decision DenialOf(const LoadedPolicy& policy, Request request,
                  absl::Span<const SealedColumn> in_doubt) {
  const std::vector<RequestedColumn> columns = std::move(request.columns);
  request.columns.clear();
  for (const RequestedColumn& column : columns) {
    if (AnswerOfColumn(policy, request, column, in_doubt) != Answer::kNo) continue;
    request.columns = {column};
    const SealedColumn* sealed = Find(in_doubt, column.name);
    if (sealed != nullptr) request.columns.front().applied = sealed->treatments.front().transform;
    break;
  }
  return policy.Decide(request);
}

}  // namespace

absl::StatusOr<Prospects> ForeseeAnswer(const LoadedPolicy& policy, const Request& request,
                                        absl::Span<const SealedColumn> in_doubt) {
  const std::vector<OpenFact> facts = OpenFacts(policy.proto(), request);
  std::size_t combinations = 1;
  for (const OpenFact& fact : facts) {
    combinations *= fact.values.size();
    if (combinations > kMaxCombinations) {
      return absl::OutOfRangeError(
          absl::StrCat("the answer depends on more than ", kMaxCombinations,
                       " combinations of facts that are not given: give some of them"));
    }
  }

  Prospects prospects;
  prospects.as_given = prospects.answer = AnswerOf(policy, request, in_doubt);
  Request tried = request;
  for (std::size_t number = 0; number < combinations && !facts.empty(); ++number) {
    std::size_t rest = number;
    for (const OpenFact& fact : facts) {
      fact.values[rest % fact.values.size()](tried);
      rest /= fact.values.size();
    }
    const Answer answer = AnswerOf(policy, tried, in_doubt);
    if (answer == prospects.as_given) continue;
    prospects.answer = Answer::kUnknown;
    // Rather one that is sure than one that depends on how columns were sealed.
    if (prospects.as_given == Answer::kUnknown ||
        (prospects.turning &&
         (answer == Answer::kUnknown || prospects.at_turning != Answer::kUnknown))) {
      continue;
    }
    prospects.turning = tried;
    prospects.at_turning = answer;
  }
  if (prospects.turning) {
    for (const OpenFact& fact : facts) {
      Request fewer = *prospects.turning;
      fact.forget(fewer);
      if (AnswerOf(policy, fewer, in_doubt) == prospects.at_turning) {
        prospects.turning = std::move(fewer);
      }
    }
  }
  if (prospects.answer == Answer::kNo && (!facts.empty() || !in_doubt.empty())) {
    prospects.denial = DenialOf(policy, tried, in_doubt);
  }
  return prospects;
}

}  // namespace sealtrain::policy
