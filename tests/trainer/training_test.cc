// Whole runs with a real custodian: from sealed mails to a sealed model and its
// evaluation.
#include "sealtrain/trainer/training.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/pipeline/ingestion.h"
#include "sealtrain/pipeline/source.h"
#include "sealtrain/tests/util/fault_env.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/tests/util/test_world.h"
#include "sealtrain/trainer/model_artifact.h"
#include "sealtrain/trainer/model_weights.h"

namespace sealtrain::trainer {
namespace {

namespace fs = std::filesystem;
using ::sealtrain::testing::DiskChange;
using ::sealtrain::testing::FaultEnv;
using ::sealtrain::testing::ForwardingEnv;
using ::sealtrain::testing::StatusIs;
using ::sealtrain::testing::TestWorld;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kMailProto[] = R"(
syntax = "proto3";
import "sealtrain/data_class.proto";
message Mail {
  string sender = 1 [(sealtrain.privacy).data_class = SUBJECT_KEY];
  string body = 2 [(sealtrain.privacy).data_class = FREE_TEXT];
  optional double hour = 3 [(sealtrain.privacy).data_class = FEATURE];
  string label = 4 [(sealtrain.privacy).data_class = LABEL];
}
)";

// No word of a mail; it stands in every body.
constexpr char kCanary[] = "xylophonist";

constexpr char kSpec[] = R"(
feature {
  hashed_text { column: "body" buckets: 64 tokens: WORDS max_ngram: 1 max_bytes_a_row: 1000 }
}
feature { numeric { column: "hour" min: 0 max: 24 } }
label { column: "label" value: ["ham", "spam"] }
model { logistic_regression {} }
optimizer { adam {} steps: 60 learning_rate: 0.2 sampling_rate: 0.5 }
)";
constexpr char kPrivacy[] =
    "privacy { unit: SUBJECT clipping_norm: 1 epsilon: 3 delta: 1e-5 expected_batch: 50 }";

// To be appended to TestWorld::kKeepPolicy: opening costs privacy.
constexpr char kPrivacyRule[] = R"(
rule {
  id: "private"
  permit {
    obligation { dp { epsilon_max: 3 delta_max: 1e-5 unit: SUBJECT ledger_epsilon: 4 } }
  }
  scope {
    principal: "user:test" action: TRAIN dataset: "*" purpose: "test"
    data_class: SUBJECT_KEY data_class: FREE_TEXT data_class: FEATURE data_class: LABEL
  }
}
)";

class TrainingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(world_, TestWorld::Create());
    ASSERT_OK(world_->ApplyPolicy(Rules()));
    ASSERT_OK(Ingest("mails", 100));
  }
  virtual std::string Rules() const { return TestWorld::kKeepPolicy; }

  // Mails by `senders`, two of each; every second sender is a spammer.
  absl::Status Ingest(const std::string& dataset, int senders, const std::string& more = "") {
    absl::Status created = world_->CreateDataset(dataset, kMailProto, "Mail");
    if (!created.ok()) return created;
    std::string csv = "sender,body,hour,label\n";
    for (int i = 0; i < 2 * senders; ++i) {
      const bool spam = i / 2 % 2 == 1;
      absl::StrAppend(&csv, "s", i / 2, spam ? ",buy pills now " : ",see you at lunch ", kCanary,
                      ",", i % 24, spam ? ",spam\n" : ",ham\n");
    }
    std::istringstream input(csv + more);
    pipeline::IngestionOptions options;
    options.store = world_->store();
    options.request = {
        .principal = TestWorld::kPrincipal, .dataset = dataset, .purpose = TestWorld::kPurpose};
    options.rows_per_group = 64;
    auto job = pipeline::Ingestion::Start(custody(), options);
    if (!job.ok()) return job.status();
    auto info = custody().GetDataset(dataset);
    if (!info.ok()) return info.status();
    auto source = pipeline::OpenSource(pipeline::Format::kCsv, input, "mails.csv", info->schema);
    absl::Status appended = (*job)->AppendAll(*source, nullptr, [] { return false; });
    if (!appended.ok()) return appended;
    return (*job)->Commit().status();
  }

  custody::Custody& custody() { return world_->custody(); }

  TrainOptions Options(const std::string& spec, const std::string& model = "spam") {
    TrainOptions options;
    options.store = world_->store();
    options.principal = TestWorld::kPrincipal;
    options.dataset = "mails";
    options.purpose = TestWorld::kPurpose;
    options.model = model;
    options.spec = ParseTrainSpec(spec, "spec").value();
    return options;
  }

  absl::StatusOr<EvaluateResult> EvaluateOn(const std::string& dataset,
                                            const std::string& model = "spam") {
    return Evaluate(custody(), {.store = world_->store(),
                                .principal = TestWorld::kPrincipal,
                                .dataset = dataset,
                                .purpose = TestWorld::kPurpose,
                                .model = model});
  }

  std::string ArtifactPath(const std::string& model = "spam") {
    return ModelPath(world_->store(), model);
  }

  // Nothing of a run is left: no lease, no model, no file.
  void ExpectNoTrace() {
    EXPECT_THAT(custody().ListLeases().value(), IsEmpty());
    EXPECT_THAT(custody().ListModels().value(), IsEmpty());
    EXPECT_FALSE(fs::exists(ArtifactPath()));
  }

  std::unique_ptr<TestWorld> world_;
};

