// How data classes are printed: by their names.
#ifndef SEALTRAIN_CLI_CLASS_NAMES_H_
#define SEALTRAIN_CLI_CLASS_NAMES_H_

#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "sealtrain/policy/schema.h"

namespace sealtrain::cli {

// For JSON. `classes` is a range of DataClass, or of their numbers as Protobuf has them.
template <typename Classes>
std::vector<std::string> ClassNames(const Classes& classes) {
  std::vector<std::string> names;
  for (const auto c : classes) names.push_back(policy::DataClassName(static_cast<DataClass>(c)));
  return names;
}

// For a table.
template <typename Classes>
std::string ClassesText(const Classes& classes) {
  return absl::StrJoin(ClassNames(classes), " ");
}

}  // namespace sealtrain::cli

#endif  // SEALTRAIN_CLI_CLASS_NAMES_H_
