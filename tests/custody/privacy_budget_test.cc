// Differential privacy obligations and the ledger that gates the keys.
#include <cmath>
#include <limits>

#include "sealtrain/policy/rdp_accountant.h"
#include "sealtrain/tests/custody/custody_fixture.h"

namespace sealtrain::testing {
namespace {

using custody::Outcome;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// The policy allows epsilon 2 a run and 3 in all, at delta 1e-5, per RECORD.
class PrivacyBudget : public FurnishedCustodyTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(FurnishedCustodyTest::SetUp());
    ASSERT_OK(IngestOneShard());
  }
  static double EpsilonOf(const std::vector<policy::PrivacyPhase>& phases) {
    return *policy::RdpEpsilon(phases, 1e-5);
  }
  static std::uint64_t StepsWorth(double epsilon) {
    std::uint64_t steps = 1;
    while (EpsilonOf({PlanOf(steps * 2).phase}) <= epsilon) steps *= 2;
    return steps;
  }
  absl::Status FinishAs(custody::Permit<policy::TRAIN> permit, Outcome outcome,
                        std::uint64_t steps) {
    auto key = custodian_->ReleaseNewModelKey(permit);
    if (!key.ok()) return key.status();
    return custodian_->FinishTrain(std::move(permit), outcome, steps, key->object_id, Digest{});
  }
  custody::Budget OnlyBudget() {
    const auto budgets = *custodian_->GetBudgets("mails");
    EXPECT_THAT(budgets, SizeIs(1));
    return budgets.empty() ? custody::Budget() : budgets[0];
  }
  void ExpectCannotHonour(const custody::TrainRequest& request, const std::string& message) {
    EXPECT_THAT(custodian_->RequestTrain(request),
                StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr(message)));
    EXPECT_EQ(LastEvent().phase(), audit::DENIED);
    EXPECT_EQ(LastEvent().reason_code(), "cannot_honour");
    EXPECT_THAT(*custodian_->GetBudgets("mails"), IsEmpty());
    EXPECT_THAT(*custodian_->ListLeases(), IsEmpty());
  }
};

TEST_F(PrivacyBudget, IsReservedBeforeTheKeysAndToldToTheLog) {
  ASSERT_OK_AND_ASSIGN(auto permit, custodian_->RequestTrain(PrivateRun("m", 100)));
  const custody::Budget budget = OnlyBudget();
  const double epsilon = EpsilonOf({PlanOf(100).phase});
  EXPECT_EQ(budget.unit, policy::RECORD);
  EXPECT_EQ(budget.delta, 1e-5);
  EXPECT_DOUBLE_EQ(budget.epsilon_spent, epsilon);
  ASSERT_THAT(budget.entries, SizeIs(1));
  EXPECT_EQ(budget.entries[0].permit_id, permit.grant().permit_id);
  EXPECT_EQ(budget.entries[0].principal, "trainer");
  EXPECT_EQ(budget.entries[0].model, "m");
  EXPECT_FALSE(budget.entries[0].settled);
  EXPECT_EQ(budget.entries[0].reserved_at, clock_.now);
  const audit::Event event = LastEvent();
  EXPECT_DOUBLE_EQ(event.privacy().epsilon(), epsilon);
  EXPECT_DOUBLE_EQ(event.privacy().ledger_epsilon(), epsilon);
  EXPECT_EQ(event.privacy().delta(), 1e-5);
  EXPECT_EQ(event.privacy().unit(), "RECORD");
}

TEST_F(PrivacyBudget, RefusesARunWithoutThePrivacyThatThePolicyObligesTo) {
  custody::TrainRequest request = PrivateRun("m");
  request.dp.reset();
  ExpectCannotHonour(request, "plans none");
  ExpectCannotHonour(PrivateRun("m", 1'000'000), "costs epsilon");
  request = PrivateRun("m");
  request.dp->delta = 2e-5;
  ExpectCannotHonour(request, "delta 2e-05");
  // Numeric doubt is infinity, and infinity refuses.
  request = PrivateRun("m", 1ull << 60);
  EXPECT_FALSE(custodian_->RequestTrain(request).ok());
  EXPECT_THAT(*custodian_->GetBudgets("mails"), IsEmpty());
}

