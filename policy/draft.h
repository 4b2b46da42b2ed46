// The first policy for a record type: nothing is allowed, and everything that
// will have to be decided is listed.
#ifndef SEALTRAIN_POLICY_DRAFT_H_
#define SEALTRAIN_POLICY_DRAFT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sealtrain/policy/schema.h"

namespace sealtrain::policy {

struct DraftOptions {
  std::string id;
  std::string author;
  std::string dataset;  // as in a scope: exact, "PREFIX/*" or "*"
  // Empty: what the schema says the records were collected for.
  std::string purpose;
  struct Approver {
    std::string name;
    std::string public_key;  // 64 lower-case hex digits
  };
  std::vector<Approver> approvers;  // all of them must approve
};

// Version 1 of a policy, in the canonical layout, that forbids all that seals or
// opens a column of any class in `schema`, class by class, with the columns of
// each in a comment and tests that hold each action and class shut. It is without errors.
// InvalidArgument: what the options lack or get wrong.
absl::StatusOr<std::string> DraftPolicy(const Schema& schema, const DraftOptions& options);

}  // namespace sealtrain::policy

#endif  // SEALTRAIN_POLICY_DRAFT_H_
