// sealtrain policy: check, test, explain, keygen, approve, apply, history. The other
// commands lie in files of their own, see policy_files.h.
#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/types/span.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/base/env.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/cli/approval_files.h"
#include "sealtrain/cli/command_line.h"
#include "sealtrain/cli/context.h"
#include "sealtrain/cli/policy_files.h"
#include "sealtrain/crypto/signing.h"
#include "sealtrain/custody/policy_approval.h"
#include "sealtrain/policy/duties.h"
#include "sealtrain/policy/explain.h"
#include "sealtrain/policy/loaded_policy.h"
#include "sealtrain/policy/schema.h"

namespace sealtrain::cli {
namespace {

using nlohmann::json;

// --- check and test ----------------------------------------------------------

struct CheckArgs {
  std::string file;
  SchemaArgs schema;
  std::optional<std::uint64_t> subjects;
};

absl::Status RunCheck(Context& context, const CheckArgs& args) {
  const absl::StatusOr<std::shared_ptr<const policy::Schema>> schema = args.schema.Load(context);
  // What is wrong within the schema is a finding like what is wrong within the policy.
  const bool is_faulty = absl::IsInvalidArgument(schema.status()) && context.exit_code != kUsage;
  if (!is_faulty) ST_RETURN_IF_ERROR(schema.status());
  ST_ASSIGN_OR_RETURN(const std::string text, ReadPolicy(args.file));
  std::vector<policy::Finding> findings =
      policy::Check(text, args.file, is_faulty ? nullptr : schema->get(), args.subjects);
  if (is_faulty) {
    findings.push_back({.severity = policy::Finding::Severity::kError,
                        .rule_id = "",
                        .message = std::string(schema.status().message())});
  }

  const std::string file = Printable(args.file);
  std::size_t errors = 0;
  std::string page;
  json list = json::array();
  for (const policy::Finding& finding : findings) {
    const bool is_error = finding.severity == policy::Finding::Severity::kError;
    const char* severity = is_error ? "error" : "warning";
    errors += is_error ? 1 : 0;
    absl::StrAppend(&page, file, ":");
    if (finding.line > 0) absl::StrAppend(&page, finding.line, ":", finding.column, ":");
    absl::StrAppend(&page, " ", severity, ": ");
    if (!finding.rule_id.empty()) {
      absl::StrAppend(&page, "rule \"", Printable(finding.rule_id), "\": ");
    }
    absl::StrAppend(&page, finding.message, "\n");
    list.push_back({{"severity", severity},
                    {"line", finding.line},
                    {"column", finding.column},
                    {"rule", finding.rule_id},
                    {"message", finding.message}});
  }
  absl::StrAppend(&page, file, ": ", errors, errors == 1 ? " error, " : " errors, ",
                  findings.size() - errors,
                  findings.size() - errors == 1 ? " warning" : " warnings", "\n");
  context.Print({{"file", args.file}, {"errors", errors}, {"findings", list}}, page);
  if (errors > 0) context.exit_code = kCheckFailed;
  return absl::OkStatus();
}

struct TestArgs {
  std::string file;
  bool strict = false;
};

json TestsJson(const std::vector<policy::TestResult>& tests) {
  json list = json::array();
  for (const policy::TestResult& test : tests) {
    list.push_back({{"name", test.name},
                    {"line", test.line},
                    {"passed", test.passed},
                    {"message", test.message}});
  }
  return list;
}

// What no test would notice, a line each; how much is covered goes into `object`.
std::string CoveragePage(const policy::TestReport& report, const std::string& file, json& object) {
  std::string page;
  const auto complain = [&](const policy::RuleRef& rule, const std::string& part,
                            const std::string& what) {
    absl::StrAppend(&page, file, ":", rule.line, ": rule \"", Printable(rule.id), "\": `",
                    Printable(part), "` ", Printable(what), "\n");
  };
  std::size_t decided = 0;
  json rules = json::array();
  for (const policy::RuleCoverage& rule : report.rules) {
    decided += rule.decided ? 1 : 0;
    rules.push_back({{"id", rule.rule.id}, {"line", rule.rule.line}, {"decided", rule.decided}});
    if (rule.decided) continue;
    absl::StrAppend(&page, file, ":", rule.rule.line, ": rule \"", Printable(rule.rule.id),
                    "\": no test is decided by it\n");
  }
  std::size_t complete = 0;
  json conditions = json::array();
  for (const policy::ConditionCoverage& condition : report.conditions) {
    complete += condition.complete() ? 1 : 0;
    conditions.push_back({{"rule", condition.rule.id},
                          {"condition", condition.text},
                          {"held", condition.held},
                          {"failed", condition.failed}});
    if (!condition.held) complain(condition.rule, condition.text, "holds in no test");
    if (!condition.failed) complain(condition.rule, condition.text, "fails in no test");
  }
  std::size_t noticed = 0;
  json mutants = json::array();
  for (const policy::MutantResult& mutant : report.mutants) {
    noticed += mutant.noticed ? 1 : 0;
    mutants.push_back({{"rule", mutant.rule.id},
                       {"part", mutant.part},
                       {"change", mutant.change},
                       {"noticed", mutant.noticed}});
    if (mutant.noticed) continue;
    complain(mutant.rule, mutant.part,
             absl::StrCat("could be ", mutant.change, ", and no test would fail"));
  }
  if (report.untried_mutants > 0) {
    absl::StrAppend(&page, file, ": ", report.untried_mutants,
                    " changes were not tried: too many rules and tests in one scope\n");
  }
  absl::StrAppend(&page, decided, " of ", report.rules.size(), " rules and ", complete, " of ",
                  report.conditions.size(), " conditions are held by tests; ", noticed, " of ",
                  report.mutants.size() + report.untried_mutants, " changes are noticed\n");
  object["rules"] = std::move(rules);
  object["conditions"] = std::move(conditions);
  object["mutants"] = std::move(mutants);
  object["untried_mutants"] = report.untried_mutants;
  object["covered"] = report.complete();
  return page;
}

absl::Status RunTests(Context& context, const TestArgs& args) {
  ST_ASSIGN_OR_RETURN(const policy::LoadedPolicy loaded, LoadPolicyFile(args.file));
  const policy::TestReport report = loaded.ReportTests();

  std::size_t failed = 0;
  std::string page;
  for (const policy::TestResult& test : report.tests) {
    failed += test.passed ? 0 : 1;
    absl::StrAppend(&page, test.passed ? "pass  " : "FAIL  ", Printable(test.name), "\n");
    if (!test.passed) {
      absl::StrAppend(&page, "      ", args.file, ":", test.line, ": ", test.message, "\n");
    }
  }
  json object = {{"file", args.file}, {"failed", failed}, {"tests", TestsJson(report.tests)}};
  absl::StrAppend(&page, report.tests.size() - failed, " passed, ", failed, " failed\n");
  if (failed == 0) absl::StrAppend(&page, CoveragePage(report, args.file, object));
  if (report.tests.empty()) {
    page = absl::StrCat(args.file, ": no tests; such a set cannot be applied\n");
  }
  context.Print(object, page);
  if (failed > 0 || report.tests.empty() || (args.strict && !report.complete())) {
    context.exit_code = kCheckFailed;
  }
  return absl::OkStatus();
}

// --- explain -----------------------------------------------------------------

struct ExplainArgs {
  std::string dataset;
  std::string action;
  std::string purpose;
  std::vector<std::string> columns;
  std::string model;
  std::string trust;
  std::string file;
};

absl::Status RunExplain(Context& context, const ExplainArgs& args) {
  ST_ASSIGN_OR_RETURN(const policy::Action action, ParseAction(context, args.action));
  policy::Trust trust = policy::TRUST_UNSPECIFIED;
  if (!args.trust.empty()) {
    ST_ASSIGN_OR_RETURN(trust, ParseTrust(context, args.trust));
  }
  ST_ASSIGN_OR_RETURN(const std::unique_ptr<custody::Custodian> custodian, context.OpenCustodian());
  ST_ASSIGN_OR_RETURN(const policy::LoadedPolicy loaded, args.file.empty()
                                                             ? LoadPolicyInForce(*custodian)
                                                             : LoadPolicyFile(args.file));
  ST_RETURN_IF_ERROR(CheckQuestion(context, loaded.proto(), action, args.purpose, args.model));
  ST_ASSIGN_OR_RETURN(const custody::DatasetInfo dataset, custodian->GetDataset(args.dataset));
  ST_RETURN_IF_ERROR(CheckColumns(context, *dataset.schema, args.columns));
  ST_ASSIGN_OR_RETURN(policy::Request request,
                      custodian->RequestFor(context.principal(), action, args.dataset, args.purpose,
                                            args.columns, args.model));
  // Custody measured this process, which is not the one that will ask.
  if (!args.trust.empty()) request.trust = trust;
  policy::Decision decision;
  if (args.file.empty()) {
    ST_ASSIGN_OR_RETURN(decision, custodian->Explain(request));
  } else {
    decision = loaded.Decide(request);
    policy::TraceDuties(absl::MakeConstSpan(&loaded, 1), request, decision);
  }
  context.Print(DecisionJson(request, decision), policy::ExplainDecision(request, decision));
  if (!decision.allow) context.exit_code = kDenied;
  return absl::OkStatus();
}

// --- keys and approvals ------------------------------------------------------

absl::Status RunKeygen(Context& context, const std::string& out) {
  ST_ASSIGN_OR_RETURN(const crypto::SigningKey key, MakeApproverKey(out));
  const std::string public_key = HexEncode(key.public_key());
  context.Print({{"key_file", out}, {"public_key", public_key}}, public_key);
  return absl::OkStatus();
}

// ", which is that of ada", ", which is nobody's".
std::string WhoseKey(const policy::Approval& approvers, absl::Span<const std::uint8_t> key) {
  const std::string public_key = HexEncode(key);
  for (const policy::Approver& approver : approvers.approver()) {
    if (approver.public_key() == public_key) {
      return absl::StrCat(", which is that of ", Printable(approver.name()));
    }
  }
  return ", which is nobody's";
}

struct ApproveArgs {
  std::string file;
  std::string name;
  std::string key;
  std::string previous;
};

// Whose approvals count for `loaded`: its own approvers' for a first version, else those of the
// version before, which are taken to be its own if that is not given.
absl::StatusOr<policy::Approval> ApproversOf(Context& context, const policy::LoadedPolicy& loaded,
                                             const std::string& previous) {
  if (previous.empty()) return loaded.proto().approval();
  ST_ASSIGN_OR_RETURN(const policy::LoadedPolicy before, LoadPolicyFile(previous));
  if (HexEncode(before.sha256()) != loaded.proto().previous_sha256()) {
    return context.UsageError(absl::StrCat("--previous: ", previous, " is not the version before"));
  }
  return before.proto().approval();
}

absl::Status RunApprove(Context& context, const ApproveArgs& args) {
  ST_ASSIGN_OR_RETURN(const std::string text, ReadPolicy(args.file));
  // What cannot be read as a policy is not worth anybody's name.
  ST_ASSIGN_OR_RETURN(const policy::LoadedPolicy loaded,
                      policy::LoadedPolicy::Load(text, args.file));
  ST_ASSIGN_OR_RETURN(const crypto::SigningKey key, ReadApproverKey(args.key));
  ST_ASSIGN_OR_RETURN(const std::string line, custody::ApprovePolicy(text, args.name, key));
  ST_ASSIGN_OR_RETURN(const policy::Approval approvers,
                      ApproversOf(context, loaded, args.previous));
  // It would not count, and `apply` takes no file of approvals with such a line.
  if (!custody::VerifyApprovals(text, line, approvers).ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(args.previous.empty() ? args.file : args.previous,
                     ": no approver has the name ", Printable(args.name), " and the public key ",
                     HexEncode(key.public_key()), WhoseKey(approvers, key.public_key()),
                     loaded.proto().version() > 1 && args.previous.empty()
                         ? "; if one has in the version before, name that with --previous"
                         : ""));
  }