TEST_F(TrainingTest, TrainsSealsAndEvaluates) {
  ASSERT_OK_AND_ASSIGN(const TrainResult result, Train(custody(), Options(kSpec)));
  EXPECT_EQ(result.parameters, 64u + 2u + 1u);
  EXPECT_EQ(result.steps, 60u);
  EXPECT_FALSE(result.noise_multiplier.has_value());
  EXPECT_FALSE(result.model.dp.has_value());
  EXPECT_EQ(result.model.dataset, "mails");
  EXPECT_EQ(result.model.generation, 1u);
  EXPECT_EQ(result.artifact_bytes, fs::file_size(ArtifactPath()));
  EXPECT_THAT(custody().ListLeases().value(), IsEmpty());

  ASSERT_OK(Ingest("fresh", 30));
  ASSERT_OK_AND_ASSIGN(const EvaluateResult scores, EvaluateOn("fresh"));
  EXPECT_EQ(scores.rows, 60u);
  EXPECT_EQ(scores.accuracy, 1);
  EXPECT_EQ(scores.auc, 1);
  EXPECT_EQ(scores.majority, 0.5);
  EXPECT_THAT(custody().ListLeases().value(), IsEmpty());
}

TEST_F(TrainingTest, WritesNoPlaintextAnywhere) {
  ASSERT_OK(Train(custody(), Options(kSpec)).status());
  ASSERT_OK(EvaluateOn("mails").status());
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(world_->folder().path())) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    EXPECT_FALSE(absl::StrContains(bytes, kCanary)) << entry.path();
    ++files;
  }
  EXPECT_GT(files, 5);
}

TEST_F(TrainingTest, DescribesTheRunInTheHeader) {
  TrainOptions options = Options(kSpec);
  options.spec_sha256 = Digest{1, 2, 3};
  ASSERT_OK_AND_ASSIGN(const TrainResult result, Train(custody(), options));
  ASSERT_OK_AND_ASSIGN(const StoredModel stored,
                       ReadModel(Env::Posix(), world_->store(), result.model));
  const ModelHeader& header = stored.parsed.header;
  ASSERT_OK_AND_ASSIGN(const custody::DatasetInfo dataset, custody().GetDataset("mails"));
  EXPECT_EQ(header.dataset(), "mails");
  EXPECT_EQ(header.purpose(), TestWorld::kPurpose);
  EXPECT_EQ(AsBytes(header.manifest_sha256()), ByteSpan(dataset.manifest_sha256));
  EXPECT_EQ(AsBytes(header.policy_sha256()), ByteSpan(result.model.policy_sha256));
  EXPECT_EQ(AsBytes(header.spec_sha256()), ByteSpan(*options.spec_sha256));
  EXPECT_EQ(header.spec().SerializeAsString(), options.spec.SerializeAsString());
  EXPECT_FALSE(header.has_privacy());
}

