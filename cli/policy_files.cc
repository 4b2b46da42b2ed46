#include "sealtrain/cli/policy_files.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sealtrain/base/env.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/policy/actions.h"
#include "sealtrain/policy/explain.h"
#include "sealtrain/policy/known_names.h"
#include "sealtrain/policy/lease.h"

namespace sealtrain::cli {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxPolicyFileBytes = std::uint64_t{1} << 20;

// All but the one that stands for none.
std::string ValueNames(const google::protobuf::EnumDescriptor& values) {
  std::vector<std::string> names;
  for (int i = 0; i < values.value_count(); ++i) {
    if (values.value(i)->number() != 0) names.push_back(values.value(i)->name());
  }
  return absl::StrJoin(names, ", ");
}

// Usage error that names the option: `asked` is no OK.
absl::Status CheckOption(Context& context, absl::string_view option, const absl::Status& asked) {
  if (asked.ok()) return absl::OkStatus();
  return context.UsageError(absl::StrCat(option, ": ", asked.message()));
}

}  // namespace

absl::StatusOr<std::string> ReadPolicy(const std::string& path) {
  return Env::Posix().ReadFile(path, kMaxPolicyFileBytes);
}

absl::StatusOr<policy::LoadedPolicy> LoadPolicyFile(const std::string& path) {
  ST_ASSIGN_OR_RETURN(const std::string text, ReadPolicy(path));
  return policy::LoadedPolicy::Load(text, path);
}

absl::StatusOr<std::shared_ptr<const policy::Schema>> LoadSchema(const std::string& path,
                                                                 const std::string& message) {
  constexpr std::uint64_t kMaxBytes = 1 << 20;
  for (const char* suffix : {".pb", ".binpb", ".desc"}) {
    if (!absl::EndsWith(path, suffix)) continue;
    ST_ASSIGN_OR_RETURN(const std::string bytes, Env::Posix().ReadFile(path, kMaxBytes));
    absl::StatusOr<std::shared_ptr<const policy::Schema>> schema =
        policy::Schema::FromDescriptorSet(AsBytes(bytes), message);
    if (schema.ok()) return schema;
    return absl::Status(schema.status().code(),
                        absl::StrCat(path, ": ", schema.status().message()));
  }
  return policy::Schema::FromProtoFile(path, message);
}

void SchemaArgs::AddOptions(CLI::App* command) {
  command->add_option("--schema", file,
                      "A .proto file with the columns, or a descriptor set (.pb)");
  command->add_option("--message", message, "The record's message in that file");
}

absl::StatusOr<std::shared_ptr<const policy::Schema>> SchemaArgs::Load(Context& context) const {
  if (file.empty() != message.empty()) {
    return context.UsageError("--schema and --message go together");
  }
  if (file.empty()) return nullptr;
  return LoadSchema(file, message);
}

void PolicySource::AddOptions(CLI::App* command) {
  command->add_option("--file", file, "Ask this file instead of the policy in force");
  schema_args.AddOptions(command);
}

absl::StatusOr<PolicySource::Found> PolicySource::Open(Context& context,
                                                       const std::string& dataset) const {
  ST_ASSIGN_OR_RETURN(std::shared_ptr<const policy::Schema> schema, schema_args.Load(context));
  std::unique_ptr<custody::Custodian> custodian;
  PolicyStack stack;
  if (file.empty()) {
    ST_ASSIGN_OR_RETURN(custodian, context.OpenCustodian());
  }
  if (custodian != nullptr && schema == nullptr) {
    ST_ASSIGN_OR_RETURN(stack, LoadStack(*custodian, dataset));
    ST_ASSIGN_OR_RETURN(custody::DatasetInfo info, custodian->GetDataset(dataset));
    schema = std::move(info.schema);
  } else {
    absl::StatusOr<policy::LoadedPolicy> policy =
        custodian != nullptr ? LoadPolicyInForce(*custodian) : LoadPolicyFile(file);
    ST_RETURN_IF_ERROR(policy.status());
    ST_RETURN_IF_ERROR(
        CheckOption(context, "--dataset", policy::CheckDatasetIsKnown(policy->proto(), dataset)));
    stack.sets.push_back(*std::move(policy));
  }
  return Found{
      .custodian = std::move(custodian), .stack = std::move(stack), .schema = std::move(schema)};
}

