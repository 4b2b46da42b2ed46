// Who could get what: the answers of a policy to all requests that it can tell
// apart, rather than to one.
#ifndef SEALTRAIN_POLICY_ACCESS_H_
#define SEALTRAIN_POLICY_ACCESS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sealtrain/policy/decision.h"
#include "sealtrain/policy/loaded_policy.h"
#include "sealtrain/policy/schema.h"

namespace sealtrain::policy {

// Something that is allowed in at least one situation.
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
  // The least demanding situation where it is allowed, the answer in it with its duties,
  // and in how many of all that differ it is allowed.
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
};

// All that `policy` allows in some situation, ordered by action, principal, data
// set, purpose and column. Without a schema, columns are one of each class and
// of each combination of classes in the policy's tests. `schema` may be null.
// OutOfRange: the policy has too many names to try every request.
absl::StatusOr<std::vector<Access>> ListAccess(const LoadedPolicy& policy, const Schema* schema,
                                               const AccessQuery& query);

// `list`, which ListAccess(policy, &schema, ...) gave, with a denial, of no situation, for every
// column of the schema that somebody never gets where they get others: behind these, its
// reason that of the first of their situations.
std::vector<Access> WithDenied(const LoadedPolicy& policy, const Schema& schema,
                               std::vector<Access> list);

// The columns of `schema` as data set `dataset` holds them if it was sealed under
// this very policy: `applied` is what every principal and purpose that may seal
// the column must do to it; unset if none may, or if they differ.
// OutOfRange as above.
absl::StatusOr<std::vector<RequestedColumn>> ColumnsAsSealed(const LoadedPolicy& policy,
                                                             const Schema& schema,
                                                             const std::string& dataset);

}  // namespace sealtrain::policy

#endif  // SEALTRAIN_POLICY_ACCESS_H_
