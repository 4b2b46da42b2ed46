#include <nlohmann/json.hpp>

#include "sealtrain/audit/access_review_view.h"
#include "sealtrain/audit/event_time.h"
#include "sealtrain/audit/event_view.h"
#include "sealtrain/audit/text_encoding.h"

namespace sealtrain::audit {
namespace {

using ReviewJson = nlohmann::ordered_json;

template <typename Items, typename MakeOne>
ReviewJson ArrayOf(const Items& items, MakeOne make_one) {
  ReviewJson array = ReviewJson::array();
  for (const auto& item : items) array.push_back(make_one(item));
  return array;
}

ReviewJson EntryToJson(const Entry& entry) { return ToJson(entry); }

ReviewJson AccessToJson(const AccessReview::Access& access) {
  return {{"principal", access.principal}, {"action", access.action},
          {"dataset", access.dataset},     {"purpose", access.purpose},
          {"columns", access.columns},     {"granted", access.granted},
          {"denied", access.denied},       {"succeeded", access.succeeded},
          {"failed", access.failed},       {"last", FormatSeconds(access.last)}};
}

ReviewJson DenialsToJson(const AccessReview::Denials& denials) {
  return {{"reason", denials.reason},
          {"count", denials.count},
          {"principals", denials.principals},
          {"last_index", denials.last_index},
          {"last", FormatSeconds(denials.last)}};
}

ReviewJson BudgetToJson(const AccessReview::Budget& budget) {
  return {{"dataset", budget.dataset},
          {"unit", budget.unit},
          {"before", budget.before},
          {"points", ArrayOf(budget.points, [](const AccessReview::BudgetPoint& point) {
             return ReviewJson{{"time", FormatSeconds(point.time)},
                               {"index", point.index},
                               {"epsilon", point.epsilon},
                               {"ledger_epsilon", point.ledger_epsilon}};
           })}};
}

}  // namespace

nlohmann::ordered_json ReviewToJson(const AccessReview& review) {
  const Checkpoint& checkpoint = review.proof.checkpoint;
  return {{"since", review.since == absl::InfinitePast() ? "" : FormatSeconds(review.since)},
          {"until", FormatSeconds(review.until)},
          {"entries", review.entries},
          {"granted", review.granted},
          {"denied", review.denied},
          {"failed", review.failed},
          {"accesses", ArrayOf(review.accesses, AccessToJson)},
          {"denials", ArrayOf(review.denials, DenialsToJson)},
          {"first_seen", ArrayOf(review.first_seen,
                                 [](const AccessReview::FirstSeen& seen) {
                                   return ReviewJson{{"principal", seen.principal},
                                                     {"index", seen.index},
                                                     {"time", FormatSeconds(seen.time)}};
                                 })},
          {"unusual_hours", ArrayOf(review.unusual_hours,
                                    [](const AccessReview::UnusualHour& hour) {
                                      return ReviewJson{{"principal", hour.principal},
                                                        {"hour", hour.hour},
                                                        {"requests", hour.requests},
                                                        {"before", hour.before},
                                                        {"first_index", hour.first_index}};
                                    })},
          {"unusual_volumes", ArrayOf(review.unusual_volumes,
                                      [](const AccessReview::UnusualVolume& volume) {
                                        return ReviewJson{{"principal", volume.principal},
                                                          {"day", ReviewDay(volume.day)},
                                                          {"requests", volume.requests},
                                                          {"usual", volume.usual}};
                                      })},
          {"days", ArrayOf(review.days,
                           [](const auto& day) {
                             return ReviewJson{{"day", ReviewDay(day.first)},
                                               {"granted", day.second.granted},
                                               {"denied", day.second.denied}};
                           })},
          {"hours", review.hours},
          {"budgets", ArrayOf(review.budgets, BudgetToJson)},
          {"keys", ArrayOf(review.keys, EntryToJson)},
          {"reasons", ArrayOf(review.reasons, EntryToJson)},
          {"policies", ArrayOf(review.policies, EntryToJson)},
          {"dangling", ArrayOf(review.dangling, EntryToJson)},
          {"left_out", review.left_out},
          {"definitions",
           {{"unusual_hour", UnusualHourRule()}, {"unusual_volume", UnusualVolumeRule()}}},
          {"proof",
           {{"origin", checkpoint.origin},
            {"size", checkpoint.size},
            {"root", EncodeBase64(checkpoint.root)},
            {"key", review.proof.vkey},
            {"key_trusted", review.proof.key_trusted},
            {"old_checkpoints", ArrayOf(review.proof.old_checkpoints,
                                        [](const AccessReview::Proof::OldCheckpoint& old) {
                                          return ReviewJson{{"name", old.name}, {"size", old.size}};
                                        })}}},
          {"never_verified", NeverVerified(review)}};
}

}  // namespace sealtrain::audit
