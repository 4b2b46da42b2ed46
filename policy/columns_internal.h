// From a record type to its columns: which fields there are and what they are.
#ifndef SEALTRAIN_POLICY_COLUMNS_INTERNAL_H_
#define SEALTRAIN_POLICY_COLUMNS_INTERNAL_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "sealtrain/policy/schema.h"

namespace sealtrain::policy::internal {

inline constexpr std::size_t kMaxColumns = 1024;

// The columns of `record` in field order. InvalidArgument: a field that is not
// labelled or not supported, or not exactly one SUBJECT_KEY; the message begins
// with "FOLDER/FILE:LINE:COLUMN", as far as the descriptors know it.
absl::StatusOr<std::vector<Column>> CollectColumns(const google::protobuf::Descriptor& record,
                                                   const std::string& folder);

}  // namespace sealtrain::policy::internal

#endif  // SEALTRAIN_POLICY_COLUMNS_INTERNAL_H_
