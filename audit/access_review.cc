#include "sealtrain/audit/access_review.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/audit/event_time.h"
#include "sealtrain/audit/open_intents.h"
#include "sealtrain/base/status_macros.h"

namespace sealtrain::audit {
namespace {

bool IsAccess(EventType type) {
  return type == SEAL_ACCESS || type == TRAIN_ACCESS || type == EVALUATE_ACCESS ||
         type == DATASET_RESEALED || type == MODEL_EXPORTED;
}

bool IsOfReason(EventType type) { return type == AUDIT_READ || type == ENTRY_REDACTED; }

bool IsRequest(const Event& event) {
  return IsAccess(event.type()) && (event.phase() == INTENT || event.phase() == DENIED);
}

// Of an export it says what the model cost when it was made.
bool SpendsBudget(const Event& event) {
  return event.has_privacy() && event.type() != MODEL_EXPORTED;
}

std::int64_t DayOf(absl::Time time) {
  return absl::ToUnixSeconds(time) / absl::ToInt64Seconds(absl::Hours(24));
}
int HourOf(absl::Time time) { return absl::ToCivilHour(time, absl::UTCTimeZone()).hour(); }

class Reviewer {
 public:
  Reviewer(absl::Time since, absl::Time until) {
    review_.since = since;
    review_.until = until;
  }

  void Add(const Entry& entry) {
    const absl::Time time = TimeOf(entry.event.wall_time_ns());
    // Open intents are those at the log's end, whenever their outcome came.
    intents_.Add(entry);
    if (time >= review_.until) return;
    if (time < review_.since) {
      AddBefore(entry, time);
    } else {
      AddWithin(entry, time);
    }
  }

  AccessReview Finish() {
    for (auto& [key, access] : accesses_) review_.accesses.push_back(std::move(access));
    std::stable_sort(review_.accesses.begin(), review_.accesses.end(),
                     [](const auto& a, const auto& b) {
                       return std::pair(a.granted, a.denied) > std::pair(b.granted, b.denied);
                     });
    for (auto& [reason, denials] : denials_) review_.denials.push_back(std::move(denials));
    std::stable_sort(review_.denials.begin(), review_.denials.end(),
                     [](const auto& a, const auto& b) { return a.count > b.count; });
    for (auto& [key, budget] : budgets_) {
      if (!budget.points.empty()) review_.budgets.push_back(std::move(budget));
    }
    for (Entry& entry : intents_.Left()) {
      if (TimeOf(entry.event.wall_time_ns()) < review_.until) {
        review_.dangling.push_back(std::move(entry));
      }
    }
    for (const auto& [principal, history] : principals_) FindUnusual(principal, history);
    return std::move(review_);
  }

 private:
  struct HourInPeriod {
    std::uint64_t requests = 0;
    std::uint64_t first_index = 0;
  };
  // What is known of a principal.
  struct History {
    std::uint64_t requests_before = 0;
    std::array<std::uint64_t, 24> hours_before{};
    std::set<std::int64_t> days_before;
    std::array<HourInPeriod, 24> hours{};
    std::map<std::int64_t, std::uint64_t> days;
  };

  void AddBefore(const Entry& entry, absl::Time time) {
    const Event& event = entry.event;
    History& history = principals_[event.actor().principal()];
    if (SpendsBudget(event)) BudgetOf(event).before = event.privacy().ledger_epsilon();
    if (!IsRequest(event)) return;
    ++history.requests_before;
    ++history.hours_before[static_cast<std::size_t>(HourOf(time))];
    history.days_before.insert(DayOf(time));
  }

  void AddWithin(const Entry& entry, absl::Time time) {
    const Event& event = entry.event;
    ++review_.entries;
    const auto [known, is_new] = principals_.try_emplace(event.actor().principal());
    if (is_new && !event.actor().principal().empty()) {
      review_.first_seen.push_back({event.actor().principal(), entry.index, time});
    }
    if (event.type() == KEY_ROTATED || event.type() == KEY_DESTROYED) review_.keys.push_back(entry);
    if (IsOfReason(event.type())) return review_.reasons.push_back(entry);
    if (event.type() == POLICY_APPLIED || event.type() == POLICY_SIGNED ||
        event.type() == DATASET_RESEALED || event.type() == ACCESS_APPROVED) {
      review_.policies.push_back(entry);
    }
    if (SpendsBudget(event)) {
      BudgetOf(event).points.push_back({.time = time,
                                        .index = entry.index,
                                        .epsilon = event.privacy().epsilon(),
                                        .ledger_epsilon = event.privacy().ledger_epsilon()});
    }
    if (IsRequest(event)) {
      AddRequest(entry, time, known->second);
    } else if (event.phase() != INTENT && !event.action().empty() && !event.purpose().empty()) {
      AddOutcome(event, time);
    }
  }

