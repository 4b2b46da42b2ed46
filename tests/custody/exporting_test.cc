// The airlock: which models may leave, and what the log says of it.
#include "absl/strings/str_replace.h"
#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/tests/custody/custody_fixture.h"

namespace sealtrain::testing {
namespace {

using custody::Outcome;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kExportRule[] = R"(
rule {
  id: "export"
  permit { %OBLIGATION% }
  scope {
    principal: "release-manager" action: EXPORT_MODEL dataset: "mails" purpose: "abuse"
    data_class: FREE_TEXT data_class: LABEL
  }
}
)";

std::string ReleaseText(double epsilon, double delta, const char* unit, int bytes) {
  return absl::StrCat("obligation { release { epsilon_max: ", epsilon, " delta_max: ", delta,
                      " unit: ", unit, " max_bytes: ", bytes, " } }");
}

class Exporting : public CustodyTest {
 protected:
  // A policy where `training` is the release of private runs, `exporting` that of the
  // export; a snapshot; a private model "private" and one "plain".
  void Prepare(const std::string& training, const std::string& exporting) {
    ASSERT_OK(custodian_->CreateDataset("admin", "mails", schema_));
    const std::string dp = "obligation { dp { epsilon_max: 2";
    ASSERT_OK(
        ApplyText(WithKeys(absl::StrReplaceAll(kMailPolicy, {{dp, absl::StrCat(training, dp)}}) +
                           absl::StrReplaceAll(kExportRule, {{"%OBLIGATION%", exporting}}))));
    ASSERT_OK(IngestOneShard());
    ASSERT_OK(Train(PrivateRun("private")));
    ASSERT_OK(Train(PlainRun("plain")));
  }
  absl::Status Train(const custody::TrainRequest& request) {
    auto permit = custodian_->RequestTrain(request);
    if (!permit.ok()) return permit.status();
    const auto key = custodian_->ReleaseNewModelKey(*permit);
    if (!key.ok()) return key.status();
    artifacts_[request.model] = *crypto::SealStream(key->dek, aad_, AsBytes("weights"));
    return custodian_->FinishTrain(*std::move(permit), Outcome::kSucceeded,
                                   request.dp ? request.dp->phase.steps : 1, key->object_id,
                                   crypto::Sha256(artifacts_[request.model]));
  }
  absl::StatusOr<custody::Permit<policy::EXPORT_MODEL>> Request(const std::string& model,
                                                                std::uint64_t bytes = 100) {
    return custodian_->RequestExport(
        {.principal = "release-manager", .model = model, .purpose = "abuse", .bytes = bytes});
  }
  // That it is denied, for this reason, and that the log says so.
  void ExpectDenied(const absl::Status& status, const std::string& why,
                    const std::string& code = "cannot_honour") {
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr(why)));
    const audit::Event event = LastEvent();
    EXPECT_EQ(event.type(), audit::MODEL_EXPORTED);
    EXPECT_EQ(event.phase(), audit::DENIED);
    EXPECT_EQ(event.reason_code(), code);
    EXPECT_THAT(*custodian_->ListLeases(), IsEmpty());
  }

  const Bytes aad_ = crypto::StreamAad(AsBytes("model"));
  std::map<std::string, Bytes> artifacts_;
};

