// sealtrain dataset: create, list, show, verify, columns, sweep, reseal; sealtrain ingest.
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/env.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/base/text_table.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/cli/access_plan.h"
#include "sealtrain/cli/class_names.h"
#include "sealtrain/cli/command_line.h"
#include "sealtrain/cli/context.h"
#include "sealtrain/cli/hex.h"
#include "sealtrain/cli/policy_files.h"
#include "sealtrain/cli/progress.h"
#include "sealtrain/pipeline/dataset.h"
#include "sealtrain/pipeline/ingestion.h"
#include "sealtrain/pipeline/reseal.h"
#include "sealtrain/pipeline/source.h"
#include "sealtrain/pipeline/sweep.h"
#include "sealtrain/policy/explain.h"

namespace sealtrain::cli {
namespace {

using nlohmann::json;

// --- how things are printed --------------------------------------------------

std::string FormatUnixNs(std::uint64_t ns) {
  return FormatUtc(absl::FromUnixNanos(static_cast<std::int64_t>(ns)));
}

std::string FormatType(const policy::Column& column) {
  using google::protobuf::FieldDescriptor;
  const FieldDescriptor& leaf = column.leaf();
  const std::string type = leaf.type() == FieldDescriptor::TYPE_ENUM
                               ? leaf.enum_type()->name()
                               : std::string(leaf.type_name());
  return absl::StrCat(column.repeated()                            ? "repeated "
                      : leaf.has_presence() && !leaf.is_required() ? "optional "
                                                                   : "",
                      type);
}

std::string TimeOrNever(absl::Time t) { return t == absl::InfinitePast() ? "never" : FormatUtc(t); }

// --- dataset -----------------------------------------------------------------

struct CreateArgs {
  std::string name;
  std::string schema;
  std::string message;
};

absl::Status RunCreate(Context& context, const CreateArgs& args) {
  ST_ASSIGN_OR_RETURN(const std::shared_ptr<const policy::Schema> schema,
                      LoadSchema(args.schema, args.message));
  ST_ASSIGN_OR_RETURN(const auto custodian, context.OpenCustodian());
  ST_RETURN_IF_ERROR(custodian->CreateDataset(context.principal(), args.name, schema));
  context.Print({{"dataset", args.name},
                 {"message", schema->message_name()},
                 {"columns", schema->columns().size()},
                 {"schema_sha256", HexEncode(schema->digest())}},
                absl::StrCat("Created data set ", args.name, ": ", schema->message_name(), ", ",
                             schema->columns().size(), " columns"));
  return absl::OkStatus();
}

absl::Status RunList(Context& context) {
  ST_ASSIGN_OR_RETURN(const auto custodian, context.OpenCustodian());
  ST_ASSIGN_OR_RETURN(const std::vector<custody::DatasetInfo> datasets, custodian->ListDatasets());
  json list = json::array();
  Rows rows = {{"DATA SET", "GENERATION", "ROWS", "LAST COMMIT"}};
  for (const custody::DatasetInfo& info : datasets) {
    json item = {{"dataset", info.name},
                 {"generation", info.generation},
                 {"rows", info.rows},
                 {"created", FormatUtc(info.created)}};
    if (info.generation > 0) item["last_commit"] = FormatUtc(info.last_commit);
    list.push_back(std::move(item));
    rows.push_back({info.name, WithCommas(info.generation), WithCommas(info.rows),
                    TimeOrNever(info.last_commit)});
  }
  context.Print({{"datasets", list}}, datasets.empty() ? "No data sets." : Table(rows, {1, 2}));
  return absl::OkStatus();
}

// How some shards of a snapshot were sealed.
struct PlanSize {
  std::uint64_t shards = 0;
  std::uint64_t rows = 0;
};

std::vector<PlanSize> PlanSizes(const custody::Manifest& manifest) {
  std::vector<PlanSize> sizes(static_cast<std::size_t>(manifest.plan_size()));
  for (const custody::Shard& shard : manifest.shard()) {
    ++sizes[shard.plan()].shards;
    sizes[shard.plan()].rows += shard.rows();
  }
  return sizes;
}

json PlansJson(const custody::Manifest& manifest) {
  const std::vector<PlanSize> sizes = PlanSizes(manifest);
  json plans = json::array();
  for (const custody::SealPlan& plan : manifest.plan()) {
    const PlanSize& size = sizes[plans.size()];
    json columns = json::array();
    for (const custody::SealedColumn& column : plan.column()) {
      columns.push_back({{"column", column.name()},
                         {"classes", ClassNames(column.data_class())},
                         {"applied", policy::DescribeTransform(column.applied())}});
    }
    plans.push_back({{"policy", plan.policy_id()},
                     {"policy_version", plan.policy_version()},
                     {"policy_sha256", HexEncode(AsBytes(plan.policy_sha256()))},
                     {"review_sha256", HexEncode(AsBytes(plan.review_sha256()))},
                     {"permit_id", HexEncode(AsBytes(plan.permit_id()))},
                     {"shards", size.shards},
                     {"rows", size.rows},
                     {"columns", columns}});
  }
  return plans;
}

// Commits under the same policy are told as one.
std::string PlansText(const custody::Manifest& manifest) {
  const std::vector<PlanSize> sizes = PlanSizes(manifest);
  std::string text;
  PlanSize size;
  for (int i = 0; i < manifest.plan_size(); ++i) {
    const custody::SealPlan& plan = manifest.plan(i);
    size.shards += sizes[static_cast<std::size_t>(i)].shards;
    size.rows += sizes[static_cast<std::size_t>(i)].rows;
    if (i + 1 < manifest.plan_size() &&
        manifest.plan(i + 1).policy_sha256() == plan.policy_sha256()) {
      continue;
    }
    Rows table = {{"  COLUMN", "CLASSES", "SEALED AS"}};
    for (const custody::SealedColumn& column : plan.column()) {
      table.push_back({absl::StrCat("  ", Printable(column.name())),
                       ClassesText(column.data_class()),
                       policy::DescribeTransform(column.applied())});
    }
    absl::StrAppend(&text, "\nSealed under policy ", Printable(plan.policy_id()), " version ",
                    plan.policy_version(), ": ", WithCommas(size.rows), " rows in ",
                    WithCommas(size.shards), size.shards == 1 ? " shard\n" : " shards\n",
                    Table(table));
    size = PlanSize();
  }
  return text;
}

absl::Status RunShow(Context& context, const std::string& name) {
  ST_ASSIGN_OR_RETURN(const std::string store, context.Store());
  ST_ASSIGN_OR_RETURN(const auto custodian, context.OpenCustodian());
  ST_ASSIGN_OR_RETURN(const custody::DatasetInfo info, custodian->GetDataset(name));
  json object = {{"dataset", info.name},
                 {"message", info.schema->message_name()},
                 {"columns", info.schema->columns().size()},
                 {"schema_sha256", HexEncode(info.schema->digest())},
                 {"created", FormatUtc(info.created)},
                 {"generation", info.generation},
                 {"rows", info.rows}};
  Rows facts = {{"Data set", info.name},
                {"Record", absl::StrCat(info.schema->message_name(), ", ",
                                        info.schema->columns().size(), " columns")},
                {"Created", FormatUtc(info.created)},
                {"Generation", WithCommas(info.generation)}};
  if (info.generation == 0) {
    context.Print(object, absl::StrCat(Table(facts), "Nothing committed yet."));
    return absl::OkStatus();
  }
  ST_ASSIGN_OR_RETURN(
      const custody::Manifest manifest,
      pipeline::ReadManifest(*custodian, Env::Posix(), store, name, info.generation));
  std::uint64_t bytes = 0;
  for (const custody::Shard& shard : manifest.shard()) bytes += shard.file_bytes();
  object["committed"] = FormatUnixNs(manifest.committed_unix_ns());
  object["manifest_sha256"] = HexEncode(info.manifest_sha256);
  object["custody_key"] = HexEncode(custodian->manifest_public_key());
  object["shards"] = manifest.shard_size();
  object["bytes"] = bytes;
  facts.push_back({"Committed", FormatUnixNs(manifest.committed_unix_ns())});
  facts.push_back({"Manifest", HexEncode(info.manifest_sha256)});
  facts.push_back({"Signed by custody", HexEncode(custodian->manifest_public_key())});
  facts.push_back({"Rows", WithCommas(manifest.rows())});
  facts.push_back({"Shards", WithCommas(static_cast<std::uint64_t>(manifest.shard_size()))});
  facts.push_back({"Bytes", WithCommas(bytes)});
  if (manifest.retention_unix_ns() != 0) {
    object["retention"] = FormatUnixNs(manifest.retention_unix_ns());
    facts.push_back({"Retention until", FormatUnixNs(manifest.retention_unix_ns())});
  }
  object["sources"] = json::array();
  for (const custody::SourcePosition& source : manifest.source()) {
    object["sources"].push_back({{"name", source.name()}, {"records", source.records()}});
    facts.push_back({"Source", absl::StrCat(Printable(source.name()), ", ",
                                            WithCommas(source.records()), " records taken")});
  }
  object["plans"] = PlansJson(manifest);
  object["reseals"] = json::array();
  for (const custody::Reseal& reseal : manifest.reseal()) {
    object["reseals"].push_back({{"policy", reseal.policy_id()},
                                 {"policy_version", reseal.policy_version()},
                                 {"policy_sha256", HexEncode(AsBytes(reseal.policy_sha256()))},
                                 {"permit_id", HexEncode(AsBytes(reseal.permit_id()))},
                                 {"plans", reseal.plans()}});
  }
  if (manifest.reseal_size() > 0) {
    const custody::Reseal& last = *manifest.reseal().rbegin();
    facts.push_back({"Resealed", absl::StrCat("its first ", last.plans(), " commits stand under ",
                                              Printable(last.policy_id()), " version ",
                                              last.policy_version())});
  }
  context.Print(object, absl::StrCat(Table(facts), PlansText(manifest)));
  return absl::OkStatus();
}

struct VerifyArgs {
  std::string name;
  // Of a snapshot to check without custody.
  std::uint64_t generation = 0;
  std::string manifest_sha256;
  std::string custody_key;
};

absl::StatusOr<pipeline::DatasetReport> Verify(Context& context, const VerifyArgs& args) {
  ST_ASSIGN_OR_RETURN(const std::string store, context.Store());
  if (args.generation == 0) {
    ST_ASSIGN_OR_RETURN(const auto custodian, context.OpenCustodian());
    return pipeline::VerifyDataset(*custodian, Env::Posix(), store, args.name);
  }
  pipeline::SnapshotRef snapshot{
      .dataset = args.name, .generation = args.generation, .manifest_sha256 = {}};
  crypto::PublicKey custody_key;
  if (!ReadHex(args.manifest_sha256, absl::MakeSpan(snapshot.manifest_sha256)) ||
      !ReadHex(args.custody_key, absl::MakeSpan(custody_key))) {
    return context.UsageError("--manifest and --custody-key have 64 lower-case hex digits each");
  }
  return pipeline::VerifySnapshot(Env::Posix(), store, snapshot, custody_key);
}

absl::Status RunVerify(Context& context, const VerifyArgs& args) {
  ST_ASSIGN_OR_RETURN(const pipeline::DatasetReport report, Verify(context, args));
  context.Print(
      {{"dataset", args.name},
       {"generation", report.generation},
       {"generations_checked", report.generations_checked},
       {"shards", report.shards},
       {"rows", report.rows},
       {"bytes", report.bytes},
       {"segments", report.segments}},
      absl::StrCat(args.name, ": generation ", WithCommas(report.generation), " verified\n",
                   Table({{"  manifests", WithCommas(report.generations_checked)},
                          {"  shards", WithCommas(report.shards)},
                          {"  rows", WithCommas(report.rows)},
                          {"  segments", WithCommas(report.segments)},
                          {"  bytes", WithCommas(report.bytes)}},
                         {1}),
                   args.generation == 0 ? "Checked against custody's newest generation"
                                        : "Checked against the manifest that was named",
                   ", without a key:\nmanifests, reviews, and every byte of every shard."));
  return absl::OkStatus();
}

absl::Status RunColumns(Context& context, const std::string& name) {
  ST_ASSIGN_OR_RETURN(const auto custodian, context.OpenCustodian());
  ST_ASSIGN_OR_RETURN(const custody::DatasetInfo info, custodian->GetDataset(name));
  json list = json::array();
  Rows rows = {{"COLUMN", "ID", "TYPE", "CLASSES"}};
  for (const policy::Column& column : info.schema->columns()) {
    list.push_back({{"column", column.name},
                    {"id", column.id},
                    {"type", FormatType(column)},
                    {"classes", ClassNames(column.classes)}});
    rows.push_back({column.name, column.id, FormatType(column), ClassesText(column.classes)});
  }
  json object = {{"dataset", name}, {"columns", std::move(list)}};
  std::string page = absl::StrCat(Table(rows), "\n");
  const absl::StatusOr<PolicyStack> stack = LoadStack(*custodian, name);
  if (absl::IsPermissionDenied(stack.status())) {
    absl::StrAppend(&page, "No policy is in force: nobody gets anything of them.\n");
  } else {
    ST_RETURN_IF_ERROR(stack.status());
    policy::AccessQuery query;
    query.dataset = name;
    ST_ASSIGN_OR_RETURN(const AccessPlan plan,
                        PlanAccess(*stack, info.schema.get(), std::move(query)));
    absl::StrAppend(&page, plan.page);
    object.update(plan.object);
  }
  object["policy_in_force"] = stack.ok();
  context.Print(object, page);
  return absl::OkStatus();
}

struct SweepArgs {
  std::string name;
  std::string older_than;
  bool dry_run = false;
};

absl::Status RunSweep(Context& context, const SweepArgs& args) {
  pipeline::SweepOptions options;
  options.dry_run = args.dry_run;
  if (!args.older_than.empty() && !absl::ParseDuration(args.older_than, &options.older_than)) {
    return context.UsageError("--older-than is not a time such as 90m or 48h");
  }
  ST_ASSIGN_OR_RETURN(const std::string store, context.Store());
  ST_ASSIGN_OR_RETURN(const auto custodian, context.OpenCustodian());
  ST_ASSIGN_OR_RETURN(const pipeline::SweepReport report,
                      pipeline::SweepDataset(*custodian, Env::Posix(), store, args.name, options));

  const auto describe = [](const std::vector<pipeline::Orphan>& orphans, const char* fate,
                           Rows& rows) {
    json list = json::array();
    for (const pipeline::Orphan& orphan : orphans) {
      list.push_back(
          {{"file", orphan.name}, {"bytes", orphan.bytes}, {"written", FormatUtc(orphan.written)}});
      rows.push_back(
          {Printable(orphan.name), WithCommas(orphan.bytes), FormatUtc(orphan.written), fate});
    }
    return list;
  };
  Rows rows = {{"FILE", "BYTES", "WRITTEN", ""}};
  const json swept = describe(report.swept, args.dry_run ? "would be removed" : "removed", rows);
  const json young = describe(report.young, "too young", rows);
  const json unsettled = describe(report.unsettled, "signed; until the next commit", rows);
  std::uint64_t bytes = 0;
  for (const pipeline::Orphan& orphan : report.swept) bytes += orphan.bytes;
  context.Print({{"dataset", args.name},
                 {"dry_run", args.dry_run},
                 {"older_than_seconds", absl::ToInt64Seconds(options.older_than)},
                 {"bytes", bytes},
                 {"swept", swept},
                 {"young", young},
                 {"unsettled", unsettled}},
                rows.size() == 1 ? absl::StrCat("No files of crashed jobs in ", args.name, ".")
                                 : Table(rows, {1}));
  return absl::OkStatus();
}

void AddSweepCommand(CLI::App& dataset, Context& context) {
  CLI::App* sweep = dataset.add_subcommand(
      "sweep",
      "Remove what crashed jobs left in the store: files that no snapshot names.\n\n"
      "Examples:\n"
      "  sealtrain dataset sweep mails --dry-run\n"
      "  sealtrain dataset sweep mails --older-than 48h");
  auto args = std::make_shared<SweepArgs>();
  sweep->add_option("name", args->name, "Name of the data set")->required();
  sweep->add_option("--older-than", args->older_than,
                    "Leave younger files, which a living job may still need (default: 25h; at "
                    "least 1h)");
  sweep->add_flag("--dry-run", args->dry_run, "List, and remove nothing");
  sweep->callback(
      [&context, args] { context.run = [&context, args] { return RunSweep(context, *args); }; });
}

// --- reseal ------------------------------------------------------------------

struct ResealArgs {
  std::string name;
  std::string purpose;
  std::string why;
};

absl::Status RunReseal(Context& context, const ResealArgs& args) {
  ST_ASSIGN_OR_RETURN(const std::string store, context.Store());
  ST_ASSIGN_OR_RETURN(const auto custodian, context.OpenCustodian());
  ST_ASSIGN_OR_RETURN(const pipeline::ResealResult result,
                      pipeline::ResealDataset(*custodian, Env::Posix(), store,
                                              {.principal = context.principal(),
                                               .dataset = args.name,
                                               .purpose = args.purpose,
                                               .why = args.why}));
  context.Print({{"dataset", args.name},
                 {"generation", result.generation},
                 {"manifest_sha256", HexEncode(result.manifest_sha256)},
                 {"policy_version", result.policy_version},
                 {"policy_sha256", HexEncode(result.policy_sha256)}},
                absl::StrCat(args.name, ": generation ", WithCommas(result.generation),
                             " stands under policy version ", result.policy_version));
  return absl::OkStatus();
}

void AddResealCommand(CLI::App& dataset, Context& context) {
  CLI::App* reseal = dataset.add_subcommand(
      "reseal",
      "Put a data set under the policy in force, where that opens more than the one it was\n"
      "sealed under.\n\n"
      "Example:\n"
      "  sealtrain --principal user:ada dataset reseal mails --purpose safety\n\n"
      "Takes a permit for CHANGE_POLICY. No shard is touched.");
  auto args = std::make_shared<ResealArgs>();
  reseal->add_option("name", args->name, "Name of the data set")->required();
  reseal->add_option("--purpose", args->purpose, "What for, as the policy names it")->required();
  AddWhyOption(*reseal, args->why);
  reseal->callback(
      [&context, args] { context.run = [&context, args] { return RunReseal(context, *args); }; });
}

// --- ingest ------------------------------------------------------------------

struct IngestArgs {
  std::string dataset;
  std::string from;
  std::string format;
  std::string purpose;
  std::string why;
  std::string source_name;
  bool has_source_name = false;
  std::uint64_t max_skipped = 0;
  bool dry_run = false;
};

const std::map<std::string, pipeline::Format>& Formats() {
  static const auto& formats =
      *new std::map<std::string, pipeline::Format>{{"jsonl", pipeline::Format::kJsonl},
                                                   {"csv", pipeline::Format::kCsv},
                                                   {"protobuf", pipeline::Format::kProtobuf}};
  return formats;
}

// Tells of skipped records: the first ones each, the rest as a number.
class SkipPrinter {
 public:
  void Add(const absl::Status& status) {
    if (++count_ <= kShown) std::cerr << "skipped " << Printable(status.message()) << "\n";
  }
  void Finish() const {
    if (count_ > kShown) {
      std::cerr << "skipped " << WithCommas(count_ - kShown) << " more records\n";
    }
  }

