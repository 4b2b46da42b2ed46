#include <cmath>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/pipeline/dataset_reader.h"
#include "sealtrain/trainer/features.h"
#include "sealtrain/trainer/logistic_regression.h"
#include "sealtrain/trainer/metrics.h"
#include "sealtrain/trainer/model_artifact.h"
#include "sealtrain/trainer/training.h"

namespace sealtrain::trainer {
namespace {

using EvaluatePermit = custody::Permit<policy::EVALUATE>;

absl::Status ScoreBatch(const pipeline::ColumnBatch& batch, FeatureReader& features,
                        absl::Span<const float> weights, SecretVector<ScoredRow>& scored) {
  SparseRows inputs;
  for (std::uint64_t row = 0; row < batch.rows; ++row) {
    const std::optional<bool> label = features.Label(batch, row);
    if (!label.has_value()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "row ", batch.first_row + row, ": the label is none of the values in the train spec"));
    }
    ST_RETURN_IF_ERROR(features.AppendRow(batch, row, inputs));
    const double score = Margin(weights, inputs.row(inputs.size() - 1));
    ST_RETURN_IF_ERROR(scored.Append({score, *label ? std::uint64_t{1} : std::uint64_t{0}}));
  }
  return absl::OkStatus();
}

absl::StatusOr<EvaluateResult> RunUnderPermit(custody::Custody& custody,
                                              const EvaluatePermit& permit,
                                              const EvaluateOptions& options,
                                              const StoredModel& model) {
  const TrainSpec& spec = model.parsed.header.spec();
  const std::vector<std::string> columns = ColumnsOf(spec);
  ST_ASSIGN_OR_RETURN(FeatureReader features,
                      FeatureReader::Create(spec, *permit.grant().schema, columns));
  ST_ASSIGN_OR_RETURN(const custody::Custody::ModelKey key, custody.ReleaseModelKey(permit));
  ST_ASSIGN_OR_RETURN(const SecretVector<float> weights,
                      OpenWeights(AsBytes(model.file), model.parsed, key.dek));
  ST_ASSIGN_OR_RETURN(
      const std::unique_ptr<pipeline::DatasetReader> reader,
      pipeline::DatasetReader::Open(
          custody, permit, {.store = options.store, .columns = columns, .env = options.env}));
  SecretVector<ScoredRow> scored;
  while (true) {
    ST_ASSIGN_OR_RETURN(const pipeline::RowBlock* const block, reader->Next());
    if (block == nullptr) break;
    for (const pipeline::ColumnBatch& group : block->groups) {
      ST_RETURN_IF_ERROR(ScoreBatch(group, features, weights.span(), scored));
    }
  }
  if (scored.empty()) return absl::InvalidArgumentError("the data set has no rows to score");
  return EvaluateResult{.rows = scored.size(),
                        .accuracy = Accuracy(scored),
                        .auc = AreaUnderRocCurve(scored),
                        .majority = MajorityShare(scored)};
}

}  // namespace

absl::StatusOr<EvaluateResult> Evaluate(custody::Custody& custody, const EvaluateOptions& options) {
  ST_RETURN_IF_ERROR(CheckModelName(options.model));
  ST_ASSIGN_OR_RETURN(const custody::ModelInfo info, custody.GetModel(options.model));
  ST_ASSIGN_OR_RETURN(const StoredModel model, ReadModel(*options.env, options.store, info));
  ST_ASSIGN_OR_RETURN(EvaluatePermit permit,
                      custody.RequestEvaluate({.principal = options.principal,
                                               .dataset = options.dataset,
                                               .purpose = options.purpose,
                                               .columns = ColumnsOf(model.parsed.header.spec()),
                                               .model = options.model,
                                               .why = options.why}));
  absl::StatusOr<EvaluateResult> result = RunUnderPermit(custody, permit, options, model);
  const absl::Status finished = custody.FinishEvaluate(
      std::move(permit), result.ok() ? custody::Outcome::kSucceeded : custody::Outcome::kFailed);
  // The first error is the one to tell.
  if (result.ok() && !finished.ok()) return finished;
  return result;
}

}  // namespace sealtrain::trainer