TEST_F(TrainingTest, ChargesAPrivateRunAndSaysWhatItProves) {
  ASSERT_OK(world_->ApplyPolicy(absl::StrCat(TestWorld::kKeepPolicy, kPrivacyRule)));
  ASSERT_OK_AND_ASSIGN(const TrainResult result,
                       Train(custody(), Options(absl::StrCat(kSpec, kPrivacy))));
  ASSERT_TRUE(result.model.dp.has_value());
  EXPECT_EQ(result.model.dp->unit, policy::SUBJECT);
  EXPECT_EQ(result.model.dp->phase.steps, 60u);
  EXPECT_EQ(result.model.dp->phase.noise_multiplier, result.noise_multiplier);
  EXPECT_GT(result.model.epsilon, 2.5);
  EXPECT_LE(result.model.epsilon, 3);

  ASSERT_OK_AND_ASSIGN(const StoredModel stored,
                       ReadModel(Env::Posix(), world_->store(), result.model));
  const ModelPrivacy& stated = stored.parsed.header.privacy();
  EXPECT_EQ(stated.epsilon(), result.model.epsilon);
  EXPECT_EQ(stated.noise_multiplier(), result.noise_multiplier);

  ASSERT_OK_AND_ASSIGN(const std::vector<custody::Budget> budgets, custody().GetBudgets("mails"));
  ASSERT_THAT(budgets, SizeIs(1));
  ASSERT_THAT(budgets[0].entries, SizeIs(1));
  EXPECT_TRUE(budgets[0].entries[0].settled);
  EXPECT_EQ(budgets[0].entries[0].plan.phase.steps, 60u);

  // A second run of that price does not fit in the ledger.
  EXPECT_THAT(Train(custody(), Options(absl::StrCat(kSpec, kPrivacy), "again")).status(),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_FALSE(fs::exists(ArtifactPath("again")));
}

TEST_F(TrainingTest, IsDeniedWithoutThePrivacyThatThePolicyObliges) {
  ASSERT_OK(world_->ApplyPolicy(absl::StrCat(TestWorld::kKeepPolicy, kPrivacyRule)));
  EXPECT_THAT(Train(custody(), Options(kSpec)).status(),
              StatusIs(absl::StatusCode::kPermissionDenied));
  ExpectNoTrace();
}

TEST_F(TrainingTest, IsDeniedToAStranger) {
  TrainOptions options = Options(kSpec);
  options.principal = "user:stranger";
  EXPECT_THAT(Train(custody(), options).status(), StatusIs(absl::StatusCode::kPermissionDenied));
  ExpectNoTrace();

  ASSERT_OK(Train(custody(), Options(kSpec)).status());
  EXPECT_THAT(Evaluate(custody(), {.store = world_->store(),
                                   .principal = "user:stranger",
                                   .dataset = "mails",
                                   .purpose = TestWorld::kPurpose,
                                   .model = "spam"})
                  .status(),
              StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_F(TrainingTest, FindsASpecThatDoesNotFitBeforeAnythingIsAsked) {
  ASSERT_OK(world_->ApplyPolicy(absl::StrCat(TestWorld::kKeepPolicy, kPrivacyRule)));
  const std::string spec = absl::StrReplaceAll(kSpec, {{"\"hour\"", "\"minute\""}});
  EXPECT_THAT(Train(custody(), Options(absl::StrCat(spec, kPrivacy))).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("column minute")));
  ExpectNoTrace();
  EXPECT_THAT(custody().GetBudgets("mails").value(), IsEmpty());
}

TEST_F(TrainingTest, RefusesAModelNameThatIsNoneOrTaken) {
  EXPECT_THAT(Train(custody(), Options(kSpec, "../spam")).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("model's name")));
  ASSERT_OK(Train(custody(), Options(kSpec)).status());
  EXPECT_THAT(Train(custody(), Options(kSpec)).status(),
              StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_OK(EvaluateOn("mails").status());
}

TEST_F(TrainingTest, ClosesARunThatFindsABadRow) {
  ASSERT_OK(Ingest("bad", 3, "who,what,1,neither\n"));
  TrainOptions options = Options(kSpec);
  options.dataset = "bad";
  EXPECT_THAT(Train(custody(), options).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("row 6")));
  ExpectNoTrace();
}

TEST_F(TrainingTest, DoesNotTellOfABadRowInAPrivateRun) {
  ASSERT_OK(world_->ApplyPolicy(absl::StrCat(TestWorld::kKeepPolicy, kPrivacyRule)));
  ASSERT_OK(Ingest("bad", 3, "who,what,1,neither\n"));
  TrainOptions options = Options(absl::StrCat(kSpec, kPrivacy));
  options.dataset = "bad";
  EXPECT_OK(Train(custody(), options).status());
}

TEST_F(TrainingTest, ClosesARunThatIsStoppedAndSettlesTheStepsTaken) {
  ASSERT_OK(world_->ApplyPolicy(absl::StrCat(TestWorld::kKeepPolicy, kPrivacyRule)));
  TrainOptions options = Options(absl::StrCat(kSpec, kPrivacy));
  int asked = 0;
  options.stop = [&asked] { return ++asked > 5; };
  EXPECT_THAT(Train(custody(), options).status(), StatusIs(absl::StatusCode::kCancelled));
  ExpectNoTrace();
  ASSERT_OK_AND_ASSIGN(const std::vector<custody::Budget> budgets, custody().GetBudgets("mails"));
  ASSERT_THAT(budgets, SizeIs(1));
  ASSERT_THAT(budgets[0].entries, SizeIs(1));
  EXPECT_TRUE(budgets[0].entries[0].settled);
  EXPECT_LT(budgets[0].entries[0].epsilon, 2.5);
}

TEST_F(TrainingTest, ClosesARunWhoseModelCannotBeWritten) {
  for (const FaultEnv::Op op : {FaultEnv::Op::kOpenForWrite, FaultEnv::Op::kAppend,
                                FaultEnv::Op::kSync, FaultEnv::Op::kRename}) {
    FaultEnv env;
    env.FailOn(op, 0, absl::UnavailableError("disk full"));
    TrainOptions options = Options(kSpec);
    options.env = &env;
    EXPECT_THAT(Train(custody(), options).status(),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("disk full")));
    ExpectNoTrace();
  }
  EXPECT_OK(Train(custody(), Options(kSpec)).status());
}

