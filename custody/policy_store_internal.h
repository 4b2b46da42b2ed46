// The policy sets that are and were in force: rows in the key store, texts and
// approvals as files beside it. Not thread-safe.
#ifndef SEALTRAIN_CUSTODY_POLICY_STORE_INTERNAL_H_
#define SEALTRAIN_CUSTODY_POLICY_STORE_INTERNAL_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sealtrain/base/env.h"
#include "sealtrain/crypto/signing.h"
#include "sealtrain/custody/custodian.h"
#include "sealtrain/custody/sqlite_internal.h"
#include "sealtrain/policy/loaded_policy.h"

namespace sealtrain::custody {

// What may be put into force: checked against the set in force (null: none).
struct AcceptedPolicy {
  policy::LoadedPolicy policy;
  std::vector<std::string> approvers;
};
// InvalidArgument says what is missing; AlreadyExists: it is in force.
absl::StatusOr<AcceptedPolicy> AcceptPolicy(const policy::LoadedPolicy* in_force,
                                            const std::string& text, const std::string& file_name,
                                            const std::string& approvals);

class PolicyStore {
 public:
  // `key` signs the records, so that nobody without the root key can put a set
  // of their own into force. All but the directory must outlive the store.
  PolicyStore(Env& env, Database& db, const crypto::SigningKey& key, std::string directory)
      : env_(&env), db_(&db), key_(&key), directory_(std::move(directory)) {}

  // Makes the files durable. They mean nothing before AddRecord() is committed.
  absl::Status WriteFiles(std::uint64_t version, const std::string& text,
                          const std::string& approvals);
  absl::Status AddRecord(const PolicyRecord& record);

  absl::StatusOr<std::vector<PolicyRecord>> History() const;
  // As Custodian::PolicyText.
  absl::StatusOr<std::string> ReadText(std::uint64_t version) const;
  // Every set ever in force, the newest last. Each is checked against its
  // predecessor again, approvals included. DataLoss: a file is missing or is not
  // what was approved, or a record is not of this custodian.
  absl::StatusOr<std::vector<policy::LoadedPolicy>> LoadAll() const;

 private:
  absl::Status CheckSignature(const PolicyRecord& record) const;
  std::string TextPath(std::uint64_t version) const;
  std::string ApprovalsPath(std::uint64_t version) const;

  Env* env_;
  Database* db_;
  const crypto::SigningKey* key_;
  std::string directory_;
};

}  // namespace sealtrain::custody

#endif  // SEALTRAIN_CUSTODY_POLICY_STORE_INTERNAL_H_
