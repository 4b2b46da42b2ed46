// Policies and schemas as the policy commands are given them, and how they
// print what policies say.
#ifndef SEALTRAIN_CLI_POLICY_FILES_H_
#define SEALTRAIN_CLI_POLICY_FILES_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/cli/context.h"
#include "sealtrain/policy/loaded_policy.h"
#include "sealtrain/policy/schema.h"

namespace sealtrain::cli {

// Of the policy room, in files of their own.
void AddPolicyDraftCommands(CLI::App& policy, Context& context);   // init, fmt, check-schema
void AddPolicyQueryCommands(CLI::App& policy, Context& context);   // can, who-can, plan
void AddPolicyChangeCommands(CLI::App& policy, Context& context);  // diff, replay, rollback

// InvalidArgument: larger than a policy may be, or not there.
absl::StatusOr<std::string> ReadPolicy(const std::string& path);
absl::StatusOr<policy::LoadedPolicy> LoadPolicyFile(const std::string& path);

// From a .proto file; or, of a name that ends in .pb, .binpb or .desc, from what
// `protoc --include_imports --descriptor_set_out` wrote.
absl::StatusOr<std::shared_ptr<const policy::Schema>> LoadSchema(const std::string& path,
                                                                 const std::string& message);

// --schema and --message.
struct SchemaArgs {
  std::string file;
  std::string message;

  void AddOptions(CLI::App* command);
  // Null: none was named. Usage error: one of the two is missing.
  absl::StatusOr<std::shared_ptr<const policy::Schema>> Load(Context& context) const;
};

// What decides about a data set.
struct PolicyStack {
  std::vector<policy::LoadedPolicy> sets;  // the one in force, or in the file, last
  std::vector<Digest> sealed_under;        // as in policy::Request

  const policy::LoadedPolicy& in_force() const { return sets.back(); }
};

// Where a command finds policy and columns: in files, or in the home, which is
// opened only if one of the two is not in a file.
struct PolicySource {
  std::string file;
  SchemaArgs schema_args;

  void AddOptions(CLI::App* command);

  struct Found {
    std::unique_ptr<custody::Custodian> custodian;  // null: the home is not open
    PolicyStack stack;                              // of a file, or with --schema: one set
    std::shared_ptr<const policy::Schema> schema;   // null: columns by class
  };
  // The schema of `dataset` in the home where no file is named; with a policy
  // file and no schema file: null, the home is left alone. PermissionDenied: no
  // policy is in force. NotFound: no such data set in the home. Usage error: the home is
  // not asked for it, and no rule speaks of it.
  absl::StatusOr<Found> Open(Context& context, const std::string& dataset) const;
};

// The newest set of the home. PermissionDenied: there is none.
absl::StatusOr<policy::LoadedPolicy> LoadPolicyInForce(custody::Custodian& custodian);

// With those that the newest generation of `dataset` stands under. PermissionDenied: as above.
// NotFound: no such data set.
absl::StatusOr<PolicyStack> LoadStack(custody::Custodian& custodian, const std::string& dataset);

// Usage error: `set` does not declare it.
absl::Status CheckPurpose(Context& context, const policy::PolicySet& set,
                          const std::string& purpose);
// Usage error: that, a principal who cannot ask, a model for an action that uses none.
absl::Status CheckQuestion(Context& context, const policy::PolicySet& set, policy::Action action,
                           const std::string& purpose, const std::string& model);
// Usage error: one of them is no column, or is asked for twice.
absl::Status CheckColumns(Context& context, const policy::Schema& schema,
                          const std::vector<std::string>& names);

// Usage error: no such action, trust; no RFC 3339 time, given with `option`.
absl::StatusOr<policy::Action> ParseAction(Context& context, const std::string& name);
absl::StatusOr<policy::Trust> ParseTrust(Context& context, const std::string& name);
absl::StatusOr<absl::Time> ParseRfc3339(Context& context, absl::string_view option,
                                        const std::string& text);

nlohmann::json RuleRefsJson(const std::vector<policy::RuleRef>& rules);
std::string RuleRefsText(const std::vector<policy::RuleRef>& rules);
nlohmann::json DecisionJson(const policy::Request& request, const policy::Decision& decision);
// The obligations of a decision, but for its columns, with the rules they come from.
void AddObligations(const policy::Decision& decision, nlohmann::json& object);
nlohmann::json ScanJson(const policy::ColumnPlan& column);
nlohmann::json PrivacyJson(const policy::DifferentialPrivacy& dp);
nlohmann::json KAnonymityJson(const policy::KAnonymity& k_anonymity);
nlohmann::json ReleaseJson(const policy::Release& release);

}  // namespace sealtrain::cli

#endif  // SEALTRAIN_CLI_POLICY_FILES_H_
