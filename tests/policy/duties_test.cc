#include "sealtrain/policy/duties.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/types/span.h"
#include "sealtrain/policy/explain.h"
#include "sealtrain/policy/sealed_decision.h"
#include "sealtrain/tests/policy/policy_texts.h"

namespace sealtrain::policy {
namespace {

using ::testing::IsEmpty;
using testing::MakeColumn;
using testing::MakeTransform;
using testing::MustLoad;
using ::testing::Pair;
using testing::TrainRequest;
using ::testing::UnorderedElementsAre;

// A permit for ann on texts and labels, on a line of its own.
std::string Permit(const std::string& id, const std::string& obligations,
                   const std::string& more = "", const std::string& action = "TRAIN") {
  return absl::StrCat("rule { id: \"", id, "\" permit { ", obligations,
                      " } scope { principal: \"ann\" action: ", action,
                      " dataset: \"mails/*\" purpose: \"safety\" data_class: LABEL data_class: "
                      "FREE_TEXT } ",
                      more, " }\n");
}

std::string Treat(const std::string& kind) {
  return "obligation { transform { on_class: FREE_TEXT kind: " + kind + " } } ";
}

Request TextRequest(Action action = TRAIN) {
  Request request = TrainRequest({MakeColumn("text", {FREE_TEXT}), MakeColumn("spam", {LABEL})});
  request.action = action;
  return request;
}

// "NAME COLUMN VALUE" of each duty, with its rules.
std::map<std::string, std::string> Traced(const std::vector<LoadedPolicy>& sets,
                                          const Request& request) {
  Decision decision = DecideSealed(sets, request);
  EXPECT_TRUE(decision.allow) << decision.reason;
  TraceDuties(sets, request, decision);
  std::map<std::string, std::string> duties;
  for (const Duty& duty : decision.duties) {
    duties[absl::StrCat(duty.name, duty.column.empty() ? "" : " of ", duty.column, ": ",
                        duty.value)] = DescribeSources(decision, duty);
  }
  return duties;
}

std::vector<LoadedPolicy> DutySets(const std::vector<std::string>& texts) {
  std::vector<LoadedPolicy> sets;
  for (const std::string& text : texts) sets.push_back(MustLoad(text));
  return sets;
}

TEST(TraceDuties, NamesTheStrictestRuleOfEachNumber) {
  const auto dp = [](const char* numbers) {
    return absl::StrCat("obligation { dp { ", numbers, " } } ");
  };
  const auto sets = DutySets(
      {Permit("a", Treat("KEEP") +
                       dp("epsilon_max: 3 delta_max: 1e-5 unit: RECORD "
                          "ledger_epsilon: 9") +
                       "obligation { lease { seconds: 60 } } obligation { max_opens: 4 }"
                       "obligation { release { epsilon_max: 1 delta_max: 1e-5 unit: SUBJECT "
                       "max_bytes: 7 } }") +
       Permit("b", dp("epsilon_max: 5 delta_max: 1e-6 unit: SUBJECT ledger_epsilon: 9") +
                       "obligation { lease { seconds: 60 } } obligation { max_opens: 9 }"
                       "obligation { retention { seconds: 172800 } }"
                       "obligation { release { epsilon_max: 2 delta_max: 1e-6 unit: SUBJECT "
                       "max_bytes: 9 } }")});
  EXPECT_THAT(
      Traced(sets, TextRequest()),
      UnorderedElementsAre(
          Pair("transform of text: KEEP", "a (line 2)"), Pair("dp.epsilon_max: 3", "a (line 2)"),
          Pair("dp.delta_max: 1e-06", "b (line 3)"), Pair("dp.unit: SUBJECT", "b (line 3)"),
          Pair("dp.ledger_epsilon: 9", "a (line 2), b (line 3)"),
          Pair("lease: 1m", "a (line 2), b (line 3)"), Pair("retention: 2 days", "b (line 3)"),
          Pair("max_opens: 4", "a (line 2)"), Pair("release.epsilon_max: 1", "a (line 2)"),
          Pair("release.delta_max: 1e-06", "b (line 3)"),
          Pair("release.unit: SUBJECT", "a (line 2), b (line 3)"),
          Pair("release.max_bytes: 7", "a (line 2)")));
}

TEST(TraceDuties, NamesWhatTheReviewHasToDo) {
  const auto sets = DutySets(
      {Permit("a",
              Treat("KEEP") + "obligation { text_scan { on_class: FREE_TEXT look_for: IBAN "
                              "look_for: EMAIL_ADDRESS then: SCRUB } }"
                              "obligation { k_anonymity { k: 5 max_suppressed: 0.5 } }",
              "", "SEAL") +
       Permit("b",
              Treat("KEEP") + "obligation { text_scan { on_class: FREE_TEXT look_for: IBAN "
                              "then: REFUSE } }"
                              "obligation { k_anonymity { k: 2 max_suppressed: 0 } }",
              "", "SEAL")});
  EXPECT_THAT(Traced(sets, TextRequest(SEAL)),
              UnorderedElementsAre(Pair("transform of text: KEEP", "a (line 2), b (line 3)"),
                                   Pair("text_scan.IBAN of text: REFUSE", "b (line 3)"),
                                   Pair("text_scan.EMAIL_ADDRESS of text: SCRUB", "a (line 2)"),
                                   Pair("k_anonymity.k: 5", "a (line 2)"),
                                   Pair("k_anonymity.max_suppressed: 0", "b (line 3)")));
  // Two rules may share what is strictest.
  const auto both =
      DutySets({Permit("a", Treat("TRUNCATE_IP prefix_v4: 8 prefix_v6: 64"), "", "SEAL") +
                Permit("b", Treat("TRUNCATE_IP prefix_v4: 16 prefix_v6: 32"), "", "SEAL") +
                Permit("c", Treat("TRUNCATE_IP prefix_v4: 16 prefix_v6: 64"), "", "SEAL")});
  EXPECT_THAT(Traced(both, TextRequest(SEAL)),
              UnorderedElementsAre(Pair("transform of text: TRUNCATE_IP, IPv4 /8, IPv6 /32",
                                        "a (line 2), b (line 3)")));
}

TEST(TraceDuties, TellsWhatAColumnHadToBeSealedUnder) {
  const auto sets = DutySets({Permit("a", Treat("KEEP")) + Permit("b", Treat("BUCKET step: 5"))});
  Request request = TextRequest();
  request.columns[0].applied = MakeTransform(BUCKET);
  EXPECT_THAT(Traced(sets, request),
              UnorderedElementsAre(Pair("transform of text: BUCKET, step 5", "b (line 3)")));
  request.columns[0].applied = MakeTransform(DROP);
  EXPECT_THAT(Traced(sets, request),
              UnorderedElementsAre(Pair("transform of text: DROP", "the review that sealed it")));
}

TEST(TraceDuties, SaysOfWhichVersionADutyIs) {
  const std::string earlier = Permit(
      "old", Treat("KEEP") + "obligation { max_opens: 2 } obligation { lease { seconds: 90 } }");
  const std::string later = "\n" + Permit("new", Treat("DROP") +
                                                     "obligation { max_opens: 5 } "
                                                     "obligation { lease { seconds: 60 } }");
  std::vector<LoadedPolicy> both = DutySets({earlier});
  absl::StatusOr<LoadedPolicy> second = LoadedPolicy::Load(
      absl::StrReplaceAll(testing::PolicyText(later),
                          {{"version: 1 ", absl::StrCat("version: 2 previous_sha256: \"",
                                                        HexEncode(both[0].sha256()), "\" ")}}),
      "p");
  ASSERT_OK(second);
  both.push_back(*std::move(second));
  Request request = TextRequest();
  request.sealed_under = {both[0].sha256()};
  EXPECT_THAT(Traced(both, request),
              UnorderedElementsAre(Pair("transform of text: DROP", "new (line 3)"),
                                   Pair("max_opens: 2", "old (line 2 of version 1)"),
                                   Pair("lease: 1m", "new (line 3)")));
  // Data that do not stand under it owe it nothing.
  request.sealed_under = {both[1].sha256()};
  EXPECT_THAT(Traced(both, request)["max_opens: 5"], "new (line 3)");
}

TEST(TraceDuties, OfSetsThatCannotBeComparedAreThoseOfEach) {
  std::vector<LoadedPolicy> sets =
      DutySets({Permit("old", Treat("BUCKET step: 5")) + Permit("older", Treat("BUCKET step: 2"))});
  absl::StatusOr<LoadedPolicy> second = LoadedPolicy::Load(
      absl::StrReplaceAll(
          testing::PolicyText(Permit("new", Treat("TRUNCATE_IP prefix_v4: 8 prefix_v6: 8"))),
          {{"version: 1 ",
            absl::StrCat("version: 2 previous_sha256: \"", HexEncode(sets[0].sha256()), "\" ")}}),
      "p");
  ASSERT_OK(second);
  sets.push_back(*std::move(second));
  Request request = TextRequest();
  request.sealed_under = {sets[0].sha256()};
  request.columns[0].applied = MakeTransform(REDACT);  // stricter than both
  EXPECT_THAT(
      Traced(sets, request),
      UnorderedElementsAre(Pair("transform of text: TRUNCATE_IP, IPv4 /8, IPv6 /8", "new (line 2)"),
                           Pair("transform of text: BUCKET, step 5", "old (line 2 of version 1)")));
  request.columns[0].applied = MakeTransform(DROP);
  EXPECT_THAT(Traced(sets, request),
              UnorderedElementsAre(Pair("transform of text: DROP", "the review that sealed it")));
}

TEST(TraceDuties, NamesWhoseApprovalsItTakes) {
  // PolicyText has one approver.
  const auto traced = [](const std::string& rules) {
    absl::StatusOr<LoadedPolicy> set = LoadedPolicy::Load(
        absl::StrReplaceAll(
            testing::PolicyText(rules),
            {{"approver {", absl::StrCat("approver { name: \"grace\" public_key: \"",
                                         std::string(64, 'b'), "\" } approver {")}}),
        "p");
    EXPECT_OK(set);
    std::vector<LoadedPolicy> sets;
    sets.push_back(*std::move(set));
    Request request = TextRequest();
    request.approvals = 2;
    return Traced(sets, request);
  };
  const std::string asking = Permit("a", Treat("KEEP"), "when { approvals_at_least: 1 }");
  EXPECT_EQ(traced(asking)["approvals_at_least: 1"], "a (line 2)");
  EXPECT_EQ(traced(asking + "rule { id: \"no\" forbid {} scope { principal: \"any\" action: TRAIN "
                            "dataset: \"*\" purpose: \"safety\" } unless { "
                            "approvals_at_least: 2 } }")["approvals_at_least: 2"],
            "no (line 3)");
  // Nobody needs approvals for what is allowed without.
  EXPECT_THAT(
      traced(Permit("a", Treat("KEEP")) + Permit("b", "", "when { approvals_at_least: 1 }")),
      UnorderedElementsAre(Pair("transform of text: KEEP", "a (line 2)")));
}

TEST(TraceDuties, OfADenialAreNone) {
  const auto sets = DutySets({Permit("a", Treat("KEEP"))});
  Request request = TextRequest();
  request.principal = "eve";
  Decision decision = DecideSealed(sets, request);
  decision.duties.emplace_back();
  TraceDuties(sets, request, decision);
  EXPECT_THAT(decision.duties, IsEmpty());
}

}  // namespace
}  // namespace sealtrain::policy
