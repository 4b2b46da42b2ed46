// Approvals of a policy: whatever is accepted consists of lines that the
// approvers really made.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "sealtrain/custody/policy_approval.h"

namespace {

using sealtrain::AsText;
using sealtrain::ByteSpan;

constexpr char kPolicy[] = "id: \"mails\"\n";

struct Approvers {
  Approvers() {
    for (const char* name : {"ada", "bob"}) {
      auto seed = *sealtrain::crypto::SecretBytes::Allocate(32);
      for (std::size_t i = 0; i < seed.size(); ++i) {
        // Ada's is the seed of the example in docs/formats/home.md.
        seed.mutable_span()[i] = static_cast<std::uint8_t>(name[0] == 'a' ? i : 2 * i);
      }
      const auto key = *sealtrain::crypto::SigningKey::FromSeed(seed);
      auto& approver = *rule.add_approver();
      approver.set_name(name);
      approver.set_public_key(sealtrain::HexEncode(key.public_key()));
      lines.push_back(*sealtrain::custody::ApprovePolicy(kPolicy, name, key));
    }
  }
  sealtrain::policy::Approval rule;
  std::vector<std::string> lines;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Approvers* const approvers = new Approvers;
  const absl::string_view text = AsText(ByteSpan(data, size));
  const auto names = sealtrain::custody::VerifyApprovals(kPolicy, text, approvers->rule);
  if (!names.ok()) return 0;
  if (names->size() > approvers->lines.size()) std::abort();
  absl::string_view rest = text;
  while (!rest.empty()) {
    bool known = false;
    for (const std::string& line : approvers->lines) {
      if (rest.substr(0, line.size()) == line) {
        rest.remove_prefix(line.size());
        known = true;
        break;
      }
    }
    if (!known) std::abort();
  }
  return 0;
}