TEST_F(TrainingTest, OpensNoColumnThatThePolicyWithholds) {
  const std::string rule = R"(
rule {
  id: "no text"
  permit { obligation { transform { on_class: FREE_TEXT kind: DROP } } }
  scope {
    principal: "user:test" action: TRAIN dataset: "*" purpose: "test" data_class: FREE_TEXT
  }
}
)";
  ASSERT_OK(world_->ApplyPolicy(absl::StrCat(TestWorld::kKeepPolicy, rule)));
  EXPECT_THAT(Train(custody(), Options(kSpec)).status(),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("body")));
  ExpectNoTrace();
}

TEST_F(TrainingTest, EvaluatesNoModelThatWasChanged) {
  ASSERT_OK(Train(custody(), Options(kSpec)).status());
  ASSERT_OK(Train(custody(), Options(kSpec, "other")).status());
  ASSERT_OK_AND_ASSIGN(std::string good, Env::Posix().ReadFile(ArtifactPath(), 1 << 20));
  ASSERT_OK_AND_ASSIGN(const std::string other,
                       Env::Posix().ReadFile(ArtifactPath("other"), 1 << 20));
  std::string flipped = good;
  flipped.back() = static_cast<char>(flipped.back() ^ 1);
  for (const std::string& wrong : {flipped, other, good.substr(0, good.size() - 1)}) {
    ASSERT_OK(WriteFileDurably(Env::Posix(), ArtifactPath(), AsBytes(wrong)));
    EXPECT_THAT(EvaluateOn("mails").status(), StatusIs(absl::StatusCode::kDataLoss));
  }
  ASSERT_OK(WriteFileDurably(Env::Posix(), ArtifactPath(), AsBytes(good)));
  EXPECT_OK(EvaluateOn("mails").status());
}

constexpr char kExportRule[] = R"(
rule {
  id: "export"
  permit { obligation { release {
    epsilon_max: 3 delta_max: 1e-5 unit: SUBJECT max_bytes: 4096 } } }
  scope {
    principal: "user:test" action: EXPORT_MODEL dataset: "*" purpose: "test"
    data_class: SUBJECT_KEY data_class: FREE_TEXT data_class: FEATURE data_class: LABEL
  }
}
)";

class ExportTest : public TrainingTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(TrainingTest::SetUp());
    ASSERT_OK(Train(custody(), Options(absl::StrCat(kSpec, kPrivacy))).status());
  }
  std::string Rules() const override { return absl::StrCat(TestWorld::kKeepPolicy, kExportRule); }
  std::string out() const { return world_->folder().Join("spam.safetensors"); }
  void ExpectNothingLeft() {
    for (const auto& entry : fs::directory_iterator(world_->folder().path())) {
      EXPECT_FALSE(absl::StrContains(entry.path().string(), "safetensors")) << entry.path();
    }
  }
  absl::StatusOr<ExportResult> Export(const std::string& model = "spam", Env& env = Env::Posix()) {
    return ExportModel(custody(), {.store = world_->store(),
                                   .principal = TestWorld::kPrincipal,
                                   .model = model,
                                   .purpose = TestWorld::kPurpose,
                                   .out = out(),
                                   .env = &env});
  }
};

