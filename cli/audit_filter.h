// Which entries a query of `sealtrain-audit` wants.
#ifndef SEALTRAIN_CLI_AUDIT_FILTER_H_
#define SEALTRAIN_CLI_AUDIT_FILTER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sealtrain/audit/event.pb.h"

namespace sealtrain::cli {

// As given on the command line. Values of one flag are alternatives; different
// flags must all hold.
struct FilterFlags {
  std::string since{};  // "" is no bound
  std::string until{};
  std::vector<std::string> principals = {};
  std::vector<std::string> purposes = {};
  std::vector<std::string> datasets = {};
  std::vector<std::string> columns = {};
  std::vector<std::string> models = {};
  std::vector<std::string> verdicts = {};
  std::vector<std::string> types = {};
};

class Filter {
 public:
  // InvalidArgument: a time, verdict or type that is none.
  static absl::StatusOr<Filter> Parse(const FilterFlags& flags, absl::Time now);

  // Since is included, until is not. A purpose stands for those below it too:
  // "safety" for "safety/abuse-detection". A data set may be "NAME@GENERATION".
  // A column is opened, sealed or withheld.
  bool Matches(const audit::Event& event) const;

 private:
  FilterFlags flags_;
  absl::Time since_ = absl::InfinitePast();
  absl::Time until_ = absl::InfiniteFuture();
  std::vector<audit::Phase> phases_;
  std::vector<audit::EventType> types_;
};

// Names as people write them: "denied", "train-access".
std::string VerdictName(audit::Phase phase);
std::string TypeName(audit::EventType type);

}  // namespace sealtrain::cli

#endif  // SEALTRAIN_CLI_AUDIT_FILTER_H_