TEST_F(PrivacyBudget, RefusesPlansThatAreNone) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto expect_invalid = [&](std::function<void(custody::DpPlan&)> change) {
    custody::TrainRequest request = PrivateRun("m");
    change(*request.dp);
    EXPECT_THAT(custodian_->RequestTrain(request), StatusIs(absl::StatusCode::kInvalidArgument));
  };
  using custody::DpPlan;
  expect_invalid([](DpPlan& p) { p.unit = policy::PRIVACY_UNIT_UNSPECIFIED; });
  expect_invalid([](DpPlan& p) { p.delta = 0; });
  expect_invalid([](DpPlan& p) { p.delta = 1; });
  expect_invalid([nan](DpPlan& p) { p.delta = nan; });
  expect_invalid([](DpPlan& p) { p.phase.steps = 0; });
  expect_invalid([](DpPlan& p) { p.phase.noise_multiplier = 0; });
  expect_invalid([](DpPlan& p) { p.phase.noise_multiplier = -1; });
  expect_invalid([nan](DpPlan& p) { p.phase.noise_multiplier = nan; });
  expect_invalid([](DpPlan& p) { p.phase.sampling_rate = 0; });
  expect_invalid([](DpPlan& p) { p.phase.sampling_rate = 1.5; });
  expect_invalid([nan](DpPlan& p) { p.phase.sampling_rate = nan; });
  EXPECT_THAT(*custodian_->GetBudgets("mails"), IsEmpty());
}

