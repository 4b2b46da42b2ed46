// Who could get what, where answers differ from situation to situation or from set to set.
#include "sealtrain/policy/access.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "sealtrain/base/env.h"
#include "sealtrain/policy/explain.h"
#include "sealtrain/tests/policy/policy_texts.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MustLoad;
using testing::PolicyText;

std::string AccessPermit(const std::string& id, const std::string& obligations,
                         const std::string& more, const std::string& action = "TRAIN") {
  return absl::StrCat("rule { id: \"", id, "\" permit { ", obligations,
                      " } scope { principal: \"ann\" action: ", action,
                      " dataset: \"mails\" purpose: \"safety/abuse\" data_class: LABEL data_class: "
                      "QUASI_IDENTIFIER } ",
                      more, " }\n");
}

std::string LeaseDuty(int seconds) {
  return absl::StrCat("obligation { lease { seconds: ", seconds, " } }");
}

std::string BucketDuty(int step) {
  return absl::StrCat(
      "obligation { transform { on_class: QUASI_IDENTIFIER kind: BUCKET step: ", step, " } }");
}

// `text` as the version behind `before`.
LoadedPolicy AccessSuccessor(const LoadedPolicy& before, const std::string& rules) {
  absl::StatusOr<LoadedPolicy> next = LoadedPolicy::Load(
      absl::StrReplaceAll(PolicyText(rules),
                          {{"version: 1 ", absl::StrCat("version: 2 previous_sha256: \"",
                                                        HexEncode(before.sha256()), "\" ")}}),
      "p");
  EXPECT_OK(next);
  return *std::move(next);
}

// "COLUMN TRANSFORM; DUTIES; 1/4" of each.
std::vector<std::string> AccessLines(absl::Span<const LoadedPolicy> sets, const std::string& column,
                                     AccessQuery query = {}) {
  query.dataset = "mails";
  const absl::StatusOr<std::vector<Access>> list = ListAccess(sets, nullptr, query);
  EXPECT_OK(list);
  std::vector<std::string> lines;
  for (const Access& access : *list) {
    if (access.column != column) continue;
    lines.push_back(absl::StrCat(DescribeTransform(access.transform), "; ",
                                 DescribeObligations(access.action, access.decision), "; ",
                                 access.allowed_situations, "/", access.situations));
  }
  return lines;
}

TEST(ListAccess, ShowsWhatIsAllowedUnderEachDuties) {
  const LoadedPolicy policy =
      MustLoad(AccessPermit("early", BucketDuty(5) + LeaseDuty(60), "not_after { seconds: 1500 }") +
               AccessPermit("late", BucketDuty(10) + LeaseDuty(600),
                            "not_before { seconds: 1500 } when { approvals_at_least: 1 }"));
  const auto sets = absl::MakeConstSpan(&policy, 1);
  // Approvals unknown, 0 or 1, at 999, 1000, 1500 and 2000.
  EXPECT_THAT(AccessLines(sets, "LABEL"),
              ElementsAre("KEEP; lease 1m; 3/12", "KEEP; lease 10m; needs 1 approval; 1/12"));
  EXPECT_THAT(AccessLines(sets, "QUASI_IDENTIFIER"),
              ElementsAre("BUCKET, step 5; lease 1m; 3/12",
                          "BUCKET, step 10; lease 10m; needs 1 approval; 1/12"));
}

TEST(ListAccess, TellsApartWhatRestsOnOtherRules) {
  const LoadedPolicy policy =
      MustLoad(AccessPermit("all", LeaseDuty(60), "") +
               AccessPermit("some", LeaseDuty(90), "when { rows_at_least: 10 }"));
  AccessQuery query;
  query.dataset = "mails";
  ASSERT_OK_AND_ASSIGN(const std::vector<Access> list,
                       ListAccess(absl::MakeConstSpan(&policy, 1), nullptr, query));
  std::vector<std::string> by;
  for (const Access& access : list) {
    by.push_back(absl::StrCat(
        absl::StrJoin(access.decision.determining_rules, "+",
                      [](std::string* out, const RuleRef& rule) { absl::StrAppend(out, rule.id); }),
        " ", access.allowed_situations, "/", access.situations));
  }
  // Rows unknown, 0 or 10, at 999, 1000 and 2000.
  EXPECT_THAT(by, ElementsAre("all 2/9", "all+some 1/9"));
}

TEST(ListAccess, AsksTheSetsThatDataStandUnder) {
  std::vector<LoadedPolicy> sets;
  sets.push_back(
      MustLoad(AccessPermit("old", BucketDuty(10) + LeaseDuty(60), "when { rows_at_least: 5 }") +
               AccessPermit("seal", BucketDuty(10) + LeaseDuty(60), "", "SEAL")));
  sets.push_back(AccessSuccessor(sets[0], AccessPermit("new", BucketDuty(5) + LeaseDuty(600), "",
                                                       "TRAIN action: SEAL "
                                                       "action: INSPECT")));
  AccessQuery query;
  query.actions = {TRAIN};
  EXPECT_THAT(AccessLines(sets, "QUASI_IDENTIFIER", query),
              ElementsAre("BUCKET, step 5; lease 10m; 1/3"));
  query.sealed_under = {sets[0].sha256(), sets[1].sha256()};
  EXPECT_THAT(AccessLines(sets, "QUASI_IDENTIFIER", query),
              ElementsAre("BUCKET, step 10; lease 1m; 1/9"));
  query.actions = {INSPECT};  // of which the old set knows nothing
  EXPECT_THAT(AccessLines(sets, "QUASI_IDENTIFIER", query), IsEmpty());
  query.actions = {SEAL};  // which is the new set's to decide
  EXPECT_THAT(AccessLines(sets, "QUASI_IDENTIFIER", query),
              ElementsAre("BUCKET, step 5; lease 10m; 1/3"));
  query.actions = {TRAIN};
  query.sealed_under.emplace_back();  // never in force here
  EXPECT_THAT(AccessLines(sets, "QUASI_IDENTIFIER", query), IsEmpty());
}

