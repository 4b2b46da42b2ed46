// sealtrain policy: diff, replay, rollback.
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "sealtrain/audit/log_reader.h"
#include "sealtrain/base/env.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/base/text_table.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/cli/class_names.h"
#include "sealtrain/cli/command_line.h"
#include "sealtrain/cli/context.h"
#include "sealtrain/cli/new_file.h"
#include "sealtrain/cli/policy_files.h"
#include "sealtrain/policy/actions.h"
#include "sealtrain/policy/approvers.h"
#include "sealtrain/policy/policy_diff.h"
#include "sealtrain/policy/policy_format.h"

namespace sealtrain::cli {
namespace {

using nlohmann::json;

// --- diff --------------------------------------------------------------------

struct DiffArgs {
  std::string before;
  std::string after;
  SchemaArgs schema;
};

json ChangeJson(const policy::PolicyChange& change) {
  json object = {{"change", policy::PolicyChangeName(change.kind)},
                 {"principals", change.principals},
                 {"action", policy::Action_Name(change.action)},
                 {"dataset", change.dataset},
                 {"purpose", change.purpose},
                 {"what", change.what},
                 {"situation", change.situation},
                 {"changed_situations", change.changed_situations},
                 {"situations", change.situations},
                 {"unlisted_situations", change.unlisted_situations}};
  if (!change.column.empty()) {
    object["column"] = change.column;
    object["classes"] = ClassNames(change.classes);
  }
  return object;
}

// "always", or the facts of one situation.
std::string WhenItChanges(const policy::PolicyChange& change) {
  if (change.changed_situations == change.situations) return "always";
  std::string when = absl::StrCat("e.g. ", change.situation);
  if (change.unlisted_situations > 0) {
    absl::StrAppend(&when, "; otherwise in ", change.unlisted_situations, " more situations");
  }
  return when;
}

absl::Status RunDiff(Context& context, const DiffArgs& args) {
  ST_ASSIGN_OR_RETURN(const std::shared_ptr<const policy::Schema> schema,
                      args.schema.Load(context));
  ST_ASSIGN_OR_RETURN(const policy::LoadedPolicy before, LoadPolicyFile(args.before));
  ST_ASSIGN_OR_RETURN(const policy::LoadedPolicy after, LoadPolicyFile(args.after));
  ST_ASSIGN_OR_RETURN(const std::vector<policy::PolicyChange> changes,
                      policy::DiffPolicies(before, after, schema.get()));
  json list = json::array();
  Rows rows = {{"Change", "Principals", "Action", "Data set", "Purpose", "Column", "What", "When"}};
  for (const policy::PolicyChange& change : changes) {
    list.push_back(ChangeJson(change));
    rows.push_back(
        {policy::PolicyChangeName(change.kind), Printable(absl::StrJoin(change.principals, ", ")),
         policy::Action_Name(change.action), Printable(change.dataset), Printable(change.purpose),
         Printable(change.column), Printable(change.what), WhenItChanges(change)});
  }
  const std::vector<std::string> head = policy::DiffHead(before.proto(), after.proto());
  const std::vector<std::string> approval =
      policy::DiffApproval(before.proto().approval(), after.proto().approval());
  std::string page = changes.empty() ? "Nothing changes for anybody.\n" : Table(rows);
  for (const std::string& change : head) absl::StrAppend(&page, Printable(change), "\n");
  for (const std::string& change : approval) {
    absl::StrAppend(&page, "approval: ", Printable(change), "\n");
  }
  context.Print({{"before", args.before},
                 {"after", args.after},
                 {"changes", list},
                 {"head", head},
                 {"approval", approval}},
                page);
  if (!changes.empty() || !head.empty() || !approval.empty()) context.exit_code = kCheckFailed;
  return absl::OkStatus();
}

// --- replay ------------------------------------------------------------------

struct ReplayArgs {
  std::string file;
  std::string log;
};

// A past decision as the log has it.
struct PastDecision {
  std::uint64_t index = 0;
  audit::Event event;
  std::optional<absl::Duration> dataset_age;
};

bool IsDecision(const audit::Event& event) {
  switch (event.type()) {
    case audit::SEAL_ACCESS:
    case audit::TRAIN_ACCESS:
    case audit::EVALUATE_ACCESS:
    case audit::MODEL_EXPORTED:
    case audit::DATASET_RESEALED:
      return event.phase() == audit::INTENT || event.phase() == audit::DENIED;
    case audit::AUDIT_READ:
    case audit::ENTRY_REDACTED:
      return true;
    default:
      return false;
  }
}

absl::StatusOr<std::vector<PastDecision>> ReadDecisions(const std::string& log) {
  ST_ASSIGN_OR_RETURN(const std::unique_ptr<audit::LogReader> reader,
                      audit::LogReader::Open(Env::Posix(), log));
  std::vector<PastDecision> decisions;
  std::map<std::string, std::uint64_t> last_commit_ns;
  ST_RETURN_IF_ERROR(reader->ForEach(0, reader->checkpoint().size, [&](const audit::Entry& entry) {
    const audit::Event& event = entry.event;
    if (event.type() == audit::SNAPSHOT_COMMITTED && event.phase() == audit::SUCCEEDED) {
      last_commit_ns[event.object().dataset()] = event.wall_time_ns();
    }
    if (!IsDecision(event)) return true;
    PastDecision& decision = decisions.emplace_back();
    decision.index = entry.index;
    decision.event = event;
    const auto commit = last_commit_ns.find(event.object().dataset());
    if (commit != last_commit_ns.end() && commit->second <= event.wall_time_ns()) {
      decision.dataset_age = absl::Nanoseconds(event.wall_time_ns() - commit->second);
    }
    return true;
  }));
  return decisions;
}

// What was asked then, with the data set's columns as they are now. The log
// names the columns that were opened; of a denial it does not say which were
// asked for, so then they are all of them.
absl::StatusOr<policy::Request> PastRequest(custody::Custodian& custodian,
                                            const PastDecision& past) {
  const audit::Event& event = past.event;
  policy::Action action = policy::ACTION_UNSPECIFIED;
  if (!policy::Action_Parse(event.action(), &action)) {
    return absl::InvalidArgumentError("the log names an action that is not known");
  }
  std::vector<std::string> columns;
  if (event.phase() == audit::INTENT && event.type() != audit::SEAL_ACCESS) {
    columns.assign(event.object().column().begin(), event.object().column().end());
  }
  ST_ASSIGN_OR_RETURN(
      policy::Request request,
      custodian.RequestFor(event.actor().principal(), action, event.object().dataset(),
                           event.purpose(), columns, event.object().model()));
  request.trust = policy::TRUST_UNSPECIFIED;
  if (!event.actor().trust().empty()) policy::Trust_Parse(event.actor().trust(), &request.trust);
  if (policy::ActionKnowsRows(action)) {
    request.rows = event.object().rows();
    request.dataset_age = past.dataset_age;
  }
  request.approvals = event.approvals();
  request.now = absl::FromUnixNanos(static_cast<std::int64_t>(event.wall_time_ns()));
  return request;
}

// "allow", "deny", or "allow of some columns" of a request that was denied.
std::string AnswerOf(const policy::LoadedPolicy& policy, const policy::Request& request,
                     bool was_denied, std::string& reason) {
  const policy::Decision decision = policy.Decide(request);
  if (decision.allow) return "allow";
  reason = decision.reason;
  if (was_denied) {
    for (const policy::RequestedColumn& column : request.columns) {
      policy::Request alone = request;
      alone.columns = {column};
      const policy::Decision single = policy.Decide(alone);
      // A column that is withheld is no access.
      if (single.allow && single.columns.front().transform.kind() != policy::DROP) {
        return "allow of some columns";
      }
    }
  }
  return "deny";
}

// The sets that were in force, each loaded once.
class PastSets {
 public:
  explicit PastSets(custody::Custodian& custodian) : custodian_(custodian) {}