  ST_ASSIGN_OR_RETURN(const std::string path, AddApproval(args.file, args.name, line));
  const std::string digest = HexEncode(loaded.sha256());
  context.Print(
      {{"approvals_file", path}, {"name", args.name}, {"sha256", digest}},
      absl::StrCat(args.name, " approved ", args.file, "\nSHA-256  ", digest, "\nwritten  ", path));
  return absl::OkStatus();
}

// --- putting into force ------------------------------------------------------

absl::Status RunApply(Context& context, const std::string& file) {
  ST_ASSIGN_OR_RETURN(const std::string text, ReadPolicy(file));
  ST_ASSIGN_OR_RETURN(const policy::LoadedPolicy loaded, policy::LoadedPolicy::Load(text, file));
  ST_ASSIGN_OR_RETURN(const std::string approvals, ReadApprovals(file));
  ST_ASSIGN_OR_RETURN(const std::unique_ptr<custody::Custodian> custodian, context.OpenCustodian());
  // Applying the set in force again changes nothing, and says where we are.
  const absl::Status applied = custodian->ApplyPolicy(context.principal(), text, file, approvals);
  if (!absl::IsAlreadyExists(applied)) ST_RETURN_IF_ERROR(applied);
  const std::string digest = HexEncode(loaded.sha256());
  const policy::PolicySet& set = loaded.proto();
  const std::uint64_t version = set.version();
  const bool has_ended =
      set.has_not_after() && absl::FromUnixSeconds(set.not_after().seconds()) <= absl::Now();
  context.Print(
      {{"id", set.id()}, {"version", version}, {"sha256", digest}, {"has_ended", has_ended}},
      absl::StrCat("In force: ", Printable(set.id()), " version ", version, "\nSHA-256   ", digest,
                   "  (previous_sha256 of version ", version + 1, ")",
                   has_ended ? "\nIts window (`not_after`) has ended: it allows nothing." : ""));
  return absl::OkStatus();
}

absl::Status RunHistory(Context& context) {
  ST_ASSIGN_OR_RETURN(const std::unique_ptr<custody::Custodian> custodian, context.OpenCustodian());
  ST_ASSIGN_OR_RETURN(const std::vector<custody::PolicyRecord> history, custodian->PolicyHistory());
  std::string page;
  json list = json::array();
  for (const custody::PolicyRecord& record : history) {
    const std::string approvers = absl::StrJoin(record.approvers, ", ");
    absl::StrAppendFormat(&page, "version %d  %s\n  SHA-256   %s\n  applied   %s by %s\n",
                          record.version, Printable(record.id), HexEncode(record.sha256),
                          FormatUtc(record.applied_at), Printable(record.applied_by));
    absl::StrAppendFormat(&page, "  approved  by %s\n", Printable(approvers));
    list.push_back({{"version", record.version},
                    {"id", record.id},
                    {"sha256", HexEncode(record.sha256)},
                    {"applied_at", FormatUtc(record.applied_at)},
                    {"applied_by", record.applied_by},
                    {"approvers", record.approvers}});
  }
  if (history.empty()) page = "No policy was ever in force.\n";
  context.Print({{"history", list}}, page);
  return absl::OkStatus();
}

constexpr char kExamples[] =
    R"(Who may do what with which data, under which duties (docs/policy.md).

Examples:
  sealtrain policy check mail.textproto --schema mail.proto --message Mail
  sealtrain policy test mail.textproto
  sealtrain policy plan --dataset mails/train --file mail.textproto
  sealtrain policy diff mail-6.textproto mail-7.textproto
  sealtrain policy keygen --out ada.key
  sealtrain policy approve mail.textproto --name ada --key ada.key
  sealtrain policy apply mail.textproto
  sealtrain --principal workload:train policy explain --dataset mails/train \
      --action TRAIN --purpose safety/abuse-detection --column body --column spam)";

}  // namespace