TEST_F(Exporting, LetsAModelLeaveAndTellsOfIt) {
  Prepare(ReleaseText(2, 1e-5, "RECORD", 100), "");
  Reopen();  // what the model inherited lies in the key store
  ASSERT_OK_AND_ASSIGN(const custody::ModelInfo model, custodian_->GetModel("private"));
  ASSERT_TRUE(model.release.has_value());
  EXPECT_EQ(model.release->max_bytes(), 100u);

  ASSERT_OK_AND_ASSIGN(auto permit, Request("private"));
  const audit::Event intent = LastEvent();
  EXPECT_EQ(intent.type(), audit::MODEL_EXPORTED);
  EXPECT_EQ(intent.phase(), audit::INTENT);
  EXPECT_EQ(intent.action(), "EXPORT_MODEL");
  EXPECT_EQ(intent.object().model(), "private");
  EXPECT_EQ(intent.actor().principal(), "release-manager");
  EXPECT_EQ(intent.privacy().epsilon(), model.epsilon);
  EXPECT_THAT(intent.policy().rule(), ElementsAre("export"));

  ASSERT_OK_AND_ASSIGN(const auto key, custodian_->ReleaseModelKey(permit));
  EXPECT_OK(crypto::OpenStream(key.dek, aad_, artifacts_["private"]));
  EXPECT_THAT(crypto::OpenStream(key.dek, aad_, artifacts_["plain"]),
              StatusIs(absl::StatusCode::kDataLoss));
  const Digest file = crypto::Sha256(AsBytes("what left"));
  ASSERT_OK(custodian_->FinishExport(std::move(permit), Outcome::kSucceeded, file));
  EXPECT_EQ(LastEvent().phase(), audit::SUCCEEDED);
  EXPECT_EQ(LastEvent().request_uid(), intent.request_uid());
  EXPECT_EQ(LastEvent().object().artifact_sha256(), Text(file));
  EXPECT_THAT(*custodian_->ListLeases(), IsEmpty());
}

TEST_F(Exporting, AsksWhatTheRunThatMadeTheModelObligedTo) {
  Prepare(ReleaseText(2, 1e-5, "SUBJECT", 100), "");
  ExpectDenied(Request("private").status(), "protects a RECORD");
}

TEST_F(Exporting, AsksWhatThePermitObligesTo) {
  Prepare("", ReleaseText(2, 1e-5, "RECORD", 100));
  EXPECT_FALSE(custodian_->GetModel("private")->release.has_value());
  EXPECT_OK(Request("private", 100));
  Reopen();
  ExpectDenied(Request("private", 101).status(), "takes 101 bytes; its release allows 100");
}

TEST_F(Exporting, MeetsBothAtTheStrictest) {
  Prepare(ReleaseText(2, 1e-5, "RECORD", 50), ReleaseText(1, 1e-5, "RECORD", 100));
  ExpectDenied(Request("private", 51).status(), "allows 50");
}

TEST_F(Exporting, LetsNothingOutWithLessPrivacyThanAsked) {
  Prepare("", ReleaseText(1e-3, 1e-5, "RECORD", 100));
  ExpectDenied(Request("private").status(), "its release allows 0.001");
}

TEST_F(Exporting, LetsNothingOutAtALargerDelta) {
  Prepare("", ReleaseText(2, 1e-6, "RECORD", 100));
  ExpectDenied(Request("private").status(), "at delta 1e-05; its release allows 2 at delta 1e-06");
}

TEST_F(Exporting, LetsNothingOutThatHasNoPrivacyWhereItIsAskedFor) {
  Prepare("", ReleaseText(2, 1e-5, "RECORD", 100));
  ExpectDenied(Request("plain").status(), "without differential privacy");
}

// What is explained is what happens, but for how large it is.
TEST_F(Exporting, IsExplainedWithWhatTheModelInherited) {
  Prepare(ReleaseText(2, 1e-5, "RECORD", 50), ReleaseText(2, 1e-5, "RECORD", 100));
  const auto explain = [&](const std::string& model) {
    return custodian_->Explain(*custodian_->RequestFor("release-manager", policy::EXPORT_MODEL,
                                                       "mails", "abuse", {}, model));
  };
  ASSERT_OK_AND_ASSIGN(const policy::Decision allowed, explain("private"));
  EXPECT_TRUE(allowed.allow) << allowed.reason;
  EXPECT_EQ(allowed.release->max_bytes(), 50u);
  ASSERT_OK_AND_ASSIGN(const policy::Decision denied, explain("plain"));
  EXPECT_EQ(denied.reason_code, "cannot_honour");
  EXPECT_THAT(denied.reason, HasSubstr("without differential privacy"));
  ExpectDenied(Request("plain").status(), denied.reason);
  EXPECT_OK(Request("private", 50));
  clock_.now += absl::Hours(241);
  EXPECT_EQ(explain("private")->reason_code, "expired");
}

