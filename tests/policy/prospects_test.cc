// What a question comes to whose facts are not all given.
#include "sealtrain/policy/prospects.h"

#include "absl/strings/str_cat.h"
#include "sealtrain/tests/policy/policy_texts.h"

namespace sealtrain::policy {
namespace {

using ::sealtrain::policy::testing::MakeColumn;
using ::sealtrain::policy::testing::MakeTransform;
using ::sealtrain::policy::testing::MustLoad;
using ::sealtrain::policy::testing::TrainRequest;
using ::sealtrain::testing::StatusIs;

std::string OpenRule(const std::string& id, const std::string& effect, const std::string& classes,
                     const std::string& more) {
  return absl::StrCat("rule { id: \"", id, "\" ", effect,
                      " scope { principal: \"ann\" action: TRAIN action: EXPORT_MODEL "
                      "dataset: \"mails/*\" purpose: \"safety\" ",
                      classes, " } ", more, " }\n");
}

// Nothing but the time is known.
Request OpenRequest(std::vector<RequestedColumn> columns) {
  Request request = TrainRequest(std::move(columns));
  request.trust = TRUST_UNSPECIFIED;
  request.rows.reset();
  request.dataset_age.reset();
  return request;
}

Prospects Foresee(const LoadedPolicy& policy, const Request& request,
                  absl::Span<const SealedColumn> in_doubt = {}) {
  absl::StatusOr<Prospects> prospects = ForeseeAnswer(policy, request, in_doubt);
  EXPECT_OK(prospects);
  return *std::move(prospects);
}

const char kOfLabel[] = "data_class: LABEL";

TEST(ForeseeAnswer, NamesTheFewestFactsThatTurnIt) {
  const LoadedPolicy policy =
      MustLoad(OpenRule("a", "permit {}", kOfLabel, "when { rows_at_least: 10 }") +
               OpenRule("no", "forbid {}", "", "unless { trust_at_least: LOCKED }") +
               OpenRule("b", "permit {}", "data_class: HEALTH", "when { approvals_at_least: 1 }"));
  Request request = OpenRequest({MakeColumn("spam", {LABEL})});
  Prospects prospects = Foresee(policy, request);
  EXPECT_EQ(prospects.answer, Answer::kUnknown);
  EXPECT_EQ(prospects.as_given, Answer::kNo);
  EXPECT_EQ(prospects.at_turning, Answer::kYes);
  ASSERT_TRUE(prospects.turning);
  EXPECT_EQ(prospects.turning->trust, LOCKED);
  EXPECT_EQ(prospects.turning->rows, 10u);
  EXPECT_FALSE(prospects.turning->approvals);
  request.trust = LOCKED;
  prospects = Foresee(policy, request);
  ASSERT_TRUE(prospects.turning);
  EXPECT_EQ(prospects.turning->rows, 10u);
  request.rows = 10;
  EXPECT_EQ(Foresee(policy, request).answer, Answer::kYes);
  request.rows = 9;
  EXPECT_EQ(Foresee(policy, request).answer, Answer::kNo);
  // What is known to forbid leaves nothing open.
  request = OpenRequest({MakeColumn("spam", {LABEL})});
  request.trust = PLAIN;
  prospects = Foresee(policy, request);
  EXPECT_EQ(prospects.answer, Answer::kNo);
  ASSERT_TRUE(prospects.denial);
  EXPECT_EQ(prospects.denial->reason_code, "forbidden");
}

TEST(ForeseeAnswer, KnowsThatAFactMayAlsoCloseWhatIsOpen) {
  const LoadedPolicy policy =
      MustLoad(OpenRule("a", "permit {}", kOfLabel, "") +
               OpenRule("b", "permit { obligation { transform { on_class: LABEL kind: REDACT } } }",
                        kOfLabel, "when { rows_at_least: 10 }"));
  const Prospects prospects = Foresee(policy, OpenRequest({MakeColumn("spam", {LABEL})}));
  EXPECT_EQ(prospects.answer, Answer::kUnknown);
  EXPECT_EQ(prospects.at_turning, Answer::kNo);
  ASSERT_TRUE(prospects.turning);
  EXPECT_EQ(prospects.turning->rows, 10u);
}

TEST(ForeseeAnswer, AsksForNothingThatIsNeverKnown) {
  const LoadedPolicy policy =
      MustLoad(OpenRule("a", "permit {}", kOfLabel, "when { rows_at_least: 10 }"));
  Request request = OpenRequest({MakeColumn("spam", {LABEL})});
  request.action = EXPORT_MODEL;
  request.columns.clear();
  EXPECT_EQ(Foresee(policy, request).answer, Answer::kNo);
}

TEST(ForeseeAnswer, IsNoWhereSomeColumnIsWhateverTheirOrder) {
  const LoadedPolicy policy = MustLoad(OpenRule(
      "a",
      "permit { obligation { transform { on_class: QUASI_IDENTIFIER kind: BUCKET step: 10 } } "
      "obligation { transform { on_class: FREE_TEXT kind: REDACT } } }",
      "data_class: QUASI_IDENTIFIER data_class: FREE_TEXT", "when { rows_at_least: 10 }"));
  const RequestedColumn age = MakeColumn("age", {QUASI_IDENTIFIER});
  const RequestedColumn text = MakeColumn("t", {FREE_TEXT});
  const SealedColumn in_doubt{
      .column = age,
      .treatments = {{.transform = MakeTransform(KEEP), .situation = ""},
                     {.transform = MakeTransform(BUCKET), .situation = ""}}};
  const auto foresee = [&](std::vector<RequestedColumn> columns) {
    return Foresee(policy, OpenRequest(std::move(columns)), absl::MakeConstSpan(&in_doubt, 1));
  };
  const Prospects alone = foresee({age});
  EXPECT_EQ(alone.answer, Answer::kUnknown);
  EXPECT_EQ(alone.at_turning, Answer::kUnknown);  // with rows it depends on the treatment
  for (const Prospects& both : {foresee({age, text}), foresee({text, age})}) {
    EXPECT_EQ(both.answer, Answer::kNo);
    ASSERT_TRUE(both.denial);
    EXPECT_EQ(both.denial->reason_code, "cannot_honour");
    EXPECT_NE(both.denial->reason.find("\"t\""), std::string::npos) << both.denial->reason;
  }
}

TEST(ForeseeAnswer, StopsWhereThereIsTooMuchToTry) {
  std::string rules;
  for (int i = 1; i < 150; ++i) {
    absl::StrAppend(&rules,
                    OpenRule(absl::StrCat("r", i), "permit {}", kOfLabel,
                             absl::StrCat("when { rows_at_least: ", i,
                                          " } when { dataset_age_below { seconds: ", i, " } }")));
  }
  EXPECT_THAT(ForeseeAnswer(MustLoad(rules), OpenRequest({MakeColumn("spam", {LABEL})}), {}),
              StatusIs(absl::StatusCode::kOutOfRange));
}

}  // namespace
}  // namespace sealtrain::policy
