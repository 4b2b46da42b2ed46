// Which entries a query wants.
#ifndef SEALTRAIN_AUDIT_EVENT_FILTER_H_
#define SEALTRAIN_AUDIT_EVENT_FILTER_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "sealtrain/audit/event.pb.h"

namespace sealtrain::audit {

// As people give them. Values of one term are alternatives; different terms must
// all hold.
struct FilterTerms {
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

// Thread-safe.
class EventFilter {
 public:
  // Ages in `terms` are counted back from `now`.
  // InvalidArgument: a time, verdict, type, data set or purpose that is none.
  static absl::StatusOr<EventFilter> Parse(const FilterTerms& terms, absl::Time now);

  // Since is included, until is not. A purpose stands for those below it too:
  // "safety" for "safety/abuse-detection". A data set may be "NAME@GENERATION".
  // A column is opened, sealed or withheld.
  bool Matches(const Event& event) const;

  // False if an entry of these bytes cannot match, by its time, type or verdict or as a
  // name that it must have does not stand in them: spares decoding it. Says nothing of
  // whether they are an event.
  bool MayMatch(absl::string_view bytes) const;

  absl::Time since() const { return since_; }  // InfinitePast: no bound
  absl::Time until() const { return until_; }  // InfiniteFuture: no bound

  // The filter as it was understood: times are absolute, so that the same
  // question can be asked again. As options for bash, "" if it takes
  // everything; and as a JSON object: times are strings, the rest arrays of them.
  std::string ToOptions() const;
  nlohmann::ordered_json ToJson() const;

 private:
  bool MatchesHead(std::uint64_t wall_time_ns, int type, int phase) const;
  // The names of the terms that were given, with their values as understood.
  std::vector<std::pair<std::string, std::vector<std::string>>> Given() const;

  FilterTerms terms_;
  absl::Time since_ = absl::InfinitePast();
  absl::Time until_ = absl::InfiniteFuture();
  std::vector<Phase> phases_;
  std::vector<EventType> types_;
};

// Names as people write them: "denied", "train-access". Of a value that this
// version does not know: its number.
std::string VerdictName(Phase phase);
std::string TypeName(EventType type);

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_EVENT_FILTER_H_
