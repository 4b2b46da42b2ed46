// Counts of entries by who, what, why and when.
#ifndef SEALTRAIN_AUDIT_STATISTICS_H_
#define SEALTRAIN_AUDIT_STATISTICS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sealtrain/audit/event.pb.h"

namespace sealtrain::audit {

// How entries are put together. Hours are those of a day, 00 to 23, days are
// dates, both in UTC.
enum class GroupKey {
  kPrincipal,
  kPurpose,
  kDataset,
  kType,
  kVerdict,
  kHour,
  kDay,
  kModel,
  kReason,
};

// "principal", "hour"; and all of them, in order.
std::string GroupKeyName(GroupKey key);
const std::vector<std::string>& GroupKeyNames();
// Of "principal,hour". InvalidArgument: not such names, or one twice.
absl::StatusOr<std::vector<GroupKey>> ParseGroupKeys(absl::string_view names);

// Not thread-safe.
class Statistics {
 public:
  // More would be no summary, and could be made to take all memory.
  static constexpr std::size_t kMaxGroups = 100'000;

  struct Group {
    std::vector<std::string> values;  // of the keys; "" where an entry has none
    std::uint64_t entries = 0;
    std::uint64_t intents = 0;
    std::uint64_t denied = 0;
    std::uint64_t succeeded = 0;
    std::uint64_t failed = 0;  // or abandoned
  };

  explicit Statistics(std::vector<GroupKey> keys);

  // OutOfRange: that would be one group more than there may be.
  absl::Status Add(const Event& event);

  std::size_t groups() const { return groups_.size(); }
  // The `limit` largest groups (0: all), the largest first; equal ones by their
  // values.
  std::vector<Group> Largest(std::size_t limit) const;

 private:
  const std::vector<GroupKey> keys_;
  std::map<std::vector<std::string>, Group> groups_;
};

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_STATISTICS_H_