TEST_F(ExportTest, WritesTheWeightsAsTheyWereSealed) {
  ASSERT_OK_AND_ASSIGN(const ExportResult result, Export());
  ASSERT_OK_AND_ASSIGN(const std::string file, Env::Posix().ReadFile(out(), 1 << 20));
  EXPECT_EQ(result.bytes, file.size());
  EXPECT_EQ(result.sha256, crypto::Sha256(AsBytes(file)));
  EXPECT_OK(DecodeWeights(AsBytes(file), 64 + 2 + 1));
  EXPECT_EQ(file.size(), WeightsFileBytes(64 + 2 + 1));
  EXPECT_THAT(custody().ListLeases().value(), IsEmpty());
  // What is there is never written over, and not even asked for.
  EXPECT_THAT(Export().status(), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ(*Env::Posix().ReadFile(out(), 1 << 20), file);
}

TEST_F(ExportTest, LeavesNothingOfAModelThatMayNotLeave) {
  ASSERT_OK(Train(custody(), Options(kSpec, "plain")).status());
  EXPECT_THAT(Export("plain").status(), StatusIs(absl::StatusCode::kPermissionDenied,
                                                 HasSubstr("without differential privacy")));
  ExpectNothingLeft();
}

TEST_F(ExportTest, LeavesNothingOfAWriteThatFailed) {
  for (const FaultEnv::Op op : {FaultEnv::Op::kOpenForWrite, FaultEnv::Op::kAppend,
                                FaultEnv::Op::kSync, FaultEnv::Op::kRename}) {
    FaultEnv env;
    env.FailOn(op, 0, absl::UnavailableError("disk full"));
    EXPECT_THAT(Export("spam", env).status(),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("disk full")));
    ExpectNothingLeft();
    EXPECT_THAT(custody().ListLeases().value(), IsEmpty());
  }
  EXPECT_OK(Export().status());
}

TEST_F(ExportTest, ReplacesNoFileThatWasMadeMeanwhile) {
  // Somebody is quicker by the time that ours is written.
  class Rival final : public ForwardingEnv {
   public:
    explicit Rival(std::string path) : path_(std::move(path)) {}
    absl::Status Around(DiskChange& change, absl::FunctionRef<absl::Status()> run) override {
      if (change.kind == DiskChange::Kind::kSync) {
        EXPECT_OK(WriteFileDurably(Env::Posix(), path_, AsBytes("theirs")));
      }
      return run();
    }

   private:
    const std::string path_;
  };
  Rival env(out());
  EXPECT_THAT(Export("spam", env).status(),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr(out())));
  EXPECT_EQ(*Env::Posix().ReadFile(out(), 1 << 20), "theirs");
  fs::remove(out());
  ExpectNothingLeft();
}

// No record, no model: whichever write of custody's fails.
TEST_F(ExportTest, LeavesNothingWhereTheLogCannotTellOfIt) {
  int refused = 0;
  for (int skip = 0;; ++skip) {
    FaultEnv env;
    ASSERT_OK(world_->Reopen(env));
    env.FailOn(FaultEnv::Op::kSync, skip, absl::UnavailableError("disk full"));
    if (Export().ok()) {
      fs::remove(out());
    } else {
      ExpectNothingLeft();
      ++refused;
    }
    const bool failed = env.failures() > 0;
    ASSERT_OK(world_->Reopen());
    if (!failed) break;
  }
  EXPECT_GE(refused, 2);  // that it begins, and that it leaves
}

TEST_F(ExportTest, ExportsNoModelThatWasChanged) {
  ASSERT_OK_AND_ASSIGN(std::string file, Env::Posix().ReadFile(ArtifactPath(), 1 << 20));
  file.back() = static_cast<char>(file.back() ^ 1);
  ASSERT_OK(WriteFileDurably(Env::Posix(), ArtifactPath(), AsBytes(file)));
  EXPECT_THAT(Export().status(), StatusIs(absl::StatusCode::kDataLoss));
  ExpectNothingLeft();
}

TEST_F(TrainingTest, EvaluatesOnlyDataThatHasTheColumns) {
  ASSERT_OK(Train(custody(), Options(kSpec)).status());
  ASSERT_OK(world_->CreateDataset(
      "short", absl::StrReplaceAll(kMailProto, {{"optional double hour", "double minute"}}),
      "Mail"));
  EXPECT_FALSE(EvaluateOn("short").ok());
  EXPECT_THAT(EvaluateOn("nowhere").status(), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(EvaluateOn("mails", "nothing").status(), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(custody().ListLeases().value(), IsEmpty());
}

TEST_F(TrainingTest, ModelsSurviveANewProcess) {
  ASSERT_OK(Train(custody(), Options(kSpec)).status());
  ASSERT_OK(world_->Reopen());
  ASSERT_OK_AND_ASSIGN(const EvaluateResult scores, EvaluateOn("mails"));
  EXPECT_EQ(scores.accuracy, 1);
}

}  // namespace
}  // namespace sealtrain::trainer
