#include "sealtrain/audit/open_intents.h"

#include <algorithm>

namespace sealtrain::audit {

const std::string& RequestOf(const Event& event) {
  return event.request_uid().empty() ? event.uid() : event.request_uid();
}

bool OpenIntents::Add(const Entry& entry) {
  const std::string& request = RequestOf(entry.event);
  if (entry.event.phase() != INTENT) return open_.erase(request) > 0;
  open_[request].push_back(entry);
  return false;
}

std::vector<Entry> OpenIntents::Left() const {
  std::vector<Entry> left;
  for (const auto& [request, entries] : open_) {
    left.insert(left.end(), entries.begin(), entries.end());
  }
  std::sort(left.begin(), left.end(),
            [](const Entry& a, const Entry& b) { return a.index < b.index; });
  return left;
}

}  // namespace sealtrain::audit