TEST_F(PrivacyBudget, ComposesRunsAndRefusesTheOneThatIsTooMuch) {
  const std::uint64_t steps = StepsWorth(1.5);
  std::vector<policy::PrivacyPhase> phases;
  int runs = 0;
  while (true) {
    phases.push_back(PlanOf(steps).phase);
    const double composed = EpsilonOf(phases);
    auto permit = custodian_->RequestTrain(PrivateRun(absl::StrCat("m", runs), steps));
    if (composed > 3) {
      EXPECT_THAT(permit, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("budget")));
      break;
    }
    ASSERT_OK(permit);
    EXPECT_DOUBLE_EQ(LastEvent().privacy().ledger_epsilon(), composed);
    ASSERT_OK(FinishAs(*std::move(permit), Outcome::kSucceeded, steps));
    EXPECT_DOUBLE_EQ(OnlyBudget().epsilon_spent, composed);
    ++runs;
  }
  EXPECT_GE(runs, 2);
  // Composition by curves beats adding epsilons up.
  EXPECT_LT(OnlyBudget().epsilon_spent, runs * EpsilonOf({PlanOf(steps).phase}));
  EXPECT_EQ(LastEvent().phase(), audit::DENIED);
  EXPECT_EQ(LastEvent().reason_code(), "budget_exhausted");
  EXPECT_EQ(OnlyBudget().entries.size(), static_cast<std::size_t>(runs));
  // Spent stays spent.
  Reopen();
  EXPECT_THAT(custodian_->RequestTrain(PrivateRun("again", steps)),
              StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST_F(PrivacyBudget, CostsWhatWasTaken) {
  ASSERT_OK_AND_ASSIGN(auto failed, custodian_->RequestTrain(PrivateRun("m", 1000)));
  ASSERT_OK(custodian_->FinishTrain(std::move(failed), Outcome::kFailed, 40, Id{}, Digest{}));
  custody::Budget budget = OnlyBudget();
  EXPECT_TRUE(budget.entries[0].settled);
  EXPECT_EQ(budget.entries[0].plan.phase.steps, 40u);
  EXPECT_DOUBLE_EQ(budget.epsilon_spent, EpsilonOf({PlanOf(40).phase}));
  EXPECT_EQ(LastEvent().phase(), audit::FAILED);
  EXPECT_DOUBLE_EQ(LastEvent().privacy().epsilon(), EpsilonOf({PlanOf(40).phase}));

  // A run that took no step costs nothing.
  ASSERT_OK_AND_ASSIGN(auto none, custodian_->RequestTrain(PrivateRun("m", 1000)));
  ASSERT_OK(custodian_->FinishTrain(std::move(none), Outcome::kFailed, 0, Id{}, Digest{}));
  EXPECT_DOUBLE_EQ(OnlyBudget().epsilon_spent, EpsilonOf({PlanOf(40).phase}));

  // One that stopped early is booked, and leaves no model.
  ASSERT_OK_AND_ASSIGN(auto shorter, custodian_->RequestTrain(PrivateRun("m", 1000)));
  EXPECT_THAT(FinishAs(std::move(shorter), Outcome::kSucceeded, 60),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("60")));
  EXPECT_THAT(custodian_->GetModel("m"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_DOUBLE_EQ(OnlyBudget().epsilon_spent, EpsilonOf({PlanOf(40).phase, PlanOf(60).phase}));
}

TEST_F(PrivacyBudget, IsStatedWithTheModelThatItBought) {
  ASSERT_OK_AND_ASSIGN(auto permit, custodian_->RequestTrain(PrivateRun("m", 60)));
  ASSERT_OK(FinishAs(std::move(permit), Outcome::kSucceeded, 60));
  ASSERT_OK_AND_ASSIGN(const custody::ModelInfo model, custodian_->GetModel("m"));
  ASSERT_TRUE(model.dp.has_value());
  EXPECT_EQ(model.dp->phase.steps, 60u);
  EXPECT_DOUBLE_EQ(model.epsilon, EpsilonOf({PlanOf(60).phase}));
}

TEST_F(PrivacyBudget, BooksEvenWhatARunTookTooMuch) {
  ASSERT_OK_AND_ASSIGN(auto permit, custodian_->RequestTrain(PrivateRun("m", 100)));
  EXPECT_THAT(FinishAs(std::move(permit), Outcome::kSucceeded, 150),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("150")));
  EXPECT_DOUBLE_EQ(OnlyBudget().epsilon_spent, EpsilonOf({PlanOf(150).phase}));
  EXPECT_THAT(custodian_->GetModel("m"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(PrivacyBudget, StaysSpentAfterACrash) {
  ASSERT_OK(custodian_->RequestTrain(PrivateRun("m", 1000)));  // the permit is lost
  Reopen();
  const custody::Budget budget = OnlyBudget();
  EXPECT_FALSE(budget.entries[0].settled);
  EXPECT_DOUBLE_EQ(budget.epsilon_spent, EpsilonOf({PlanOf(1000).phase}));
  EXPECT_EQ(LastEvent().phase(), audit::ABANDONED);
}

TEST_F(PrivacyBudget, IsNotSpentWhereNoKeyLeft) {
  env_.FailOn(FaultEnv::Op::kSync, 0, absl::UnavailableError("disk"));
  EXPECT_THAT(custodian_->RequestTrain(PrivateRun("m", 1000)),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(*custodian_->GetBudgets("mails"), IsEmpty());
  Reopen();
  EXPECT_THAT(*custodian_->GetBudgets("mails"), IsEmpty());
}

TEST_F(PrivacyBudget, CountsRunsWithoutPrivacy) {
  EXPECT_THAT(*custodian_->GetBudgets("mails"), IsEmpty());
  ASSERT_OK(custodian_->RequestTrain(PlainRun("a")));
  const custody::Budget plain = OnlyBudget();
  EXPECT_EQ(plain.unit, policy::PRIVACY_UNIT_UNSPECIFIED);
  EXPECT_EQ(plain.runs_without_privacy, 1u);
  ASSERT_OK(custodian_->RequestTrain(PlainRun("b")));
  ASSERT_OK(custodian_->RequestTrain(PrivateRun("c")));
  EXPECT_EQ(OnlyBudget().runs_without_privacy, 2u);
  EXPECT_EQ(OnlyBudget().unit, policy::RECORD);
  Reopen();
  EXPECT_EQ(OnlyBudget().runs_without_privacy, 2u);
  EXPECT_THAT(custodian_->GetBudgets("nails"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(PrivacyBudget, BooksAPlanThatNobodyObligedTo) {
  custody::TrainRequest request = PlainRun("m");
  request.dp = PlanOf(100);
  ASSERT_OK(custodian_->RequestTrain(request));
  EXPECT_DOUBLE_EQ(OnlyBudget().epsilon_spent, EpsilonOf({PlanOf(100).phase}));
  EXPECT_EQ(OnlyBudget().runs_without_privacy, 0u);
}

TEST_F(PrivacyBudget, CountsSubjectRunsAgainstRecordsToo) {
  // A subject's bound is the stronger one, and meets an obligation per RECORD.
  custody::TrainRequest request = PrivateRun("m", StepsWorth(1.5));
  request.dp->unit = policy::SUBJECT;
  ASSERT_OK(custodian_->RequestTrain(request));
  std::vector<policy::PrivacyPhase> phases = {request.dp->phase};
  // One cannot get more by changing the unit from run to run.
  for (int i = 0;; ++i) {
    ASSERT_LT(i, 100);
    request.model = absl::StrCat("m", i);
    request.dp->unit = i % 2 == 0 ? policy::RECORD : policy::SUBJECT;
    phases.push_back(request.dp->phase);
    const auto permit = custodian_->RequestTrain(request);
    ASSERT_EQ(permit.ok(), EpsilonOf(phases) <= 3) << i;
    if (!permit.ok()) break;
  }
  ASSERT_OK_AND_ASSIGN(const auto budgets, custodian_->GetBudgets("mails"));
  EXPECT_THAT(budgets, SizeIs(2));
  EXPECT_GT(budgets[0].epsilon_spent, budgets[1].epsilon_spent);
}

TEST_F(PrivacyBudget, RefusesARecordPlanUnderASubjectObligation) {
  const std::string first = WithKeys(kMailPolicy);
  ASSERT_OK(
      ApplyText(absl::StrReplaceAll(Next(first, first), {{"unit: RECORD", "unit: SUBJECT"}})));
  ExpectCannotHonour(PrivateRun("m"), "SUBJECT");
  custody::TrainRequest request = PrivateRun("m");
  request.dp->unit = policy::SUBJECT;
  EXPECT_OK(custodian_->RequestTrain(request));
}

}  // namespace
}  // namespace sealtrain::testing