TEST(ListAccess, HoldsFactsThatAreGiven) {
  const LoadedPolicy policy =
      MustLoad(AccessPermit("locked", LeaseDuty(60), "when { trust_at_least: LOCKED }"));
  AccessQuery query;
  query.trust = PLAIN;
  EXPECT_THAT(AccessLines(absl::MakeConstSpan(&policy, 1), "LABEL", query), IsEmpty());
  query.trust = LOCKED;
  query.now = absl::FromUnixSeconds(1700);
  EXPECT_THAT(AccessLines(absl::MakeConstSpan(&policy, 1), "LABEL", query),
              ElementsAre("KEEP; lease 1m; 12/12"));
}

TEST(WithDenied, TellsWhatNoFactsWouldHelpAgainst) {
  const std::string forbids = R"(rule { id: "no" forbid {}
    scope { principal: "any" action: TRAIN dataset: "*" purpose: "safety" data_class: FREE_TEXT
      data_class: PUBLIC } )";
  ASSERT_OK_AND_ASSIGN(
      const std::shared_ptr<const Schema> schema,
      Schema::FromProtoFile(JoinPath(SEALTRAIN_SOURCE_DIR, "examples/policies/mail_abuse.proto"),
                            "Mail"));
  const auto reason_of_body = [&](const std::string& end) {
    const LoadedPolicy policy = MustLoad(AccessPermit("labels", "", "") + forbids + end);
    const auto sets = absl::MakeConstSpan(&policy, 1);
    AccessQuery query;
    query.actions = {TRAIN};
    absl::StatusOr<std::vector<Access>> list = ListAccess(sets, schema.get(), query);
    EXPECT_OK(list);
    for (const Access& access : WithDenied(sets, *schema, *std::move(list))) {
      if (access.column == "body") return access.decision.reason_code;
    }
    return std::string();
  };
  EXPECT_EQ(reason_of_body("}"), "forbidden");
  EXPECT_EQ(reason_of_body("unless { trust_at_least: LOCKED } }"), "uncovered_column");
}

TEST(ColumnsAsSealed, NamesEachWayInWhichAColumnMayHaveBeenSealed) {
  const auto seal = [](const std::string& id, int step, const std::string& more,
                       const char* actions = "INGEST action: SEAL") {
    return AccessPermit(id, BucketDuty(step), more, actions);
  };
  const LoadedPolicy policy = MustLoad(seal("a", 5, "not_after { seconds: 1500 }") +
                                       seal("b", 10,
                                            "not_before { seconds: 1500 } not_after { "
                                            "seconds: 1800 } when { trust_at_least: "
                                            "LOCKED }") +
                                       // Which nobody takes in.
                                       seal("c", 20, "not_before { seconds: 1800 }", "SEAL"));
  ASSERT_OK_AND_ASSIGN(
      const std::shared_ptr<const Schema> schema,
      Schema::FromProtoFile(JoinPath(SEALTRAIN_SOURCE_DIR, "examples/policies/hospital.proto"),
                            "Stay"));
  const auto ways = [&](std::optional<Trust> trust, std::optional<absl::Time> now) {
    const absl::StatusOr<std::vector<SealedColumn>> columns =
        ColumnsAsSealed(policy, *schema, "mails", trust, now);
    EXPECT_OK(columns);
    EXPECT_THAT(columns->front().treatments, IsEmpty());  // nobody may seal the subject key
    const SealedColumn& age = (*columns)[3];
    EXPECT_EQ(age.column.name, "age");
    EXPECT_EQ(age.column.applied.has_value(), age.treatments.size() == 1);
    std::vector<std::string> text;
    for (const SealedColumn::Treatment& treatment : age.treatments) {
      text.push_back(
          absl::StrCat(DescribeTransform(treatment.transform), " ", treatment.situation));
    }
    return text;
  };
  const char* first = "BUCKET, step 5 by ann for safety/abuse, at 1970-01-01T00:16:40+00:00";
  EXPECT_THAT(ways(std::nullopt, std::nullopt),
              ElementsAre(first,
                          "BUCKET, step 10 by ann for safety/abuse, trust LOCKED, at "
                          "1970-01-01T00:25:00+00:00"));
  EXPECT_THAT(ways(std::nullopt, absl::FromUnixSeconds(1200)),
              ElementsAre(HasSubstr("BUCKET, step 5 by")));
  EXPECT_THAT(ways(std::nullopt, absl::FromUnixSeconds(1600)),
              ElementsAre(HasSubstr("BUCKET, step 10 by")));
  EXPECT_THAT(ways(PLAIN, std::nullopt), ElementsAre(HasSubstr("BUCKET, step 5 by")));
  // Nobody may seal by then; what is there was sealed before.
  EXPECT_EQ(ways(std::nullopt, absl::FromUnixSeconds(1900)).size(), 2u);
}

}  // namespace
}  // namespace sealtrain::policy
