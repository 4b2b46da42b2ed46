// sealtrain train, sealtrain model.
#include <cmath>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "sealtrain/base/env.h"
#include "sealtrain/base/epsilon.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/base/text_table.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/cli/class_names.h"
#include "sealtrain/cli/context.h"
#include "sealtrain/cli/new_file.h"
#include "sealtrain/cli/policy_files.h"
#include "sealtrain/cli/progress.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/policy/explain.h"
#include "sealtrain/trainer/features.h"
#include "sealtrain/trainer/model_artifact.h"
#include "sealtrain/trainer/training.h"

namespace sealtrain::cli {
namespace {

using custody::ModelInfo;
using nlohmann::json;

constexpr std::uint64_t kMaxSpecBytes = 1 << 20;
constexpr char kNoGuarantee[] = "no differential privacy guarantee";

std::string UnitName(policy::PrivacyUnit unit) { return policy::PrivacyUnit_Name(unit); }

// Null without privacy: a model that promises nothing has no epsilon.
json PrivacyJson(const ModelInfo& info) {
  if (!info.dp.has_value()) return nullptr;
  return {{"epsilon", info.epsilon},
          {"delta", info.dp->delta},
          {"unit", UnitName(info.dp->unit)},
          {"relation", "add_remove"},
          {"noise_multiplier", info.dp->phase.noise_multiplier},
          {"sampling_rate", info.dp->phase.sampling_rate},
          {"steps", info.dp->phase.steps}};
}

void AddPrivacy(const ModelInfo& info, Rows& table) {
  if (!info.dp.has_value()) {
    table.push_back({"privacy", kNoGuarantee});
    return;
  }
  table.push_back({"epsilon", absl::StrCat("at most ", FormatEpsilon(info.epsilon), " at delta ",
                                           info.dp->delta)});
  table.push_back({"unit", absl::StrCat(UnitName(info.dp->unit), ", one added or removed")});
  table.push_back({"noise multiplier", absl::StrFormat("%.6g", info.dp->phase.noise_multiplier)});
  table.push_back({"sampling rate", absl::StrFormat("%.6g", info.dp->phase.sampling_rate)});
}

json ModelJson(const ModelInfo& info) {
  json deadline = nullptr;
  if (info.deadline != absl::InfiniteFuture()) deadline = FormatUtc(info.deadline);
  return {{"model", info.name},
          {"object_id", HexEncode(info.object_id)},
          {"dataset", info.dataset},
          {"generation", info.generation},
          {"purpose", info.purpose},
          {"principal", info.principal},
          {"created", FormatUtc(info.created)},
          {"artifact_sha256", HexEncode(info.artifact_sha256)},
          {"policy_sha256", HexEncode(info.policy_sha256)},
          {"key_epoch", info.key_epoch},
          {"classes", ClassNames(info.classes)},
          {"deadline", std::move(deadline)},
          {"release", info.release ? ReleaseJson(*info.release) : json(nullptr)},
          {"privacy", PrivacyJson(info)}};
}

struct TrainArguments {
  std::string dataset;
  std::string purpose;
  std::string why;
  std::string spec_file;
  std::string model;
};

absl::Status RunTrain(Context& context, const TrainArguments& arguments) {
  Env& env = Env::Posix();
  ST_ASSIGN_OR_RETURN(const std::string store, context.Store());
  ST_ASSIGN_OR_RETURN(const std::string text, env.ReadFile(arguments.spec_file, kMaxSpecBytes));
  ST_ASSIGN_OR_RETURN(trainer::TrainSpec spec, trainer::ParseTrainSpec(text, arguments.spec_file));
  ST_ASSIGN_OR_RETURN(const auto custodian, context.OpenCustodian());
  Progress progress;
  std::function<void(std::uint64_t, std::uint64_t)> on_step;
  if (spec.has_privacy()) {
    // No more than this: how long a step takes tells how many units it drew.
    on_step = [](std::uint64_t done, std::uint64_t all) {
      if (done == 0) std::cerr << "training privately: " << WithCommas(all) << " steps\n";
    };
  } else {
    on_step = [&progress](std::uint64_t done, std::uint64_t all) {
      progress.Show(
          [&] { return absl::StrCat("step ", WithCommas(done), " of ", WithCommas(all)); });
    };
  }
  CatchStopSignals();
  ST_ASSIGN_OR_RETURN(const trainer::TrainResult result,
                      trainer::Train(*custodian, {.store = store,
                                                  .principal = context.principal(),
                                                  .dataset = arguments.dataset,
                                                  .purpose = arguments.purpose,
                                                  .why = arguments.why,
                                                  .model = arguments.model,
                                                  .spec = std::move(spec),
                                                  .spec_sha256 = crypto::Sha256(AsBytes(text)),
                                                  .progress = on_step,
                                                  .stop = StopRequested}));
  json object = ModelJson(result.model);
  object["parameters"] = result.parameters;
  object["steps"] = result.steps;
  object["artifact_bytes"] = result.artifact_bytes;
  object["locked_memory"] = result.locked_memory;

  Rows table;
  table.push_back({"model", Printable(result.model.name)});
  table.push_back({"data set", absl::StrCat(Printable(result.model.dataset), ", generation ",
                                            WithCommas(result.model.generation))});
  table.push_back({"parameters", WithCommas(result.parameters)});
  table.push_back({"steps", WithCommas(result.steps)});
  AddPrivacy(result.model, table);
  table.push_back({"artifact", absl::StrCat(WithCommas(result.artifact_bytes), " bytes, sealed")});
  table.push_back({"locked memory", result.locked_memory ? "yes" : "no: raise the memlock limit"});
  context.Print(object, Table(table));
  return absl::OkStatus();
}

absl::Status RunModelList(Context& context) {
  ST_ASSIGN_OR_RETURN(const auto custodian, context.OpenCustodian());
  ST_ASSIGN_OR_RETURN(const std::vector<ModelInfo> models, custodian->ListModels());
  json list = json::array();
  Rows rows = {{"MODEL", "DATA SET", "GENERATION", "CREATED", "PRIVACY"}};
  for (const ModelInfo& info : models) {
    list.push_back(ModelJson(info));
    const std::string privacy =
        info.dp.has_value() ? absl::StrCat("epsilon ", FormatEpsilon(info.epsilon), ", delta ",
                                           info.dp->delta, ", ", UnitName(info.dp->unit))
                            : std::string(kNoGuarantee);
    rows.push_back({Printable(info.name), Printable(info.dataset), WithCommas(info.generation),
                    FormatUtc(info.created), privacy});
  }
  context.Print({{"models", std::move(list)}}, models.empty() ? "no models" : Table(rows, {2}));
  return absl::OkStatus();
}

absl::Status RunModelShow(Context& context, const std::string& name) {
  ST_ASSIGN_OR_RETURN(const std::string store, context.Store());
  ST_ASSIGN_OR_RETURN(const auto custodian, context.OpenCustodian());
  ST_ASSIGN_OR_RETURN(const ModelInfo info, custodian->GetModel(name));
  ST_ASSIGN_OR_RETURN(const trainer::StoredModel stored,
                      trainer::ReadModel(Env::Posix(), store, info));
  const trainer::ModelHeader& header = stored.parsed.header;
  ST_ASSIGN_OR_RETURN(const trainer::FeatureSpace features,
                      trainer::FeatureSpace::Create(header.spec()));
  json object = ModelJson(info);
  object["parameters"] = features.dimension();
  object["steps"] = header.spec().optimizer().steps();
  object["spec"] = header.spec().DebugString();
  object["spec_sha256"] = HexEncode(AsBytes(header.spec_sha256()));
  object["manifest_sha256"] = HexEncode(AsBytes(header.manifest_sha256()));
  object["inputs"] = json::array();

  Rows table;
  table.push_back({"model", Printable(info.name)});
  table.push_back({"object id", HexEncode(info.object_id)});
  table.push_back({"data set", absl::StrCat(Printable(info.dataset), ", generation ",
                                            WithCommas(info.generation))});
  table.push_back({"purpose", Printable(info.purpose)});
  table.push_back({"trained by", Printable(info.principal)});
  table.push_back({"created", FormatUtc(info.created)});
  table.push_back({"learned from", ClassesText(info.classes)});
  if (info.deadline != absl::InfiniteFuture()) {
    table.push_back({"to be used until", FormatUtc(info.deadline)});
  }
  if (info.release) table.push_back({"may leave", policy::DescribeRelease(*info.release)});
  table.push_back({"parameters", WithCommas(features.dimension())});
  table.push_back({"steps", WithCommas(header.spec().optimizer().steps())});
  AddPrivacy(info, table);
  table.push_back(
      {"artifact", absl::StrCat(WithCommas(stored.file.size()), " bytes, sealed, as registered")});
  table.push_back({"artifact sha256", HexEncode(info.artifact_sha256)});
  table.push_back({"policy sha256", HexEncode(info.policy_sha256)});
  for (const trainer::FeatureBlock& block : features.blocks()) {
    object["inputs"].push_back({{"feature", block.name}, {"inputs", block.size}});
    table.push_back({"inputs", absl::StrCat(Printable(block.name), ": ", WithCommas(block.size))});
  }
  table.push_back({"inputs", "bias: 1"});
  context.Print(object, Table(table));
  return absl::OkStatus();
}

struct EvaluateArguments {
  std::string model;
  std::string dataset;
  std::string purpose;
  std::string why;
};

absl::Status RunModelEvaluate(Context& context, const EvaluateArguments& arguments) {
  ST_ASSIGN_OR_RETURN(const std::string store, context.Store());
  ST_ASSIGN_OR_RETURN(const auto custodian, context.OpenCustodian());
  ST_ASSIGN_OR_RETURN(const trainer::EvaluateResult result,
                      trainer::Evaluate(*custodian, {.store = store,
                                                     .principal = context.principal(),
                                                     .dataset = arguments.dataset,
                                                     .purpose = arguments.purpose,
                                                     .why = arguments.why,
                                                     .model = arguments.model}));
  const bool both_classes = !std::isnan(result.auc);
  Rows table;
  table.push_back({"model", Printable(arguments.model)});
  table.push_back({"data set", Printable(arguments.dataset)});
  table.push_back({"rows", WithCommas(result.rows)});
  table.push_back({"accuracy", absl::StrFormat("%.4f", result.accuracy)});
  table.push_back(
      {"auc", both_classes ? absl::StrFormat("%.4f", result.auc) : "none: one class only"});
  table.push_back({"majority", absl::StrFormat("%.4f", result.majority)});
  context.Print({{"model", arguments.model},
                 {"dataset", arguments.dataset},
                 {"rows", result.rows},
                 {"accuracy", result.accuracy},
                 {"auc", both_classes ? json(result.auc) : json(nullptr)},
                 {"majority", result.majority}},
                Table(table));
  return absl::OkStatus();
}

struct ExportArguments {
  std::string model;
  std::string purpose;
  std::string why;
  std::string out;
};

absl::Status RunModelExport(Context& context, const ExportArguments& arguments) {
  ST_ASSIGN_OR_RETURN(const std::string store, context.Store());
  ST_ASSIGN_OR_RETURN(const auto custodian, context.OpenCustodian());
  ST_ASSIGN_OR_RETURN(const trainer::ExportResult result,
                      trainer::ExportModel(*custodian, {.store = store,
                                                        .principal = context.principal(),
                                                        .model = arguments.model,
                                                        .purpose = arguments.purpose,
                                                        .why = arguments.why,
                                                        .out = arguments.out}));
  context.Print({{"model", arguments.model},
                 {"out", arguments.out},
                 {"bytes", result.bytes},
                 {"sha256", HexEncode(result.sha256)}},
                Table({{"model", Printable(arguments.model)},
                       {"written to", Printable(arguments.out)},
                       {"bytes", absl::StrCat(WithCommas(result.bytes), ", not sealed any more")},
                       {"sha256", HexEncode(result.sha256)}}));
  return absl::OkStatus();
}

struct ReceiptArguments {
  std::string model;
  std::string out;
};

absl::Status RunModelReceipt(Context& context, const ReceiptArguments& arguments) {
  ST_ASSIGN_OR_RETURN(const auto custodian, context.OpenCustodian());
  ST_ASSIGN_OR_RETURN(const std::string receipt, custodian->ModelReceipt(arguments.model));
  ST_RETURN_IF_ERROR(WriteNewFile(arguments.out, AsBytes(receipt)));
  context.Print(
      {{"model", arguments.model}, {"out", arguments.out}},
      Table({{"model", Printable(arguments.model)}, {"receipt", Printable(arguments.out)}}));
  return absl::OkStatus();
}

void AddTrain(CLI::App& app, Context& context) {
  CLI::App* train = app.add_subcommand(
      "train",
      "Train a model on a sealed data set\n\n"
      "Examples:\n"
      "  sealtrain train mails --purpose safety/abuse-detection --spec spam.textproto \\\n"
      "      --model-name spam\n\n"
      "The spec says which columns are opened, what becomes of them and whether the\n"
      "run is differentially private: docs/training.md. The model is sealed into the\n"
      "store; its weights leave it by `model export` only.");
  const auto arguments = std::make_shared<TrainArguments>();
  train->add_option("dataset", arguments->dataset, "Data set to open")->required();
  train->add_option("--purpose", arguments->purpose, "Purpose, as the policy names it")->required();
  AddWhyOption(*train, arguments->why);
  train->add_option("--spec", arguments->spec_file, "Train spec, in text format")->required();
  train->add_option("--model-name", arguments->model, "Name of the new model")->required();
  train->callback([&context, arguments] {
    context.run = [&context, arguments] { return RunTrain(context, *arguments); };
  });
}

void AddModelExport(CLI::App& model, Context& context) {
  CLI::App* command = model.add_subcommand(
      "export",
      "Let a model leave: write its weights, in the clear\n\n"
      "Examples:\n"
      "  sealtrain model export spam --purpose safety/abuse-detection --out spam.safetensors\n\n"
      "Decided by the policy as EXPORT_MODEL, for what the model learned from and under the\n"
      "release conditions of the run that made it. What the inputs are, `model show` tells.");
  const auto arguments = std::make_shared<ExportArguments>();
  command->add_option("model", arguments->model, "Name of the model")->required();
  command->add_option("--purpose", arguments->purpose, "Purpose, as the policy names it")
      ->required();
  AddWhyOption(*command, arguments->why);
  command->add_option("--out", arguments->out, "File to write; it must not be there")->required();
  command->callback([&context, arguments] {
    context.run = [&context, arguments] { return RunModelExport(context, *arguments); };
  });
}

void AddModelReceipt(CLI::App& model, Context& context) {
  CLI::App* command = model.add_subcommand(
      "receipt",
      "Write down how a model came to be, for others to check\n\n"
      "Examples:\n"
      "  sealtrain model receipt spam --out spam.receipt\n"
      "  sealtrain-audit verify-model spam.receipt --vkey \"$(cat log.vkey)\"\n\n"
      "The entries of the audit log that tell of the model, and their proofs. It holds nothing\n"
      "that the published log does not, and takes no permit: docs/formats/model-receipt.md.");
  const auto arguments = std::make_shared<ReceiptArguments>();
  command->add_option("model", arguments->model, "Name of the model")->required();
  command->add_option("--out", arguments->out, "File to write; it must not be there")->required();
  command->callback([&context, arguments] {
    context.run = [&context, arguments] { return RunModelReceipt(context, *arguments); };
  });
}

void AddModel(CLI::App& app, Context& context) {
  CLI::App* model = app.add_subcommand("model",
                                       "List, show, evaluate and export sealed models.\n\n"
                                       "Examples:\n"
                                       "  sealtrain model list\n"
                                       "  sealtrain model show spam");
  model->require_subcommand(1);

  CLI::App* list = model->add_subcommand("list",
                                         "All models and their privacy.\n\n"
                                         "Example:\n"
                                         "  sealtrain model list");
  list->callback([&context] { context.run = [&context] { return RunModelList(context); }; });

  CLI::App* show = model->add_subcommand("show",
                                         "One model: origin, privacy, inputs.\n\n"
                                         "Example:\n"
                                         "  sealtrain model show spam");
  const auto name = std::make_shared<std::string>();
  show->add_option("model", *name, "Name of the model")->required();
  show->callback([&context, name] {
    context.run = [&context, name] { return RunModelShow(context, *name); };
  });

  CLI::App* evaluate = model->add_subcommand(
      "evaluate",
      "Score a sealed data set with a model\n\n"
      "Examples:\n"
      "  sealtrain model evaluate spam --dataset mails-test --purpose safety/abuse-detection\n\n"
      "The numbers are exact: whoever may evaluate learns them.");
  const auto arguments = std::make_shared<EvaluateArguments>();
  evaluate->add_option("model", arguments->model, "Name of the model")->required();
  evaluate->add_option("--dataset", arguments->dataset, "Data set to score")->required();
  evaluate->add_option("--purpose", arguments->purpose, "Purpose, as the policy names it")
      ->required();
  AddWhyOption(*evaluate, arguments->why);
  evaluate->callback([&context, arguments] {
    context.run = [&context, arguments] { return RunModelEvaluate(context, *arguments); };
  });
  AddModelExport(*model, context);
  AddModelReceipt(*model, context);
}

}  // namespace

void AddTrainingCommands(CLI::App& app, Context& context) {
  AddTrain(app, context);
  AddModel(app, context);
}

}  // namespace sealtrain::cli