void AddPolicyCommands(CLI::App& app, Context& context) {
  CLI::App* policy = app.add_subcommand("policy", kExamples);
  policy->require_subcommand(1);

  auto check = std::make_shared<CheckArgs>();
  CLI::App* command = policy->add_subcommand(
      "check",
      "Find errors and doubtful spots in a file: exit code 1 if there are errors\n\n"
      "Example:\n"
      "  sealtrain policy check mail.textproto --schema mail.proto --message Mail");
  command->add_option("FILE", check->file, "Policy set in text format")->required();
  check->schema.AddOptions(command);
  command->add_option("--subjects", check->subjects, "How many people the data are about")
      ->check(kCount);
  command->callback(
      [&context, check] { context.run = [&context, check] { return RunCheck(context, *check); }; });

  auto test = std::make_shared<TestArgs>();
  command = policy->add_subcommand(
      "test",
      "Run the tests that stand in a file, and say which rules, conditions and small changes "
      "of a rule they notice\n\n"
      "Example:\n"
      "  sealtrain policy test --strict mail.textproto");
  command->add_option("FILE", test->file, "Policy set in text format")->required();
  command->add_flag("--strict", test->strict,
                    "Exit code 1 also if no test is decided by some rule; if some condition is not "
                    "true in one test and untrue in another; or if some small change of a rule "
                    "lets every test pass or was not tried");
  command->callback(
      [&context, test] { context.run = [&context, test] { return RunTests(context, *test); }; });

  auto explain = std::make_shared<ExplainArgs>();
  command = policy->add_subcommand(
      "explain",
      "What the policy in force says to a request: exit code 0 allow, 3 deny\n\n"
      "Example:\n"
      "  sealtrain --principal workload:train policy explain --dataset mails/train \\\n"
      "      --action TRAIN --purpose safety/abuse-detection --column body");
  command->add_option("--dataset", explain->dataset, "Data set")->required();
  command->add_option("--action", explain->action, "INGEST, SEAL, TRAIN, EVALUATE, ...")
      ->required();
  command->add_option("--purpose", explain->purpose, "A purpose the policy declares")->required();
  command->add_option("--model", explain->model,
                      "EVALUATE, EXPORT_MODEL: a model of the home (default: one that learned "
                      "from the columns)");
  command->add_option("--column", explain->columns,
                      "Column asked for; may be repeated (default: all)");
  command->add_option(
      "--assume-trust", explain->trust,
      "PLAIN, LOCKED or SANDBOXED: of the job that will ask (default: of this one)");
  command->add_option("--file", explain->file, "Ask this file instead of the policy in force");
  command->callback([&context, explain] {
    context.run = [&context, explain] { return RunExplain(context, *explain); };
  });

  auto key_out = std::make_shared<std::string>();
  command = policy->add_subcommand(
      "keygen",
      "Make an approver's key: the private part into a file, the public part to stdout\n\n"
      "Example:\n"
      "  sealtrain policy keygen --out ada.key");
  command->add_option("--out", *key_out, "New file for the private key")->required();
  command->callback([&context, key_out] {
    context.run = [&context, key_out] { return RunKeygen(context, *key_out); };
  });

  auto approve = std::make_shared<ApproveArgs>();
  command =
      policy->add_subcommand("approve",
                             "Sign a file as an approver, into FILE.approvals\n\n"
                             "Example:\n"
                             "  sealtrain policy approve mail.textproto --name ada --key ada.key");
  command->alias("sign");
  command->add_option("FILE", approve->file, "Policy set in text format")->required();
  command->add_option("--name", approve->name, "The approver's name in the policy")->required();
  command->add_option("--key", approve->key, "Private key made by keygen")->required();
  command->add_option("--previous", approve->previous,
                      "The version before, whose approvers count (default: taken to be FILE's)");
  command->callback([&context, approve] {
    context.run = [&context, approve] { return RunApprove(context, *approve); };
  });

  auto apply_file = std::make_shared<std::string>();
  command = policy->add_subcommand("apply",
                                   "Put an approved file into force\n\n"
                                   "Example:\n"
                                   "  sealtrain policy apply mail.textproto");
  command->add_option("FILE", *apply_file, "Policy set, with FILE.approvals beside it")->required();
  command->callback([&context, apply_file] {
    context.run = [&context, apply_file] { return RunApply(context, *apply_file); };
  });

  command = policy->add_subcommand("history",
                                   "Every set that was ever in force\n\n"
                                   "Example:\n"
                                   "  sealtrain --json policy history");
  command->callback([&context] { context.run = [&context] { return RunHistory(context); }; });

  AddPolicyDraftCommands(*policy, context);
  AddPolicyQueryCommands(*policy, context);
  AddPolicyChangeCommands(*policy, context);
}

}  // namespace sealtrain::cli
