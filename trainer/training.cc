#include "sealtrain/trainer/training.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/pipeline/dataset_reader.h"
#include "sealtrain/trainer/dp_sgd.h"
#include "sealtrain/trainer/model_artifact.h"
#include "sealtrain/trainer/training_data.h"
#include "sealtrain/trainer/training_plan.h"

namespace sealtrain::trainer {
namespace {

using TrainPermit = custody::Permit<policy::TRAIN>;

// What a run leaves behind for custody to register.
struct SealedModel {
  Id object_id{};
  Digest sha256{};
  std::uint64_t bytes = 0;
  bool locked_memory = false;
};

std::string ToBytes(ByteSpan bytes) { return std::string(AsText(bytes)); }

std::optional<custody::DpPlan> PlannedCost(const TrainingPlan& plan) {
  if (!plan.privacy().has_value()) return std::nullopt;
  return custody::DpPlan{
      .phase = plan.privacy()->phase, .delta = plan.privacy()->delta, .unit = plan.privacy()->unit};
}

ModelHeader MakeHeader(const TrainingPlan& plan, const custody::Grant& grant,
                       const custody::Custody::ModelKey& key,
                       const std::optional<Digest>& spec_sha256) {
  ModelHeader header;
  header.set_format(1);
  header.set_model(grant.model);
  header.set_object_id(ToBytes(key.object_id));
  header.set_key_epoch(key.key_epoch);
  header.set_dataset(grant.dataset);
  header.set_generation(grant.generation);
  header.set_manifest_sha256(ToBytes(grant.manifest_sha256));
  header.set_purpose(grant.purpose);
  header.set_policy_sha256(ToBytes(grant.decision.policy_sha256));
  if (spec_sha256.has_value()) header.set_spec_sha256(ToBytes(*spec_sha256));
  for (const DataClass c : custody::OpenedClasses(grant.decision)) header.add_data_class(c);
  if (grant.deadline != absl::InfiniteFuture()) {
    header.set_deadline_unix_ns(static_cast<std::uint64_t>(absl::ToUnixNanos(grant.deadline)));
  }
  *header.mutable_spec() = plan.spec();
  if (!plan.privacy().has_value()) return header;
  ModelPrivacy& privacy = *header.mutable_privacy();
  privacy.set_unit(plan.privacy()->unit);
  privacy.set_epsilon(plan.privacy()->epsilon);
  privacy.set_delta(plan.privacy()->delta);
  privacy.set_noise_multiplier(plan.privacy()->phase.noise_multiplier);
  privacy.set_sampling_rate(plan.privacy()->phase.sampling_rate);
  privacy.set_steps(plan.privacy()->phase.steps);
  privacy.set_clipping_norm(plan.privacy()->clipping_norm);
  return header;
}

// Opens the snapshot row group by row group; each batch is wiped when the next
// one is read.
absl::StatusOr<TrainingData> OpenData(custody::Custody& custody, const TrainPermit& permit,
                                      const TrainOptions& options, const TrainingPlan& plan) {
  const policy::Schema& schema = *permit.grant().schema;
  ST_ASSIGN_OR_RETURN(TrainingDataBuilder builder, TrainingDataBuilder::Create(plan, schema));
  ST_ASSIGN_OR_RETURN(
      const std::unique_ptr<pipeline::DatasetReader> reader,
      pipeline::DatasetReader::Open(custody, permit,
                                    {.store = options.store,
                                     .columns = TrainingDataBuilder::Columns(plan, schema),
                                     .env = options.env}));
  while (true) {
    ST_ASSIGN_OR_RETURN(const pipeline::RowBlock* const block, reader->Next());
    if (block == nullptr) break;
    for (const pipeline::ColumnBatch& group : block->groups) {
      ST_RETURN_IF_ERROR(builder.Add(group));
    }
  }
  return std::move(builder).Finish();
}

// Everything between the permit and its end.
absl::StatusOr<SealedModel> RunUnderPermit(custody::Custody& custody, const TrainPermit& permit,
                                           const TrainOptions& options, const TrainingPlan& plan,
                                           std::uint64_t& steps_started) {
  // Before the long part, which may outlast the lease.
  ST_ASSIGN_OR_RETURN(const custody::Custody::ModelKey key, custody.ReleaseNewModelKey(permit));
  ST_ASSIGN_OR_RETURN(const TrainingData data, OpenData(custody, permit, options, plan));
  if (options.progress) options.progress(0, options.spec.optimizer().steps());
  ST_ASSIGN_OR_RETURN(
      const TrainedModel model,
      RunSgd(plan, data, {.progress = options.progress, .stop = options.stop}, steps_started));
  const ModelHeader header = MakeHeader(plan, permit.grant(), key, options.spec_sha256);
  ST_ASSIGN_OR_RETURN(const Bytes file, SealModel(header, key.dek, model.weights.span()));

  const std::string path = ModelPath(options.store, options.model);
  ST_RETURN_IF_ERROR(options.env->CreateDirs(DirName(path)));
  ST_RETURN_IF_ERROR(WriteFileDurably(*options.env, path, file));
  return SealedModel{.object_id = key.object_id,
                     .sha256 = crypto::Sha256(file),
                     .bytes = file.size(),
                     .locked_memory = data.locked() && model.locked};
}

}  // namespace

absl::StatusOr<TrainResult> Train(custody::Custody& custody, TrainOptions options) {
  ST_RETURN_IF_ERROR(CheckModelName(options.model));
  ST_ASSIGN_OR_RETURN(const TrainingPlan plan, TrainingPlan::Create(options.spec));
  ST_ASSIGN_OR_RETURN(const custody::DatasetInfo dataset, custody.GetDataset(options.dataset));
  // A spec that does not suit the schema is found before anything is asked for
  // and before any budget is reserved.
  ST_RETURN_IF_ERROR(TrainingDataBuilder::Create(plan, *dataset.schema).status());

  ST_ASSIGN_OR_RETURN(
      TrainPermit permit,
      custody.RequestTrain({.principal = options.principal,
                            .dataset = options.dataset,
                            .purpose = options.purpose,
                            .columns = TrainingDataBuilder::Columns(plan, *dataset.schema),
                            .model = options.model,
                            .dp = PlannedCost(plan),
                            .why = options.why}));
  std::uint64_t steps_started = 0;
  const absl::StatusOr<SealedModel> sealed =
      RunUnderPermit(custody, permit, options, plan, steps_started);
  if (!sealed.ok()) {
    // The first error is the one to tell; should this fail as well, custody
    // keeps the whole reservation as spent and shows the run as dangling.
    custody.FinishTrain(std::move(permit), custody::Outcome::kFailed, steps_started, Id{}, Digest{})
        .IgnoreError();
    return sealed.status();
  }
  ST_RETURN_IF_ERROR(custody.FinishTrain(std::move(permit), custody::Outcome::kSucceeded,
                                         steps_started, sealed->object_id, sealed->sha256));

  TrainResult result;
  ST_ASSIGN_OR_RETURN(result.model, custody.GetModel(options.model));
  result.parameters = plan.features().dimension();
  result.steps = steps_started;
  if (plan.privacy().has_value()) {
    result.noise_multiplier = plan.privacy()->phase.noise_multiplier;
  }
  result.locked_memory = sealed->locked_memory;
  result.artifact_bytes = sealed->bytes;
  return result;
}

}  // namespace sealtrain::trainer
