#include "sealtrain/audit/open_intents.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace sealtrain::audit {

const std::string& RequestOf(const Event& event) {
  return event.request_uid().empty() ? event.uid() : event.request_uid();
}

absl::StatusOr<bool> OpenIntents::Add(std::uint64_t index, const Event& event) {
  if (event.phase() == INTENT) {
    if (count_ == kMaxOpen) {
      return absl::OutOfRangeError(
          absl::StrCat("entry ", index, ": more than ", kMaxOpen,
                       " intents have no outcome, which is no log that custody writes"));
    }
    open_[RequestOf(event)].push_back({.index = index, .wall_time_ns = event.wall_time_ns()});
    ++count_;
    return false;
  }
  const auto ended = open_.find(RequestOf(event));
  if (ended == open_.end()) return false;
  count_ -= ended->second.size();
  open_.erase(ended);
  return true;
}

std::vector<OpenIntents::Open> OpenIntents::Left() const {
  std::vector<Open> left;
  for (const auto& [request, intents] : open_) {
    left.insert(left.end(), intents.begin(), intents.end());
  }
  std::sort(left.begin(), left.end(),
            [](const Open& a, const Open& b) { return a.index < b.index; });
  return left;
}

}  // namespace sealtrain::audit
