// An access review: what a log says of a period, put together for somebody who
// has to say whether it was all right.
#ifndef SEALTRAIN_AUDIT_ACCESS_REVIEW_H_
#define SEALTRAIN_AUDIT_ACCESS_REVIEW_H_

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sealtrain/audit/log_reader.h"

namespace sealtrain::audit {

// A *request* is an intent or a denial to seal, train on, evaluate on or reseal a data
// set: somebody asked for keys, or to open more. Days and hours are in UTC. All vectors are in the
// order of the log unless something else is said, and of limited length: `left_out`
// counts what they do not have.
struct AccessReview {
  // Of each list, the first so many. Of all budget points, so many and the last of each
  // budget. More would be no review, and could be made to take all memory.
  static constexpr std::size_t kMaxListed = 1'000;
  static constexpr std::size_t kMaxBudgetPoints = 10'000;
  // Principals; accesses; budgets.
  static constexpr std::size_t kMaxGroups = 20'000;

  // Against what the log was proven.
  struct Proof {
    Checkpoint checkpoint;
    std::string vkey;
    bool key_trusted = false;  // the user gave the key
    struct OldCheckpoint {
      std::string name;
      std::uint64_t size = 0;
    };
    // The log goes on from these; those of an empty log are left out.
    std::vector<OldCheckpoint> old_checkpoints;
  };
  // Who asked for what, and what for; the most granted first.
  struct Access {
    std::string principal;
    std::string action;  // "TRAIN"
    std::string dataset;
    std::string purpose;
    std::set<std::string> columns;  // released
    std::uint64_t granted = 0;
    std::uint64_t denied = 0;
    std::uint64_t succeeded = 0;
    std::uint64_t failed = 0;  // or abandoned
    absl::Time last;
  };
  struct Denials {
    std::string reason;
    std::uint64_t count = 0;
    std::set<std::string> principals;
    std::uint64_t last_index = 0;
    absl::Time last;
  };
  struct FirstSeen {
    std::string principal;
    std::uint64_t index = 0;
    absl::Time time;
  };
  struct UnusualHour {
    std::string principal;
    int hour = 0;
    std::uint64_t requests = 0;  // at that hour in the period
    std::uint64_t before = 0;    // at all hours before the period
    std::uint64_t first_index = 0;
  };
  struct UnusualVolume {
    std::string principal;
    std::int64_t day = 0;  // since 1970
    std::uint64_t requests = 0;
    double usual = 0;  // mean of the days before the period that had any
  };
  struct BudgetPoint {
    absl::Time time;
    std::uint64_t index = 0;
    double epsilon = 0;         // of the run
    double ledger_epsilon = 0;  // of all runs after it
  };
  struct Budget {
    std::string dataset;
    std::string unit;
    double before = 0;  // of all runs when the period began
    std::vector<BudgetPoint> points;
  };
  struct DayCount {
    std::uint64_t granted = 0;
    std::uint64_t denied = 0;
  };

  absl::Time since;
  absl::Time until;
  Proof proof;

  std::uint64_t entries = 0;  // in the period
  std::uint64_t granted = 0;
  std::uint64_t denied = 0;
  std::uint64_t failed = 0;  // outcomes, abandoned ones included
  std::vector<Access> accesses;
  std::vector<Denials> denials;  // the most frequent first
  std::vector<FirstSeen> first_seen;
  std::vector<UnusualHour> unusual_hours;
  std::vector<UnusualVolume> unusual_volumes;
  std::map<std::int64_t, DayCount> days;  // since 1970; those with requests
  std::array<std::uint64_t, 24> hours{};
  std::vector<Budget> budgets;
  std::vector<Entry> keys;      // rotated, destroyed
  std::vector<Entry> reasons;   // that entries seal: opened, destroyed, or that denied
  std::vector<Entry> policies;  // signed, applied, put over data by a reseal; requests approved
  std::vector<Entry> dangling;  // begun before the end of the period, open at the log's end

  // By the list's name, "dangling"; "budgets" are points.
  std::map<std::string, std::uint64_t> left_out;
  std::uint64_t LeftOut(const std::string& list) const {
    const auto found = left_out.find(list);
    return found == left_out.end() ? 0 : found->second;
  }

  // Requests of the period of which custody could not say more.
  std::uint64_t without_executable = 0;
  std::map<std::string, std::uint64_t> by_trust;
};

// What counts as unusual; the views of a review print these rules.
inline constexpr std::uint64_t kMinRequestsBefore = 20;
inline constexpr std::uint64_t kMinActiveDaysBefore = 3;
inline constexpr std::uint64_t kMinRequestsOfADay = 10;
inline constexpr double kUnusualTimesMean = 3;
std::string UnusualHourRule();
std::string UnusualVolumeRule();

// Reads the whole log, as what is new or unusual shows only beside what came
// before, and checks that it goes on from each of `old`. `until` > `since`.
// DataLoss: an entry cannot be proven or is no known event, or errors of
// LogReader::CheckExtends(). OutOfRange: more groups than there may be, or open intents.
absl::StatusOr<AccessReview> ReviewAccess(LogReader& log, absl::Time since, absl::Time until,
                                          bool key_trusted, const std::vector<KeptCheckpoint>& old);

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_ACCESS_REVIEW_H_