absl::StatusOr<policy::LoadedPolicy> LoadPolicyInForce(custody::Custodian& custodian) {
  const absl::StatusOr<std::string> text = custodian.PolicyText(0);
  if (absl::IsNotFound(text.status())) {
    return absl::PermissionDeniedError("no policy is in force, and none allows nothing");
  }
  ST_RETURN_IF_ERROR(text.status());
  return policy::LoadedPolicy::Load(*text, "policy in force");
}

absl::StatusOr<PolicyStack> LoadStack(custody::Custodian& custodian, const std::string& dataset) {
  ST_ASSIGN_OR_RETURN(policy::LoadedPolicy in_force, LoadPolicyInForce(custodian));
  PolicyStack stack;
  // Whoever asks and for whatever, the data stand under the same.
  ST_ASSIGN_OR_RETURN(policy::Request request,
                      custodian.RequestFor("anybody", policy::EXPORT_MODEL, dataset, "anything",
                                           /*columns=*/{}, /*model=*/""));
  stack.sealed_under = std::move(request.sealed_under);
  ST_ASSIGN_OR_RETURN(const std::vector<custody::PolicyRecord> history, custodian.PolicyHistory());
  for (const custody::PolicyRecord& record : history) {
    const std::vector<Digest>& under = stack.sealed_under;
    if (record.sha256 == in_force.sha256() ||
        std::find(under.begin(), under.end(), record.sha256) == under.end()) {
      continue;
    }
    ST_ASSIGN_OR_RETURN(const std::string text, custodian.PolicyText(record.version));
    ST_ASSIGN_OR_RETURN(policy::LoadedPolicy earlier,
                        policy::LoadedPolicy::Load(text, absl::StrCat("version ", record.version)));
    stack.sets.push_back(std::move(earlier));
  }
  stack.sets.push_back(std::move(in_force));
  return stack;
}

absl::Status CheckPurpose(Context& context, const policy::PolicySet& set,
                          const std::string& purpose) {
  return CheckOption(context, "--purpose", policy::CheckPurposeIsKnown(set, purpose));
}

absl::Status CheckQuestion(Context& context, const policy::PolicySet& set, policy::Action action,
                           const std::string& purpose, const std::string& model) {
  ST_RETURN_IF_ERROR(
      CheckOption(context, "--principal", policy::CheckPrincipalCanAsk(set, context.principal())));
  ST_RETURN_IF_ERROR(CheckPurpose(context, set, purpose));
  if (!model.empty() && !policy::ActionUsesModel(action)) {
    return context.UsageError(absl::StrCat("--model: ", policy::Action_Name(action), " uses none"));
  }
  return absl::OkStatus();
}

absl::Status CheckColumns(Context& context, const policy::Schema& schema,
                          const std::vector<std::string>& names) {
  return CheckOption(context, "--column", policy::CheckColumnsAreKnown(schema, names));
}

absl::StatusOr<policy::Action> ParseAction(Context& context, const std::string& name) {
  policy::Action action;
  if (!policy::Action_Parse(name, &action) || action == policy::ACTION_UNSPECIFIED) {
    return context.UsageError(absl::StrCat("no such action: ", Printable(name), "; there are ",
                                           ValueNames(*policy::Action_descriptor())));
  }
  return action;
}

absl::StatusOr<policy::Trust> ParseTrust(Context& context, const std::string& name) {
  policy::Trust trust;
  if (!policy::Trust_Parse(name, &trust) || trust == policy::TRUST_UNSPECIFIED) {
    return context.UsageError(absl::StrCat("no such trust: ", Printable(name), "; there are ",
                                           ValueNames(*policy::Trust_descriptor())));
  }
  return trust;
}

absl::StatusOr<absl::Time> ParseRfc3339(Context& context, absl::string_view option,
                                        const std::string& text) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, &error)) {
    return context.UsageError(absl::StrCat(option, " is no RFC 3339 time: ", Printable(error)));
  }
  return time;
}

