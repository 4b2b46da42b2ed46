// Schemas and specs for tests of the trainer.
#ifndef SEALTRAIN_TESTS_TRAINER_TEST_SCHEMA_H_
#define SEALTRAIN_TESTS_TRAINER_TEST_SCHEMA_H_

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/env.h"
#include "sealtrain/policy/schema.h"
#include "sealtrain/tests/util/temp_dir.h"
#include "sealtrain/trainer/training.h"

namespace sealtrain::testing {

// A record with these fields; fields 1 to 99. Field 100 is the subject key.
inline std::shared_ptr<const policy::Schema> MakeSchema(const std::string& fields) {
  TempDir dir;
  const std::string text = absl::StrCat(
      "syntax = \"proto3\";\nimport \"sealtrain/data_class.proto\";\n",
      "message Row {\n  string who = 100 [(sealtrain.privacy).data_class = SUBJECT_KEY];\n", fields,
      "}\n");
  const std::string path = dir.Join("row.proto");
  if (!WriteFileDurably(Env::Posix(), path, AsBytes(text)).ok()) return nullptr;
  return policy::Schema::FromProtoFile(path, "Row").value();
}

// One field of the record: Field("double age", 3).
inline std::string Field(const std::string& declaration, int number,
                         const std::string& data_class = "FEATURE") {
  return absl::StrCat("  ", declaration, " = ", number,
                      " [(sealtrain.privacy).data_class = ", data_class, "];\n");
}

// A spec of these features, label "spam", with the rest filled in.
inline trainer::TrainSpec MakeSpec(const std::string& features, const std::string& rest = "") {
  return trainer::ParseTrainSpec(
             absl::StrCat(features,
                          "label { column: \"spam\" value: [\"false\", \"true\"] }\n"
                          "model { logistic_regression {} }\n",
                          rest.empty() ? "optimizer { sgd {} steps: 1 learning_rate: 1 "
                                         "sampling_rate: 1 }"
                                       : rest),
             "test.textproto")
      .value();
}

}  // namespace sealtrain::testing

#endif  // SEALTRAIN_TESTS_TRAINER_TEST_SCHEMA_H_
