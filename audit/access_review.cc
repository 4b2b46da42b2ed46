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

  absl::Status Add(const Entry& entry) {
    const absl::Time time = TimeOf(entry.event.wall_time_ns());
    // Open intents are those at the log's end, whenever their outcome came.
    ST_RETURN_IF_ERROR(intents_.Add(entry.index, entry.event).status());
    if (time >= review_.until) return absl::OkStatus();
    if (time < review_.since) {
      AddBefore(entry, time);
    } else {
      AddWithin(entry, time);
    }
    for (const auto& [what, count] :
         {std::pair("principals", principals_.size()),
          std::pair("kinds of access", accesses_.size()), std::pair("reasons", denials_.size()),
          std::pair("budgets", budgets_.size())}) {
      if (count > AccessReview::kMaxGroups) {
        return absl::OutOfRangeError(absl::StrCat("entry ", entry.index, ": more than ",
                                                  AccessReview::kMaxGroups, " ", what,
                                                  ", too many for a review"));
      }
    }
    return absl::OkStatus();
  }

  // `log`: all of whose entries were added.
  absl::StatusOr<AccessReview> Finish(LogReader& log) {
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
    for (const OpenIntents::Open& open : intents_.Left()) {
      if (TimeOf(open.wall_time_ns) >= review_.until) continue;
      if (review_.dangling.size() == AccessReview::kMaxListed) {
        ++review_.left_out["dangling"];
        continue;
      }
      ST_RETURN_IF_ERROR(log.ForEach(open.index, open.index + 1, [this](const Entry& entry) {
        review_.dangling.push_back(entry);
        return true;
      }));
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
    std::uint64_t days_before = 0;  // on which it made any
    std::int64_t last_day_before = -1;
    std::array<HourInPeriod, 24> hours{};
    std::map<std::int64_t, std::uint64_t> days;
  };

  template <typename Item>
  void List(const char* name, std::vector<Item>& list,
            const typename std::vector<Item>::value_type& item) {
    if (list.size() < AccessReview::kMaxListed) {
      list.push_back(item);
    } else {
      ++review_.left_out[name];
    }
  }

  void AddBefore(const Entry& entry, absl::Time time) {
    const Event& event = entry.event;
    History& history = principals_[event.actor().principal()];
    if (SpendsBudget(event)) BudgetOf(event).before = event.privacy().ledger_epsilon();
    if (!IsRequest(event)) return;
    ++history.requests_before;
    ++history.hours_before[static_cast<std::size_t>(HourOf(time))];
    // The log is in the order of time, but for clocks that were set back.
    if (std::exchange(history.last_day_before, DayOf(time)) != DayOf(time)) ++history.days_before;
  }

  void AddWithin(const Entry& entry, absl::Time time) {
    const Event& event = entry.event;
    ++review_.entries;
    const auto [known, is_new] = principals_.try_emplace(event.actor().principal());
    if (is_new && !event.actor().principal().empty()) {
      List("first_seen", review_.first_seen, {event.actor().principal(), entry.index, time});
    }
    if (event.type() == KEY_ROTATED || event.type() == KEY_DESTROYED) {
      List("keys", review_.keys, entry);
    }
    if (IsOfReason(event.type())) return List("reasons", review_.reasons, entry);
    if (event.type() == POLICY_APPLIED || event.type() == POLICY_SIGNED ||
        event.type() == DATASET_RESEALED || event.type() == ACCESS_APPROVED) {
      List("policies", review_.policies, entry);
    }
    if (SpendsBudget(event)) {
      AddPoint({.time = time,
                .index = entry.index,
                .epsilon = event.privacy().epsilon(),
                .ledger_epsilon = event.privacy().ledger_epsilon()},
               BudgetOf(event).points);
    }
    if (IsRequest(event)) {
      AddRequest(entry, time, known->second);
    } else if (event.phase() != INTENT && !event.action().empty() && !event.purpose().empty()) {
      AddOutcome(event, time);
    }
  }

  void AddPoint(const AccessReview::BudgetPoint& point,
                std::vector<AccessReview::BudgetPoint>& points) {
    if (points.empty() || points_ < AccessReview::kMaxBudgetPoints) {
      points.push_back(point);
      ++points_;
    } else {
      points.back() = point;  // what is spent in the end is told
      ++review_.left_out["budgets"];
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
    if (event.phase() != SUCCEEDED) ++review_.failed;
    CountOutcome(event.phase(), time, AccessOf(event));
    // An ingestion is decided twice, and ends once.
    if (event.action() != "SEAL") return;
    const auto ingest = accesses_.find(KeyOf(event, "INGEST"));
    if (ingest != accesses_.end()) CountOutcome(event.phase(), time, ingest->second);
  }

  static void CountOutcome(Phase phase, absl::Time time, AccessReview::Access& access) {
    access.last = time;
    ++(phase == SUCCEEDED ? access.succeeded : access.failed);
  }

  void FindUnusual(const std::string& principal, const History& history) {
    if (history.requests_before >= kMinRequestsBefore) {
      for (int hour = 0; hour < 24; ++hour) {
        const HourInPeriod& within = history.hours[static_cast<std::size_t>(hour)];
        const auto before = [&](int h) {
          return history.hours_before[static_cast<std::size_t>((h + 24) % 24)];
        };
        if (within.requests > 0 && before(hour - 1) + before(hour) + before(hour + 1) == 0) {
          List("unusual_hours", review_.unusual_hours,
               {.principal = principal,
                .hour = hour,
                .requests = within.requests,
                .before = history.requests_before,
                .first_index = within.first_index});
        }
      }
    }
    if (history.days_before < kMinActiveDaysBefore) return;
    const double usual =
        static_cast<double>(history.requests_before) / static_cast<double>(history.days_before);
    for (const auto& [day, requests] : history.days) {
      if (requests >= kMinRequestsOfADay &&
          static_cast<double>(requests) > kUnusualTimesMean * usual) {
        List("unusual_volumes", review_.unusual_volumes,
             {.principal = principal, .day = day, .requests = requests, .usual = usual});
      }
    }
  }

  using AccessKey = std::tuple<std::string, std::string, std::string, std::string>;
  static AccessKey KeyOf(const Event& event, const std::string& action) {
    return {event.actor().principal(), action, event.object().dataset(), event.purpose()};
  }

  AccessReview::Access& AccessOf(const Event& event) {
    AccessReview::Access& access = accesses_[KeyOf(event, event.action())];
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
  std::map<AccessKey, AccessReview::Access> accesses_;
  std::map<std::string, AccessReview::Denials> denials_;
  std::map<std::pair<std::string, std::string>, AccessReview::Budget> budgets_;
  std::size_t points_ = 0;  // of all budgets
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
  absl::Status added;
  ST_RETURN_IF_ERROR(log.ForEach(0, log.checkpoint().size, [&](const Entry& entry) {
    added = reviewer.Add(entry);
    return added.ok();
  }));
  ST_RETURN_IF_ERROR(added);
  ST_ASSIGN_OR_RETURN(AccessReview review, reviewer.Finish(log));
  review.proof = {.checkpoint = log.checkpoint(),
                  .vkey = log.vkey(),
                  .key_trusted = key_trusted,
                  .old_checkpoints = {}};
  for (const KeptCheckpoint& kept : old) {
    const std::uint64_t size = SignedSize(kept, log.keys());
    if (size > 0) review.proof.old_checkpoints.push_back({kept.name, size});
  }
  return review;
}

}  // namespace sealtrain::audit