 private:
  static constexpr std::uint64_t kShown = 20;
  std::uint64_t count_ = 0;
};

json ReviewJson(const pipeline::ReviewReport& review) {
  json object = {
      {"suppressed", json::object()}, {"columns", json::array()}, {"k_anonymity", nullptr}};
  if (review.has_k_anonymity()) object["k_anonymity"] = KAnonymityJson(review.k_anonymity());
  for (const pipeline::SuppressedRecords& suppressed : review.suppressed()) {
    object["suppressed"][pipeline::SuppressedRecords::Reason_Name(suppressed.reason())] =
        suppressed.records();
  }
  for (const pipeline::ReviewedColumn& column : review.column()) {
    json findings = json::object();
    for (const pipeline::TextFindings& finding : column.finding()) {
      findings[policy::TextScan::Kind_Name(finding.kind())] = {
          {"then", policy::TextScan::Then_Name(finding.then())}, {"found", finding.findings()}};
    }
    object["columns"].push_back({{"column", column.name()},
                                 {"classes", ClassNames(column.data_class())},
                                 {"applied", policy::DescribeTransform(column.applied())},
                                 {"rules", column.from_rule()},
                                 {"values", column.values()},
                                 {"nulls", column.nulls()},
                                 {"changed", column.changed()},
                                 {"findings", std::move(findings)}});
  }
  return object;
}

// What the policy asked for beyond single values, what was found and left out.
std::string ReviewNotes(const pipeline::ReviewReport& review) {
  std::string text;
  if (review.has_k_anonymity()) {
    absl::StrAppend(&text, "Quasi-identifiers are shared by ", WithCommas(review.k_anonymity().k()),
                    " subjects or more\n");
  }
  for (const pipeline::ReviewedColumn& column : review.column()) {
    for (const pipeline::TextFindings& finding : column.finding()) {
      absl::StrAppend(&text, "Found in ", Printable(column.name()), ", ",
                      policy::TextScan::Kind_Name(finding.kind()), " (",
                      policy::TextScan::Then_Name(finding.then()),
                      "): ", WithCommas(finding.findings()), "\n");
    }
  }
  for (const pipeline::SuppressedRecords& suppressed : review.suppressed()) {
    absl::StrAppend(&text, "Suppressed, ",
                    pipeline::SuppressedRecords::Reason_Name(suppressed.reason()), ": ",
                    WithCommas(suppressed.records()), "\n");
  }
  return text;
}

std::string ReviewText(const pipeline::ReviewReport& review) {
  Rows rows = {{"COLUMN", "CLASSES", "SEALED AS", "VALUES", "NULLS", "CHANGED"}};
  for (const pipeline::ReviewedColumn& column : review.column()) {
    rows.push_back({Printable(column.name()), ClassesText(column.data_class()),
                    policy::DescribeTransform(column.applied()), WithCommas(column.values()),
                    WithCommas(column.nulls()), WithCommas(column.changed())});
  }
  return Table(rows, {3, 4, 5}) + ReviewNotes(review);
}

void PrintResult(const Context& context, const IngestArgs& args,
                 const pipeline::IngestionResult& result) {
  json object = {{"dataset", args.dataset},
                 {"dry_run", args.dry_run},
                 {"generation", result.generation},
                 {"records_in", result.records_in},
                 {"rows_sealed", result.rows_sealed},
                 {"rows_suppressed", result.rows_suppressed},
                 {"rows_resumed", result.rows_resumed},
                 {"shards", result.shards},
                 {"bytes", result.sealed_bytes},
                 {"review", ReviewJson(result.review)}};
  if (result.generation > 0) object["manifest_sha256"] = HexEncode(result.manifest_sha256);
  std::string text;
  if (args.dry_run) {
    text = absl::StrCat("Dry run on ", args.dataset, ": ", WithCommas(result.records_in),
                        " records reviewed, ", WithCommas(result.review.rows()),
                        " would be sealed\n\n", ReviewText(result.review));
  } else if (result.shards == 0) {
    text = absl::StrCat(args.dataset, ": generation ", WithCommas(result.generation), " holds all ",
                        WithCommas(result.rows_resumed), " records of this source already");
  } else {
    text = absl::StrCat(args.dataset, ": generation ", WithCommas(result.generation), "\n",
                        Table({{"  records in", WithCommas(result.records_in)},
                               {"  rows sealed", WithCommas(result.rows_sealed)},
                               {"  suppressed", WithCommas(result.rows_suppressed)},
                               {"  resumed behind", WithCommas(result.rows_resumed)},
                               {"  shards", WithCommas(result.shards)},
                               {"  bytes", WithCommas(result.sealed_bytes)}},
                              {1}),
                        ReviewNotes(result.review));
  }
  context.Print(object, text);
}

absl::Status RunIngest(Context& context, const IngestArgs& args) {
  const bool from_stdin = args.from == "-";
  std::ifstream file;
  if (from_stdin) {
    std::ios::sync_with_stdio(false);  // else every byte is a call
  } else {
    // A folder would open, and fail at the first read.
    if (std::filesystem::is_directory(args.from)) {
      return context.UsageError(absl::StrCat(Printable(args.from), " is a folder: name a file"));
    }
    file.open(args.from, std::ios::binary);
    if (!file) {
      const int error = errno;
      return absl::NotFoundError(
          absl::StrCat("cannot read ", Printable(args.from), ": ", std::strerror(error)));
    }
  }
  std::istream& input = from_stdin ? std::cin : file;
  const std::string display_name = from_stdin ? "stdin" : args.from;

  ST_ASSIGN_OR_RETURN(const std::string store, context.Store());
  ST_ASSIGN_OR_RETURN(const auto custodian, context.OpenCustodian());
  ST_ASSIGN_OR_RETURN(const custody::DatasetInfo info, custodian->GetDataset(args.dataset));
  pipeline::IngestionOptions options;
  options.store = store;
  options.request = {.principal = context.principal(),
                     .dataset = args.dataset,
                     .purpose = args.purpose,
                     .why = args.why};
  if (args.has_source_name && args.source_name.empty()) {
    return context.UsageError("--source-name is empty");
  }
  // A pipe has a path too, but the next one under it holds other records.
  const bool is_regular = !from_stdin && std::filesystem::is_regular_file(args.from);
  options.source_name = args.has_source_name ? args.source_name : is_regular ? args.from : "";
  options.max_skipped = args.max_skipped;
  options.dry_run = args.dry_run;
  ST_ASSIGN_OR_RETURN(const std::unique_ptr<pipeline::Ingestion> job,
                      pipeline::Ingestion::Start(*custodian, std::move(options)));
  const std::unique_ptr<pipeline::Source> source =
      pipeline::OpenSource(Formats().at(args.format), input, display_name, info.schema);

  SkipPrinter skipped;
  absl::Status appended;
  // A pipe may be silent for ever; whoever waits for it is simply ended.
  if (is_regular) CatchStopSignals();
  {
    Progress progress;
    appended = job->AppendAll(
        *source, [&](const absl::Status& status) { skipped.Add(status); },
        [&] {
          progress.Show([&] {
            const double seconds = absl::ToDoubleSeconds(progress.elapsed());
            const double rate = static_cast<double>(source->position()) / seconds;
            return absl::StrCat(WithCommas(source->position()), " records, ",
                                WithCommas(static_cast<std::uint64_t>(rate)), " a second");
          });
          return StopRequested();
        });
  }
  skipped.Finish();
  if (absl::IsCancelled(appended)) {
    return absl::CancelledError(absl::StrCat("stopped after ", WithCommas(source->position()),
                                             " records; ", args.dataset, " is as it was before"));
  }
  ST_RETURN_IF_ERROR(appended);
  ST_ASSIGN_OR_RETURN(const pipeline::IngestionResult result, job->Commit());
  PrintResult(context, args, result);
  return absl::OkStatus();
}

void AddIngestCommand(CLI::App& app, Context& context) {
  CLI::App* ingest = app.add_subcommand(
      "ingest",
      "Review and seal records into a new snapshot of a data set.\n\n"
      "Examples:\n"
      "  sealtrain ingest mails --from mails.jsonl --format jsonl --purpose safety\n"
      "  zcat mails.csv.gz | sealtrain ingest mails --from - --format csv --purpose safety\n"
      "  sealtrain ingest mails --from mails.csv --format csv --purpose safety --dry-run\n\n"
      "Nothing becomes visible before the whole input has passed. Running it again on\n"
      "the same source takes up what is new in it and nothing twice.");
  auto args = std::make_shared<IngestArgs>();
  ingest->add_option("dataset", args->dataset, "Name of the data set")->required();
  ingest->add_option("--from", args->from, "File to read, or - for standard input")->required();
  ingest
      ->add_option("--format", args->format,
                   "jsonl, csv (with a header row) or protobuf (delimited)")
      ->required()
      ->check(CLI::IsMember({"jsonl", "csv", "protobuf"}));
  ingest->add_option("--purpose", args->purpose, "What for, as the policy names it")->required();
  AddWhyOption(*ingest, args->why);
  ingest->add_option("--max-skipped", args->max_skipped, "Bad records to skip before giving up")
      ->check(CLI::Range(0.0, 1e15))
      ->capture_default_str();
  const CLI::Option* source_name =
      ingest->add_option("--source-name", args->source_name,
                         "Name under which the position is remembered (default: the path "
                         "of a regular file; none for - and pipes)");
  ingest->add_flag("--dry-run", args->dry_run, "Review everything, seal nothing");
  ingest->callback([&context, args, source_name] {
    args->has_source_name = source_name->count() > 0;
    context.run = [&context, args] { return RunIngest(context, *args); };
  });
}

void AddNamedCommand(CLI::App& dataset, Context& context, const std::string& verb,
                     const std::string& help, absl::Status (*run)(Context&, const std::string&)) {
  CLI::App* command = dataset.add_subcommand(verb, help);
  auto name = std::make_shared<std::string>();
  command->add_option("name", *name, "Name of the data set")->required();
  command->callback([&context, name, run] {
    context.run = [&context, name, run] { return run(context, *name); };
  });
}

void AddVerifyCommand(CLI::App& dataset, Context& context) {
  CLI::App* command = dataset.add_subcommand(
      "verify",
      "Reread a snapshot and its predecessors, every byte, and name what is not as it was\n"
      "committed (exit 4). Custody is asked which snapshot is the newest; with the last three\n"
      "options it is not needed: `dataset show` prints what they take.\n\n"
      "Examples:\n"
      "  sealtrain dataset verify mails\n"
      "  sealtrain dataset verify mails --store COPY --generation 3 --manifest 0123… "
      "--custody-key 4567…");
  auto args = std::make_shared<VerifyArgs>();
  command->add_option("name", args->name, "Name of the data set")->required();
  CLI::Option* generation =
      command->add_option("--generation", args->generation, "Of the snapshot")->check(kCount);
  CLI::Option* manifest =
      command->add_option("--manifest", args->manifest_sha256, "SHA-256 of its manifest, in hex");
  CLI::Option* key =
      command->add_option("--custody-key", args->custody_key, "Custody's public key, in hex");
  generation->needs(manifest)->needs(key);
  manifest->needs(generation);
  key->needs(generation);
  command->callback(
      [&context, args] { context.run = [&context, args] { return RunVerify(context, *args); }; });
}

}  // namespace

void AddDatasetCommands(CLI::App& app, Context& context) {
  CLI::App* dataset =
      app.add_subcommand("dataset",
                         "Data sets: create, list, show, verify, columns, sweep, reseal.\n\n"
                         "Examples:\n"
                         "  sealtrain dataset create mails --schema mail.proto --message Mail\n"
                         "  sealtrain dataset show mails\n"
                         "  sealtrain dataset verify mails");
  dataset->require_subcommand(1);

  CLI::App* create = dataset->add_subcommand(
      "create",
      "Register a data set with the .proto file that describes its records.\n\n"
      "Example:\n"
      "  sealtrain dataset create mails --schema mail.proto --message Mail");
  auto args = std::make_shared<CreateArgs>();
  create->add_option("name", args->name, "a-z, 0-9, _ and -, in parts joined by /")->required();
  create->add_option("--schema", args->schema, ".proto file with data classes")->required();
  create->add_option("--message", args->message, "Message that one record is")->required();
  create->callback(
      [&context, args] { context.run = [&context, args] { return RunCreate(context, *args); }; });

  CLI::App* list = dataset->add_subcommand("list",
                                           "All data sets.\n\n"
                                           "Example:\n"
                                           "  sealtrain dataset list");
  list->callback([&context] { context.run = [&context] { return RunList(context); }; });

  AddNamedCommand(*dataset, context, "show",
                  "The newest snapshot: size, sources, and how each column was sealed.\n\n"
                  "Example:\n"
                  "  sealtrain dataset show mails",
                  RunShow);
  AddVerifyCommand(*dataset, context);
  AddNamedCommand(*dataset, context, "columns",
                  "Columns with their types and data classes.\n\n"
                  "Example:\n"
                  "  sealtrain dataset columns mails",
                  RunColumns);
  AddSweepCommand(*dataset, context);
  AddResealCommand(*dataset, context);
  AddIngestCommand(app, context);
}

}  // namespace sealtrain::cli
