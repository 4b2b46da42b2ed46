// A training run from permit to sealed model, and the evaluation and export of a model.
//
// Plaintext stays in this process's secret memory; what is written is the sealed
// model, and in the clear only what an export lets out. Callers that open real data call LockDown()
// (base/lockdown.h) first.
#ifndef SEALTRAIN_TRAINER_TRAINING_H_
#define SEALTRAIN_TRAINER_TRAINING_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/base/env.h"
#include "sealtrain/custody/custody.h"
#include "sealtrain/trainer/train_spec.pb.h"

namespace sealtrain::trainer {

// Parses and checks a spec in text format. InvalidArgument:
// "FILE:LINE:COLUMN: what"; a number that must be set and is not is an error.
absl::StatusOr<TrainSpec> ParseTrainSpec(absl::string_view text, absl::string_view file_name);

struct TrainOptions {
  std::string store;
  std::string principal;
  std::string dataset;
  std::string purpose;
  std::string why = "";  // as in custody.h
  std::string model;
  TrainSpec spec;
  // SHA-256 of the text that the spec was parsed from, for the model's header.
  // Unset: it did not come from text.
  std::optional<Digest> spec_sha256;
  // Called before the first step, when the run is admitted and its data are open, and
  // after each with (steps done, steps in all); no other number of a private run is
  // ever shown.
  std::function<void(std::uint64_t, std::uint64_t)> progress;
  std::function<bool()> stop;  // asked before each step; true ends the run as failed
  Env* env = &Env::Posix();
};

struct TrainResult {
  custody::ModelInfo model;
  std::uint64_t parameters = 0;
  std::uint64_t steps = 0;
  std::optional<double> noise_multiplier;
  bool locked_memory = false;  // all plaintext was in locked pages
  std::uint64_t artifact_bytes = 0;
};

// Plans the privacy cost, asks custody (deny: PermissionDenied; budget spent:
// ResourceExhausted), opens the columns into secret memory, trains, seals the
// model into <store>/models/, registers it.
// A run that fails after it was allowed is closed in custody as failed, with the
// steps that it had started. InvalidArgument: spec, names or columns.
// Cancelled: `stop` said so.
absl::StatusOr<TrainResult> Train(custody::Custody& custody, TrainOptions options);

struct EvaluateOptions {
  std::string store;
  std::string principal;
  std::string dataset;
  std::string purpose;
  std::string why = "";  // as in custody.h
  std::string model;
  Env* env = &Env::Posix();
};
struct EvaluateResult {
  std::uint64_t rows = 0;
  double accuracy = 0;
  double auc = 0;       // NaN: only one class occurs
  double majority = 0;  // accuracy of always answering the more frequent class
};
// Verifies the stored model against custody, asks custody, opens weights and
// columns, scores every row. The numbers are exact and say something about the
// rows: whether that is allowed is the decision of EVALUATE.
// DataLoss: model or data were tampered with. InvalidArgument: a row's label is
// none of the model's, or there are no rows.
absl::StatusOr<EvaluateResult> Evaluate(custody::Custody& custody, const EvaluateOptions& options);

struct ExportOptions {
  std::string store;
  std::string principal;
  std::string model;
  std::string purpose;
  std::string why = "";  // as in custody.h
  std::string out;       // a file that is not there yet
  Env* env = &Env::Posix();
};
struct ExportResult {
  std::uint64_t bytes = 0;
  Digest sha256{};  // of the file
};
// Lets a model leave: verifies it against custody, asks custody for EXPORT_MODEL, and
// writes its weights to `out`, in the clear, as the safetensors file of
// docs/formats/sealed-model.md, 4.2. Until the log says that it leaves it has another
// name, `out`.tmp.*; of a failure nothing is left, of a process that is killed that.
// AlreadyExists: `out` is there, and stays; nothing was asked, unless somebody made it
// meanwhile: then the log already says that the model left. DataLoss: the model was
// tampered with.
absl::StatusOr<ExportResult> ExportModel(custody::Custody& custody, const ExportOptions& options);

}  // namespace sealtrain::trainer

#endif  // SEALTRAIN_TRAINER_TRAINING_H_
