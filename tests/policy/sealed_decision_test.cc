#include "sealtrain/policy/sealed_decision.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sealtrain/tests/policy/policy_texts.h"

namespace sealtrain::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MakeColumn;
using testing::MakeTransform;
using testing::MustLoad;
using testing::TrainRequest;

// ann may train on labels and texts, under `obligations` and `more` of the rule.
LoadedPolicy Training(const std::string& obligations, const std::string& more = "") {
  return MustLoad(absl::StrCat(R"(rule { id: "train" permit { )", obligations, R"( }
    scope { principal: "ann" action: TRAIN action: EVALUATE dataset: "mails/*" purpose: "safety"
            data_class: LABEL data_class: FREE_TEXT } )",
                               more, " }"));
}
constexpr char kKeepText[] = "obligation { transform { on_class: FREE_TEXT kind: KEEP } } ";
constexpr char kDropText[] = "obligation { transform { on_class: FREE_TEXT kind: DROP } } ";

// The first set, and the second in force.
std::vector<LoadedPolicy> Sets(LoadedPolicy first, LoadedPolicy second) {
  std::vector<LoadedPolicy> sets;
  sets.push_back(std::move(first));
  sets.push_back(std::move(second));
  return sets;
}

Request RequestSealedUnder(const std::vector<Digest>& sets) {
  Request request = TrainRequest({MakeColumn("text", {FREE_TEXT}), MakeColumn("spam", {LABEL})});
  request.sealed_under = sets;
  return request;
}

TEST(SealedDecision, IsThatOfTheSetInForceForDataSealedUnderIt) {
  const auto sets = Sets(Training(kDropText), Training(kKeepText));
  const Decision decision = DecideSealed(sets, RequestSealedUnder({sets[1].sha256()}));
  ASSERT_TRUE(decision.allow) << decision.reason;
  EXPECT_EQ(decision.columns[0].transform.kind(), KEEP);
  EXPECT_TRUE(DecideSealed(sets, RequestSealedUnder({})).allow);
}

TEST(SealedDecision, TightensAtOnce) {
  const auto sets = Sets(Training(kKeepText), Training(kDropText));
  const Decision decision = DecideSealed(sets, RequestSealedUnder({sets[0].sha256()}));
  ASSERT_TRUE(decision.allow);
  EXPECT_EQ(decision.columns[0].transform.kind(), DROP);
  EXPECT_THAT(decision.columns[0].from_rules, ElementsAre("train"));
  const auto closed = Sets(Training(kKeepText), Training(kKeepText, "not_after { seconds: 1400 }"));
  EXPECT_EQ(DecideSealed(closed, RequestSealedUnder({closed[0].sha256()})).reason_code,
            "no_matching_permit");
}

TEST(SealedDecision, DoesNotLoosenATransform) {
  const auto sets = Sets(Training(kDropText), Training(kKeepText));
  const Decision decision = DecideSealed(sets, RequestSealedUnder({sets[0].sha256()}));
  ASSERT_TRUE(decision.allow);
  EXPECT_EQ(decision.columns[0].transform.kind(), DROP);
  EXPECT_THAT(decision.columns[0].from_rules, ElementsAre("train of version 1"));
  EXPECT_EQ(decision.columns[1].transform.kind(), KEEP);
  EXPECT_EQ(decision.policy_sha256, sets[1].sha256());
}

TEST(SealedDecision, DoesNotLoosenPrivacyOrLease) {
  const auto with = [](int epsilon, const char* unit, int lease) {
    return Training(absl::StrCat(
        kKeepText, "obligation { dp { epsilon_max: ", epsilon, " delta_max: 1e-5 unit: ", unit,
        " ledger_epsilon: 9 } } obligation { lease { seconds: ", lease, " } }"));
  };
  const auto sets = Sets(with(1, "SUBJECT", 60), with(3, "RECORD", 600));
  const Decision decision = DecideSealed(sets, RequestSealedUnder({sets[0].sha256()}));
  ASSERT_TRUE(decision.allow);
  EXPECT_EQ(decision.dp->epsilon_max(), 1);
  EXPECT_EQ(decision.dp->unit(), SUBJECT);
  EXPECT_EQ(*decision.lease, absl::Seconds(60));
  // A duty that the later set no longer has stays.
  const auto dropped = Sets(with(1, "SUBJECT", 60), Training(kKeepText));
  const Decision kept = DecideSealed(dropped, RequestSealedUnder({dropped[0].sha256()}));
  EXPECT_EQ(kept.dp->epsilon_max(), 1);
  EXPECT_EQ(*kept.lease, absl::Seconds(60));
}

TEST(SealedDecision, DoesNotLetAModelLiveLonger) {
  const auto with = [](int seconds) {
    return Training(absl::StrCat(kKeepText, "obligation { retention { seconds: ", seconds, " } }"));
  };
  const auto sets = Sets(with(60), with(600));
  EXPECT_EQ(DecideSealed(sets, RequestSealedUnder({sets[0].sha256()})).retention,
            absl::Seconds(60));
  const auto dropped = Sets(with(60), Training(kKeepText));
  EXPECT_EQ(DecideSealed(dropped, RequestSealedUnder({dropped[0].sha256()})).retention,
            absl::Seconds(60));
}

TEST(SealedDecision, DoesNotLoosenALimitOfOpening) {
  const auto with = [](int opens) {
    return Training(absl::StrCat(kKeepText, "obligation { max_opens: ", opens, " }"));
  };
  const auto sets = Sets(with(2), with(5));
  EXPECT_EQ(DecideSealed(sets, RequestSealedUnder({sets[0].sha256()})).max_opens, 2u);
  const auto dropped = Sets(with(2), Training(kKeepText));
  EXPECT_EQ(DecideSealed(dropped, RequestSealedUnder({dropped[0].sha256()})).max_opens, 2u);
}

