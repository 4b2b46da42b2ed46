// What a decision allocates.
#include <cstddef>
#include <cstdlib>
#include <new>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "sealtrain/policy/loaded_policy.h"
#include "sealtrain/tests/policy/policy_texts.h"

namespace {

std::size_t allocations = 0;

}  // namespace

// Those of the libraries too.
void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace sealtrain::policy {
namespace {

using testing::MakeColumn;
using testing::MakeTransform;
using testing::MustLoad;
using testing::TrainRequest;

template <typename Make>
std::size_t AllocationsOf(Make make) {
  const std::size_t before = allocations;
  const auto made = make();
  return allocations - before;
}

// A copy allocates what the answer owns and nothing else.
void ExpectNothingElseAllocated(const LoadedPolicy& policy, const Request& request) {
  const Decision decision = policy.Decide(request);
  ASSERT_TRUE(decision.allow) << decision.reason;
  const std::size_t owned = AllocationsOf([&] { return Decision(decision); });
  EXPECT_GT(owned, 0U);
  EXPECT_EQ(AllocationsOf([&] { return policy.Decide(request); }), owned);
}

// Longer than what a string holds in itself.
const std::string kLong = "a name that is longer than the room in a string";

TEST(Decide, AllocatesNothingButTheAnswerToOpen) {
  const LoadedPolicy policy = MustLoad(R"(rule { id: ")" + kLong + R"(" permit {
        obligation { transform { on_class: CONTACT kind: PSEUDONYMIZE domain: ")" +
                                       kLong + R"(" } }
        obligation { transform { on_class: FREE_TEXT kind: KEEP } }
        obligation { dp { epsilon_max: 3 delta_max: 1e-6 unit: SUBJECT ledger_epsilon: 8 } }
        obligation { lease { seconds: 60 } } }
      scope { principal: "group:team" action: TRAIN dataset: "mails/*" purpose: "safety"
        data_class: CONTACT data_class: FREE_TEXT data_class: LABEL } when { trust_at_least: LOCKED } }
      rule { id: "lent" permit { obligation { max_opens: 7 }
        obligation { dp { epsilon_max: 4 delta_max: 1e-7 unit: RECORD ledger_epsilon: 8 } } }
      scope { principal: "ann" action: TRAIN dataset: "*" purpose: "safety" data_class: LABEL } }
      rule { id: "no" forbid {} scope { principal: "any" action: TRAIN dataset: "mails/a"
        purpose: "safety" data_class: CREDENTIAL } })");
  Request request = TrainRequest(
      {MakeColumn(kLong, {CONTACT}), MakeColumn("body", {FREE_TEXT}), MakeColumn("spam", {LABEL})});
  request.columns[0].applied = MakeTransform(PSEUDONYMIZE);
  request.columns[0].applied->set_domain(kLong);
  ExpectNothingElseAllocated(policy, request);
}

TEST(Decide, AllocatesNothingButTheAnswerToSeal) {
  const LoadedPolicy policy = MustLoad(
      R"(rule { id: "in" permit {
        obligation { transform { on_class: SUBJECT_KEY kind: PSEUDONYMIZE domain: ")" +
      kLong + R"(" } }
        obligation { transform { on_class: FREE_TEXT kind: KEEP } }
        obligation { transform { on_class: CONTACT kind: REDACT } }
        obligation { text_scan { on_class: FREE_TEXT on_class: CONTACT look_for: IBAN look_for: EMAIL_ADDRESS
          then: SCRUB } }
        obligation { retention { seconds: 60 } } }
      scope { principal: "ann" action: SEAL dataset: "mails/a" purpose: "safety"
        data_class: SUBJECT_KEY data_class: CONTACT data_class: FREE_TEXT } })");
  Request request = TrainRequest({MakeColumn("user", {SUBJECT_KEY}),
                                  MakeColumn("body", {FREE_TEXT}), MakeColumn("phone", {CONTACT})});
  request.action = SEAL;
  ExpectNothingElseAllocated(policy, request);
}

}  // namespace
}  // namespace sealtrain::policy