  // Null: there is none of that version here.
  absl::StatusOr<const policy::LoadedPolicy*> Get(std::uint64_t version) {
    if (version == 0) return nullptr;
    const auto known = sets_.find(version);
    if (known != sets_.end()) return &known->second;
    const absl::StatusOr<std::string> text = custodian_.PolicyText(version);
    if (absl::IsNotFound(text.status())) return nullptr;
    ST_RETURN_IF_ERROR(text.status());
    ST_ASSIGN_OR_RETURN(policy::LoadedPolicy set,
                        policy::LoadedPolicy::Load(*text, absl::StrCat("version ", version)));
    return &sets_.emplace(version, std::move(set)).first->second;
  }

 private:
  custody::Custodian& custodian_;
  std::map<std::uint64_t, policy::LoadedPolicy> sets_;
};

absl::Status RunReplay(Context& context, const ReplayArgs& args) {
  ST_ASSIGN_OR_RETURN(const policy::LoadedPolicy loaded, LoadPolicyFile(args.file));
  ST_ASSIGN_OR_RETURN(const std::unique_ptr<custody::Custodian> custodian, context.OpenCustodian());
  std::string log = args.log;
  if (log.empty()) {
    ST_ASSIGN_OR_RETURN(const std::string home, context.Home());
    log = JoinPath(home, "audit");
  }
  ST_ASSIGN_OR_RETURN(const std::vector<PastDecision> decisions, ReadDecisions(log));
  PastSets sets(*custodian);

  json flips = json::array();
  json skipped = json::array();
  Rows rows = {{"Entry", "Time", "Principal", "Action", "Data set", "Purpose", "Was", "Would be"}};
  std::string page;
  for (const PastDecision& past : decisions) {
    const audit::Event& event = past.event;
    const absl::StatusOr<policy::Request> request = PastRequest(*custodian, past);
    if (!request.ok()) {
      skipped.push_back({{"entry", past.index}, {"why", std::string(request.status().message())}});
      absl::StrAppend(&page, "entry ", past.index,
                      " cannot be asked again: ", request.status().message(), "\n");
      continue;
    }
    const bool was_denied = event.phase() == audit::DENIED;
    std::string reason;
    const std::string now = AnswerOf(loaded, *request, was_denied, reason);
    const std::string was = was_denied ? "deny" : "allow";
    if (was == now) continue;
    // Asked in the same way, the set of then may say the same: custody had a reason of
    // its own, or not all columns had been asked for.
    ST_ASSIGN_OR_RETURN(const policy::LoadedPolicy* const then, sets.Get(event.policy().version()));
    std::string ignored;
    if (then != nullptr && AnswerOf(*then, *request, was_denied, ignored) == now) continue;
    const std::string time = FormatUtc(request->now);
    flips.push_back({{"entry", past.index},
                     {"time", time},
                     {"principal", request->principal},
                     {"action", event.action()},
                     {"dataset", request->dataset},
                     {"purpose", request->purpose},
                     {"was", was},
                     {"would_be", now},
                     {"reason", reason}});
    rows.push_back({absl::StrCat(past.index), time, Printable(request->principal), event.action(),
                    Printable(request->dataset), Printable(request->purpose), was, now});
  }
  if (rows.size() > 1) absl::StrAppend(&page, Table(rows, {0}));
  absl::StrAppend(&page, decisions.size() - skipped.size(), " decisions asked again, ",
                  flips.size(), " would differ\n");
  context.Print(
      {{"decisions", decisions.size() - skipped.size()}, {"flips", flips}, {"skipped", skipped}},
      page);
  if (!flips.empty() || !skipped.empty()) context.exit_code = kCheckFailed;
  return absl::OkStatus();
}

// --- rollback ----------------------------------------------------------------

struct RollbackArgs {
  std::uint64_t version = 0;
  std::string out;
};

absl::Status RunRollback(Context& context, const RollbackArgs& args) {
  ST_ASSIGN_OR_RETURN(const std::unique_ptr<custody::Custodian> custodian, context.OpenCustodian());
  ST_ASSIGN_OR_RETURN(const std::string old, custodian->PolicyText(args.version));
  ST_ASSIGN_OR_RETURN(const std::vector<custody::PolicyRecord> history, custodian->PolicyHistory());
  const std::uint64_t next = history.back().version + 1;
  ST_ASSIGN_OR_RETURN(
      const std::string page,
      policy::AsVersion(old, absl::StrCat("version ", args.version), next, history.back().sha256));
  ST_RETURN_IF_ERROR(WriteNewFile(args.out, AsBytes(page)));
  context.Print(
      {{"file", args.out}, {"version", next}, {"of_version", args.version}},
      absl::StrCat("Written: ", args.out, ", version ", next, " with the rules of version ",
                   args.version, ". It needs approvals and `policy apply` like any other."));
  return absl::OkStatus();
}

}  // namespace

void AddPolicyChangeCommands(CLI::App& policy, Context& context) {
  auto diff = std::make_shared<DiffArgs>();
  CLI::App* command = policy.add_subcommand(
      "diff",
      "What opens, closes, loosens or tightens for whom: exit code 0 nothing, 1 something\n\n"
      "Example:\n"
      "  sealtrain policy diff mail-6.textproto mail-7.textproto --schema mail.proto "
      "--message Mail");
  command->add_option("BEFORE", diff->before, "Policy set in text format")->required();
  command->add_option("AFTER", diff->after, "Policy set in text format")->required();
  diff->schema.AddOptions(command);
  command->callback(
      [&context, diff] { context.run = [&context, diff] { return RunDiff(context, *diff); }; });

  auto replay = std::make_shared<ReplayArgs>();
  command = policy.add_subcommand(
      "replay",
      "Which past decisions of the audit log would differ under a file: exit code 0 none, 1 "
      "some\n\n"
      "Example:\n"
      "  sealtrain policy replay --file mail-7.textproto\n\n"
      "Columns count as they are in the data set now; a denial is asked again for all of\n"
      "them, as the log does not say which were asked for.");
  command->add_option("--file", replay->file, "Policy set in text format")->required();
  command->add_option("--log", replay->log, "Folder of the log (default: the home's)");
  command->callback([&context, replay] {
    context.run = [&context, replay] { return RunReplay(context, *replay); };
  });

  auto rollback = std::make_shared<RollbackArgs>();
  command = policy.add_subcommand(
      "rollback",
      "Write the rules of an earlier version as the next one, to be approved and applied\n\n"
      "Example:\n"
      "  sealtrain policy rollback 3 --out mail-8.textproto");
  command->add_option("VERSION", rollback->version, "Version that was in force")
      ->required()
      ->check(kCount);
  command->add_option("--out", rollback->out, "New file")->required();
  command->callback([&context, rollback] {
    context.run = [&context, rollback] { return RunRollback(context, *rollback); };
  });
}

}  // namespace sealtrain::cli