TEST(SealedDecision, DoesNotLoosenTheReleaseOfAModel) {
  const auto with = [](double epsilon, int bytes) {
    return Training(absl::StrCat(kKeepText, "obligation { release { epsilon_max: ", epsilon,
                                 " delta_max: 1e-5 unit: SUBJECT max_bytes: ", bytes, " } }"));
  };
  const auto sets = Sets(with(1, 4096), with(3, 512));
  Decision decision = DecideSealed(sets, RequestSealedUnder({sets[0].sha256()}));
  ASSERT_TRUE(decision.release.has_value());
  EXPECT_EQ(decision.release->epsilon_max(), 1);
  EXPECT_EQ(decision.release->max_bytes(), 512u);
  const auto dropped = Sets(with(1, 4096), Training(kKeepText));
  ASSERT_TRUE(DecideSealed(dropped, RequestSealedUnder({dropped[0].sha256()})).release.has_value());

  // Nor does the permit of the export.
  Release inherited = *decision.release;
  inherited.set_unit(RECORD);
  inherited.set_epsilon_max(0.5);
  TightenRelease(decision, inherited);
  EXPECT_EQ(decision.release->epsilon_max(), 0.5);
  EXPECT_EQ(decision.release->unit(), SUBJECT);
  Decision silent;
  TightenRelease(silent, std::nullopt);
  EXPECT_FALSE(silent.release.has_value());
  TightenRelease(silent, inherited);
  EXPECT_EQ(silent.release->epsilon_max(), 0.5);
}

TEST(SealedDecision, SealsUnderWhatIngestingIsObligedToAsWell) {
  const auto column = [](TransformKind kind, std::map<TextScan::Kind, TextScan::Then> scan) {
    ColumnPlan plan;
    plan.transform.set_kind(kind);
    plan.scan = std::move(scan);
    return plan;
  };
  const auto k_anonymity = [](std::uint64_t k, double share) {
    KAnonymity asked;
    asked.set_k(k);
    asked.set_max_suppressed(share);
    return asked;
  };
  Decision seal;
  seal.columns = {column(KEEP, {{TextScan::IBAN, TextScan::SCRUB}}), column(REDACT, {})};
  seal.k_anonymity = k_anonymity(5, 0.5);
  seal.retention = absl::Seconds(60);
  Decision ingest;
  ingest.columns = {column(KEEP, {{TextScan::IBAN, TextScan::REFUSE},
                                  {TextScan::EMAIL_ADDRESS, TextScan::SCRUB}}),
                    column(KEEP, {{TextScan::IBAN, TextScan::REFUSE}})};
  ingest.k_anonymity = k_anonymity(3, 0.25);
  ingest.retention = absl::Seconds(30);
  TightenSealing(seal, ingest);
  EXPECT_THAT(seal.columns[0].scan,
              ::testing::ElementsAre(::testing::Pair(TextScan::EMAIL_ADDRESS, TextScan::SCRUB),
                                     ::testing::Pair(TextScan::IBAN, TextScan::REFUSE)));
  EXPECT_TRUE(seal.columns[1].scan.empty());  // no text is left of it
  EXPECT_EQ(seal.k_anonymity->k(), 5u);
  EXPECT_EQ(seal.k_anonymity->max_suppressed(), 0.25);
  EXPECT_EQ(seal.retention, absl::Seconds(30));
}

TEST(SealedDecision, DoesNotOpenWhatTheEarlierSetKeptShut) {
  const auto sets = Sets(Training(kKeepText, "when { rows_at_least: 1000 }"), Training(kKeepText));
  const Decision decision = DecideSealed(sets, RequestSealedUnder({sets[0].sha256()}));
  EXPECT_FALSE(decision.allow);
  EXPECT_EQ(decision.reason_code, "sealed_under");
  EXPECT_THAT(decision.reason, HasSubstr("\"p\" version 1, which does not allow it"));
  EXPECT_TRUE(decision.columns.empty());
  EXPECT_TRUE(decision.determining_rules.empty());
  EXPECT_EQ(decision.policy_sha256, sets[1].sha256());
}

TEST(SealedDecision, AsksEverySetThatAPartStandsUnder) {
  const auto sets = Sets(Training(kDropText), Training(kKeepText));
  const Digest first = sets[0].sha256();
  const Digest second = sets[1].sha256();
  for (const std::vector<Digest>& order :
       {std::vector<Digest>{first, second}, std::vector<Digest>{second, first}}) {
    EXPECT_EQ(DecideSealed(sets, RequestSealedUnder(order)).columns[0].transform.kind(), DROP);
  }
}

TEST(SealedDecision, NeverOpensUnderASetThatIsNotKnown) {
  const auto sets = Sets(Training(kKeepText), Training(kKeepText + std::string(" ")));
  EXPECT_EQ(DecideSealed(sets, RequestSealedUnder({sets[0].sha256(), Digest{}})).reason_code,
            "unknown_fact");
}

TEST(SealedDecision, LeavesActionsThatOpenNothingToTheSetInForce) {
  const auto sets = Sets(MustLoad(""), MustLoad(R"(rule { id: "r" permit {}
    scope { principal: "ann" action: CHANGE_POLICY dataset: "*" purpose: "safety" } })"));
  Request request = RequestSealedUnder({sets[0].sha256()});
  request.action = CHANGE_POLICY;
  request.columns.clear();
  EXPECT_TRUE(DecideSealed(sets, request).allow);
}

}  // namespace
}  // namespace sealtrain::policy
