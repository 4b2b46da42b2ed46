// Trust policies. All witnesses together are always a quorum, none of them only
// where none is asked for, and one more never makes a quorum less.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "sealtrain/audit/trust_policy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using sealtrain::audit::TrustPolicy;
  const auto policy = TrustPolicy::Parse(sealtrain::AsText(sealtrain::ByteSpan(data, size)));
  if (!policy.ok()) return 0;
  std::vector<bool> cosigned(policy->witnesses().size(), false);
  bool quorum = policy->IsQuorum(cosigned);
  if (quorum != (policy->quorum() == "none")) std::abort();
  for (std::size_t i = 0; i < cosigned.size(); ++i) {
    cosigned[i] = true;
    const bool with_one_more = policy->IsQuorum(cosigned);
    if (quorum && !with_one_more) std::abort();
    quorum = with_one_more;
  }
  if (!quorum) std::abort();
  return 0;
}