  void AddRequest(const Entry& entry, absl::Time time, History& history) {
    const Event& event = entry.event;
    const bool granted = event.phase() == INTENT;
    AccessReview::DayCount& day = review_.days[DayOf(time)];
    AccessReview::Access& access = AccessOf(event);
    access.last = time;
    if (granted) {
      ++review_.granted;
      ++day.granted;
      ++access.granted;
      access.columns.insert(event.object().column().begin(), event.object().column().end());
    } else {
      ++review_.denied;
      ++day.denied;
      ++access.denied;
      AccessReview::Denials& denials = denials_[event.reason_code()];
      denials.reason = event.reason_code();
      ++denials.count;
      denials.principals.insert(event.actor().principal());
      denials.last_index = entry.index;
      denials.last = time;
    }
    const auto hour = static_cast<std::size_t>(HourOf(time));
    ++review_.hours[hour];
    if (history.hours[hour].requests++ == 0) history.hours[hour].first_index = entry.index;
    ++history.days[DayOf(time)];
    if (event.actor().executable_sha256().empty()) ++review_.without_executable;
    ++review_.by_trust[event.actor().trust()];
  }

  void AddOutcome(const Event& event, absl::Time time) {
    AccessReview::Access& access = AccessOf(event);
    access.last = time;
    if (event.phase() == SUCCEEDED) {
      ++access.succeeded;
    } else {
      ++access.failed;
      ++review_.failed;
    }
  }

  void FindUnusual(const std::string& principal, const History& history) {
    if (history.requests_before >= kMinRequestsBefore) {
      for (int hour = 0; hour < 24; ++hour) {
        const HourInPeriod& within = history.hours[static_cast<std::size_t>(hour)];
        const auto before = [&](int h) {
          return history.hours_before[static_cast<std::size_t>((h + 24) % 24)];
        };
        if (within.requests > 0 && before(hour - 1) + before(hour) + before(hour + 1) == 0) {
          review_.unusual_hours.push_back({.principal = principal,
                                           .hour = hour,
                                           .requests = within.requests,
                                           .before = history.requests_before,
                                           .first_index = within.first_index});
        }
      }
    }
    if (history.days_before.size() < kMinActiveDaysBefore) return;
    const double usual = static_cast<double>(history.requests_before) /
                         static_cast<double>(history.days_before.size());
    for (const auto& [day, requests] : history.days) {
      if (requests >= kMinRequestsOfADay &&
          static_cast<double>(requests) > kUnusualTimesMean * usual) {
        review_.unusual_volumes.push_back(
            {.principal = principal, .day = day, .requests = requests, .usual = usual});
      }
    }
  }

  AccessReview::Access& AccessOf(const Event& event) {
    AccessReview::Access& access = accesses_[{event.actor().principal(), event.action(),
                                              event.object().dataset(), event.purpose()}];
    access.principal = event.actor().principal();
    access.action = event.action();
    access.dataset = event.object().dataset();
    access.purpose = event.purpose();
    return access;
  }

  AccessReview::Budget& BudgetOf(const Event& event) {
    AccessReview::Budget& budget = budgets_[{event.object().dataset(), event.privacy().unit()}];
    budget.dataset = event.object().dataset();
    budget.unit = event.privacy().unit();
    return budget;
  }

  AccessReview review_;
  OpenIntents intents_;
  std::map<std::string, History> principals_;
  std::map<std::tuple<std::string, std::string, std::string, std::string>, AccessReview::Access>
      accesses_;
  std::map<std::string, AccessReview::Denials> denials_;
  std::map<std::pair<std::string, std::string>, AccessReview::Budget> budgets_;
};

}  // namespace

std::string UnusualHourRule() {
  return absl::StrCat("A request is at an unusual hour if its principal made at least ",
                      kMinRequestsBefore,
                      " requests before the period, none of them at that hour of the day (UTC) or "
                      "at the one before or after it.");
}

std::string UnusualVolumeRule() {
  return absl::StrCat("A day is of unusual volume for a principal with at least ",
                      kMinRequestsOfADay, " requests on it, if these are more than ",
                      kUnusualTimesMean,
                      " times the mean of the days before the period on which it made any; judged "
                      "are principals with at least ",
                      kMinActiveDaysBefore, " such days.");
}

absl::StatusOr<AccessReview> ReviewAccess(LogReader& log, absl::Time since, absl::Time until,
                                          bool key_trusted,
                                          const std::vector<KeptCheckpoint>& old) {
  for (const KeptCheckpoint& kept : old) ST_RETURN_IF_ERROR(log.CheckExtends(kept));
  Reviewer reviewer(since, until);
  ST_RETURN_IF_ERROR(log.ForEach(0, log.checkpoint().size, [&](const Entry& entry) {
    reviewer.Add(entry);
    return true;
  }));
  AccessReview review = reviewer.Finish();
  review.proof = {.checkpoint = log.checkpoint(),
                  .vkey = log.vkey(),
                  .key_trusted = key_trusted,
                  .old_checkpoints = {}};
  for (const KeptCheckpoint& kept : old) {
    if (SignsEntries(kept, log.keys())) review.proof.old_checkpoints.push_back(kept.name);
  }
  return review;
}

}  // namespace sealtrain::audit
