// Who could get what: the answers of a policy to all requests that it can tell
// apart, rather than to one.
#ifndef SEALTRAIN_POLICY_ACCESS_H_
#define SEALTRAIN_POLICY_ACCESS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/policy/decision.h"
#include "sealtrain/policy/loaded_policy.h"
#include "sealtrain/policy/schema.h"

namespace sealtrain::policy {

// Something that is allowed in at least one situation. Where other rules, with other duties,
// allow it in others, that is another Access.
struct Access {
  // All who get the same by the same rules; "(anybody else)" stands for every
  // principal that the policy does not name.
  std::vector<std::string> principals;
  Action action = ACTION_UNSPECIFIED;
  std::string dataset;  // "mails/* (any other)": a name under it that no rule singles out
  std::string purpose;
  // The column; without a schema its classes joined by '+'. For
  // EXPORT_MODEL, what the model learned from; empty for other actions without columns.
  std::string column;
  std::vector<DataClass> classes;
  // Sealing: what the review does. Opening: what it must have done at the least
  // when the column was sealed; DROP: the key is withheld.
  Transform transform;
  // The least demanding situation where it is allowed by these rules, the answer in it with its
  // duties, and in how many of all that differ these rules allow it.
  Request request;
  Decision decision;
  std::string situation;  // the facts of `request`
  std::size_t allowed_situations = 0;
  std::size_t situations = 0;
};

// What is not set is not restricted.
struct AccessQuery {
  std::vector<Action> actions;
  std::optional<std::string> principal;
  std::optional<std::string> dataset;
  std::optional<std::string> purpose;
  // Facts that are the same in all situations.
  std::optional<Trust> trust;
  std::optional<absl::Time> now;
  // The sets that the data stand under, as in a Request.
  std::vector<Digest> sealed_under;
};

// All that DecideSealed(sets, ...) allows in some situation, ordered by action, principal, data
// set, purpose, column and situation. Without a schema, columns are one of each class and
// of each combination of classes in the tests of the sets that are asked. `schema` may be null.
// `sets`: the one in force last, before it at least those of `query.sealed_under` that ever were.
// OutOfRange: the sets have too many names to try every request.
absl::StatusOr<std::vector<Access>> ListAccess(absl::Span<const LoadedPolicy> sets,
                                               const Schema* schema, const AccessQuery& query);

// `list`, which ListAccess(sets, &schema, ...) gave, with a denial, of no situation, for every
// column of the schema that somebody never gets where they get others: behind these, its
// reason one that the facts which rules like best do not end.
std::vector<Access> WithDenied(absl::Span<const LoadedPolicy> sets, const Schema& schema,
                               std::vector<Access> list);

// A column as a data set holds it.
struct SealedColumn {
  RequestedColumn column;  // `applied` is set if there is exactly one treatment
  // Each way in which it may have been sealed, and the first situation in which it is.
  struct Treatment {
    Transform transform;
    std::string situation;  // "by job for care/readmission, trust LOCKED, at 2026-..."
  };
  std::vector<Treatment> treatments;
};

// The columns of `schema` as data set `dataset` may hold them if it was sealed under this very
// policy, by whoever may INGEST and SEAL, for whatever purpose and in whatever situation: in that
// trust and at that time, if they are given and anybody may do so then. OutOfRange as above.
absl::StatusOr<std::vector<SealedColumn>> ColumnsAsSealed(const LoadedPolicy& policy,
                                                          const Schema& schema,
                                                          const std::string& dataset,
                                                          std::optional<Trust> trust,
                                                          std::optional<absl::Time> now);

}  // namespace sealtrain::policy

#endif  // SEALTRAIN_POLICY_ACCESS_H_