TEST_F(Exporting, IsAskedOfAModelThatIsThereByTheDataThatItLearnedFrom) {
  Prepare("", "");
  const auto request_for = [&](policy::Action action, const std::string& dataset,
                               const std::string& model) {
    return custodian_->RequestFor("release-manager", action, dataset, "abuse", {}, model);
  };
  EXPECT_EQ(request_for(policy::EXPORT_MODEL, "mails", "private")->model_classes,
            custodian_->GetModel("private")->classes);
  EXPECT_THAT(request_for(policy::EXPORT_MODEL, "mails", "privat"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no model privat")));
  ASSERT_OK(custodian_->CreateDataset("admin", "other", schema_));
  EXPECT_THAT(request_for(policy::EXPORT_MODEL, "other", "private"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("model private learned from data set mails, not from other")));
  // It may be evaluated on other data.
  EXPECT_EQ(request_for(policy::EVALUATE, "other", "private")->model_classes,
            custodian_->GetModel("private")->classes);
}

TEST_F(Exporting, IsADecisionOfItsOwn) {
  Prepare("", "");
  const auto as = [&](const std::string& principal, const std::string& purpose) {
    return custodian_
        ->RequestExport(
            {.principal = principal, .model = "private", .purpose = purpose, .bytes = 1})
        .status();
  };
  ExpectDenied(as("trainer", "abuse"), "no rule permits", "no_matching_permit");
  ExpectDenied(as("release-manager", "ads"), "no rule permits", "no_matching_permit");
  EXPECT_THAT(Request("nobody").status(), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_OK(Request("plain").status());  // no release conditions anywhere
}

TEST_F(Exporting, EndsWithTheDeadlineOfTheModel) {
  Prepare("", "");
  clock_.now += absl::Hours(241);
  ExpectDenied(Request("private").status(), "the retention deadline of model private has passed",
               "expired");
}

TEST_F(Exporting, ReleasesNoKeyBeyondTheDeadlineOfTheModel) {
  Prepare("", "");
  const absl::Time deadline = custodian_->GetModel("private")->deadline;
  clock_.now = deadline - absl::Seconds(60);
  ASSERT_OK_AND_ASSIGN(const auto permit, Request("private"));
  EXPECT_EQ(permit.grant().expires_at, deadline);
  clock_.now = deadline;
  EXPECT_THAT(custodian_->ReleaseModelKey(permit).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(Exporting, TellsOfTheDataThatTheModelLearnedFrom) {
  Prepare("", "");
  ASSERT_OK(IngestOneShard());
  ASSERT_OK(Request("private").status());
  EXPECT_EQ(LastEvent().object().generation(), 1u);
  EXPECT_EQ(LastEvent().object().manifest_sha256(), "");  // custody keeps the newest only
  EXPECT_EQ(LastEvent().object().withheld_column_size(), 0);
  EXPECT_GT(LastEvent().privacy().ledger_epsilon(), 0);
}

// What an earlier set kept in stays in until the data are resealed.
TEST_F(Exporting, AsksTheSetsThatTheDataStandUnder) {
  ASSERT_OK(custodian_->CreateDataset("admin", "mails", schema_));
  const std::string first = WithKeys(kMailPolicy);
  ASSERT_OK(ApplyText(first));
  ASSERT_OK(IngestOneShard());
  ASSERT_OK(Train(PrivateRun("private")));
  ASSERT_OK(ApplyText(
      Next(absl::StrCat(first, absl::StrReplaceAll(kExportRule, {{"%OBLIGATION%", ""}})), first)));
  ExpectDenied(Request("private").status(), "which does not allow it", "sealed_under");
}

TEST_F(Exporting, IsApprovedForOneModel) {
  ASSERT_OK(custodian_->CreateDataset("admin", "mails", schema_));
  std::string rule = absl::StrReplaceAll(kExportRule, {{"%OBLIGATION%", ""}});
  rule = absl::StrReplaceAll(
      rule,
      {{"data_class: LABEL\n  }\n", "data_class: LABEL\n  }\n  when { approvals_at_least: 1 }\n"}});
  ASSERT_OK(ApplyText(absl::StrCat(WithKeys(kMailPolicy), rule)));
  ASSERT_OK(IngestOneShard());
  ASSERT_OK(Train(PrivateRun("private")));
  ASSERT_OK(Train(PlainRun("plain")));
  ExpectDenied(Request("private").status(), "no rule permits", "no_matching_permit");

  custody::AccessRequest request;
  request.set_principal("release-manager");
  request.add_action(policy::EXPORT_MODEL);
  request.set_dataset("mails");
  request.set_purpose("abuse");
  request.mutable_not_after()->set_seconds(absl::ToUnixSeconds(clock_.now + absl::Hours(1)));
  EXPECT_THAT(custodian_->DraftAccess(request),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("names one `model`")));
  request.set_model("private");
  ASSERT_OK_AND_ASSIGN(const std::string text, custodian_->DraftAccess(request));
  ASSERT_OK(
      custodian_->SubmitAccess("clerk", text, "leave.textproto",
                               *custody::ApproveAccess(text, "ada", approver_keys_.at("ada"))));
  EXPECT_EQ(LastEvent().object().model(), "private");
  // Nobody is asked to sign for a model that there is not, or not of these data.
  request.set_model("nobody");
  EXPECT_THAT(custodian_->DraftAccess(request), StatusIs(absl::StatusCode::kNotFound));
  const auto submit = [&](const std::string& changed) {
    return custodian_->SubmitAccess(
        "clerk", changed, "leave.textproto",
        *custody::ApproveAccess(changed, "ada", approver_keys_.at("ada")));
  };
  EXPECT_THAT(submit(absl::StrReplaceAll(text, {{"\"private\"", "\"nobody\""}})),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("nobody")));
  ASSERT_OK(custodian_->CreateDataset("admin", "others", schema_));
  EXPECT_THAT(
      submit(absl::StrReplaceAll(text, {{"\"mails\"", "\"others\""}})),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("leave.textproto: model private learned from data set mails, not from "
                         "others")));
  ASSERT_OK_AND_ASSIGN(auto permit, Request("private"));
  ASSERT_OK(custodian_->FinishExport(std::move(permit), Outcome::kSucceeded, Digest()));
  ExpectDenied(Request("plain").status(), "no rule permits", "no_matching_permit");
  // Nor may a model be named where none leaves.
  request.set_action(0, policy::TRAIN);
  EXPECT_THAT(custodian_->DraftAccess(request), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(Exporting, EndsWithALeaseThatIsRevoked) {
  Prepare("", "");
  ASSERT_OK_AND_ASSIGN(auto permit, Request("private"));
  ASSERT_OK(custodian_->ReleaseModelKey(permit).status());
  ASSERT_OK(custodian_->RevokeLease("admin", permit.grant().permit_id));
  EXPECT_THAT(custodian_->FinishExport(std::move(permit), Outcome::kSucceeded, Digest()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("revoked")));
  EXPECT_EQ(LastEvent().type(), audit::MODEL_EXPORTED);
  EXPECT_EQ(LastEvent().phase(), audit::FAILED);
}

TEST_F(Exporting, TellsOfAnExportThatFailed) {
  Prepare("", "");
  ASSERT_OK_AND_ASSIGN(auto permit, Request("private"));
  ASSERT_OK(custodian_->FinishExport(std::move(permit), Outcome::kFailed, Digest()));
  EXPECT_EQ(LastEvent().phase(), audit::FAILED);
  EXPECT_EQ(LastEvent().object().artifact_sha256(), "");
  // One that nobody ends is closed when custody is opened again.
  ASSERT_OK(Request("private").status());
  Reopen();
  EXPECT_EQ(LastEvent().type(), audit::MODEL_EXPORTED);
  EXPECT_EQ(LastEvent().phase(), audit::ABANDONED);
}

}  // namespace
}  // namespace sealtrain::testing
