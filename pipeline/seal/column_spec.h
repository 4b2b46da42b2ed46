// What sealing and opening need to know about a column.
#ifndef SEALTRAIN_PIPELINE_SEAL_COLUMN_SPEC_H_
#define SEALTRAIN_PIPELINE_SEAL_COLUMN_SPEC_H_

#include <string>

#include "sealtrain/pipeline/column_batch.h"
#include "sealtrain/policy/schema.h"

namespace sealtrain::pipeline {

struct ColumnSpec {
  std::string id;
  std::string name;  // for messages
  ValueType type = ValueType::kBytes;
  bool repeated = false;
};

ColumnSpec SpecOf(const policy::Column& column);

// Whether a row may have no value here: the field is `optional`.
bool IsNullable(const policy::Column& column);

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_SEAL_COLUMN_SPEC_H_