json RuleRefsJson(const std::vector<policy::RuleRef>& rules) {
  json list = json::array();
  for (const policy::RuleRef& rule : rules) list.push_back({{"id", rule.id}, {"line", rule.line}});
  return list;
}

std::string RuleRefsText(const std::vector<policy::RuleRef>& rules) {
  return absl::StrJoin(rules, ", ", [](std::string* out, const policy::RuleRef& rule) {
    absl::StrAppend(out, Printable(rule.id), " (line ", rule.line, ")");
  });
}

json PrivacyJson(const policy::DifferentialPrivacy& dp) {
  return {{"epsilon_max", dp.epsilon_max()},
          {"delta_max", dp.delta_max()},
          {"unit", policy::PrivacyUnit_Name(dp.unit())},
          {"ledger_epsilon", dp.ledger_epsilon()}};
}

json KAnonymityJson(const policy::KAnonymity& k_anonymity) {
  return {{"k", k_anonymity.k()}, {"max_suppressed", k_anonymity.max_suppressed()}};
}

json ReleaseJson(const policy::Release& release) {
  return {{"epsilon_max", release.epsilon_max()},
          {"delta_max", release.delta_max()},
          {"unit", policy::PrivacyUnit_Name(release.unit())},
          {"max_bytes", release.max_bytes()}};
}

json ScanJson(const policy::ColumnPlan& column) {
  json scan = json::object();
  for (const auto& [kind, then] : column.scan) {
    scan[policy::TextScan::Kind_Name(kind)] = policy::TextScan::Then_Name(then);
  }
  return scan;
}

void AddObligations(const policy::Decision& decision, json& object) {
  if (decision.dp) object["dp"] = PrivacyJson(*decision.dp);
  if (decision.lease) {
    object["lease_seconds"] = absl::ToInt64Seconds(policy::LeaseOf(decision.lease));
  }
  if (decision.max_opens) object["max_opens"] = *decision.max_opens;
  if (decision.retention) object["retention_seconds"] = absl::ToInt64Seconds(*decision.retention);
  if (decision.k_anonymity) object["k_anonymity"] = KAnonymityJson(*decision.k_anonymity);
  if (decision.release) object["release"] = ReleaseJson(*decision.release);
  object["duties"] = json::array();
  for (const policy::Duty& duty : decision.duties) {
    json from = json::array();
    for (const policy::DutySource& source : duty.from) {
      from.push_back({{"id", source.rule.id},
                      {"line", source.rule.line},
                      {"policy_version", source.policy_version}});
    }
    json entry = {{"duty", duty.name}, {"value", duty.value}, {"from", std::move(from)}};
    if (!duty.column.empty()) entry["column"] = duty.column;
    object["duties"].push_back(std::move(entry));
  }
}

json DecisionJson(const policy::Request& request, const policy::Decision& decision) {
  json columns = json::array();
  for (std::size_t i = 0; i < decision.columns.size(); ++i) {
    const policy::ColumnPlan& column = decision.columns[i];
    json entry = {{"name", column.name},
                  {"transform", policy::DescribeTransform(column.transform)},
                  {"scan", ScanJson(column)},
                  {"from_rules", column.from_rules}};
    const std::optional<policy::Transform>& applied = request.columns[i].applied;
    if (applied) entry["applied"] = policy::DescribeTransform(*applied);
    columns.push_back(std::move(entry));
  }
  json object = {{"allow", decision.allow},
                 {"reason_code", decision.reason_code},
                 {"reason", decision.reason},
                 {"determining_rules", RuleRefsJson(decision.determining_rules)},
                 {"columns", columns},
                 {"fix_hint", decision.fix_hint},
                 {"policy_id", decision.policy_id},
                 {"policy_version", decision.policy_version},
                 {"policy_sha256", HexEncode(decision.policy_sha256)}};
  if (!decision.would_end.empty()) object["would_end"] = decision.would_end;
  if (decision.nearest_miss) {
    object["nearest_miss"] = {{"id", decision.nearest_miss->id},
                              {"line", decision.nearest_miss->line},
                              {"lacks", decision.nearest_miss_lacks}};
  }
  AddObligations(decision, object);
  return object;
}

}  // namespace sealtrain::cli
