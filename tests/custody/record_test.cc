// No record, no key: what happens when the log cannot be written.
#include <thread>

#include "sealtrain/tests/custody/custody_fixture.h"

namespace sealtrain::testing {
namespace {

using custody::Outcome;
using ::testing::IsEmpty;
using Op = FaultEnv::Op;

class RecordBeforeRelease : public FurnishedCustodyTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(FurnishedCustodyTest::SetUp());
    ASSERT_OK(IngestOneShard());
    auto permit = *custodian_->RequestTrain(PlainRun("ready"));
    const auto key = *custodian_->ReleaseNewModelKey(permit);
    ASSERT_OK(custodian_->FinishTrain(std::move(permit), Outcome::kSucceeded, 1, key.object_id,
                                      Digest{}));
  }
  custody::EvaluateRequest Evaluation() const {
    return {.principal = "trainer",
            .dataset = "mails",
            .purpose = "plain",
            .columns = {"body"},
            .model = "ready"};
  }
  static custody::ExportRequest Export() {
    return {.principal = "trainer", .model = "ready", .purpose = "plain", .bytes = 1};
  }
  // Every kind of request, as a status.
  std::vector<std::function<absl::Status()>> Requests() {
    return {[this] { return RequestIngest().status(); },
            [this] { return custodian_->RequestTrain(PlainRun("m")).status(); },
            [this] { return custodian_->RequestTrain(PrivateRun("p")).status(); },
            [this] { return custodian_->RequestEvaluate(Evaluation()).status(); },
            [this] { return custodian_->RequestExport(Export()).status(); }};
  }
};

TEST_F(RecordBeforeRelease, GivesNoPermitWhenTheLogCannotBeMadeDurable) {
  for (const Op op : {Op::kSync, Op::kAppend}) {
    for (std::size_t i = 0; i < Requests().size(); ++i) {
      const std::size_t events = Events().size();
      env_.FailOn(op, 0, absl::UnavailableError("disk"));
      EXPECT_THAT(Requests()[i](), StatusIs(absl::StatusCode::kUnavailable)) << i;
      // Nothing is left that a key could be had for.
      EXPECT_THAT(*custodian_->ListLeases(), IsEmpty()) << i;
      // A log that failed once is not trusted again, healed or not.
      env_.Heal();
      for (const auto& request : Requests()) {
        EXPECT_THAT(request(), StatusIs(absl::StatusCode::kUnavailable)) << i;
      }
      Reopen();
      EXPECT_GE(Events().size(), events);
      EXPECT_THAT(*custodian_->ListLeases(), IsEmpty()) << i;
      EXPECT_OK(Requests()[i]()) << i;
      Reopen();
    }
  }
}

TEST_F(RecordBeforeRelease, DeniesWithTheLogsErrorWhenADenialCannotBeWritten) {
  custody::TrainRequest request = PlainRun("m");
  request.purpose = "ads";
  env_.FailOn(Op::kSync, 0, absl::UnavailableError("disk"));
  EXPECT_THAT(custodian_->RequestTrain(request), StatusIs(absl::StatusCode::kUnavailable));
}

// The permit's id is that of an event which is durable when the permit is seen:
// a copy of the log at that moment proves it.
TEST_F(RecordBeforeRelease, HasTheIntentInTheSignedLogBeforeAnyKeyIsAskedFor) {
  ASSERT_OK_AND_ASSIGN(auto permit, custodian_->RequestTrain(PlainRun("m")));
  EXPECT_EQ(LastEvent().uid(), Text(permit.grant().permit_id));
  EXPECT_EQ(LastEvent().phase(), audit::INTENT);
  // Nothing is written when keys are released: it all was before.
  env_.FailOn(Op::kSync, 0, absl::UnavailableError("disk"));
  const int syncs = env_.count(Op::kSync);
  EXPECT_OK(custodian_->ReleaseShardKeys(permit, newest_.shard(0)));
  EXPECT_EQ(env_.count(Op::kSync), syncs);
}

// The second of the two events of an ingestion fails: the first is no permit.
TEST_F(RecordBeforeRelease, NeedsBothEventsOfAnIngestion) {
  Reopen();  // LOG_STARTED is told before, here as below
  const int before = env_.count(Op::kSync);
  ASSERT_OK(RequestIngest());
  const int syncs = env_.count(Op::kSync) - before;
  ASSERT_GE(syncs, 2);
  Reopen();
  env_.FailOn(Op::kSync, syncs - 1, absl::UnavailableError("disk"));
  EXPECT_THAT(RequestIngest(), StatusIs(absl::StatusCode::kUnavailable));
  Reopen();
  EXPECT_EQ(LastEvent().phase(), audit::ABANDONED);
  const std::vector<audit::Event> events = Events();
  const auto begun = std::find_if(events.rbegin(), events.rend(), [](const audit::Event& event) {
    return event.action() == "INGEST" && event.phase() == audit::INTENT;
  });
  ASSERT_NE(begun, events.rend());
  const auto ended = std::find_if(events.rbegin(), begun, [&](const audit::Event& event) {
    return event.request_uid() == begun->request_uid() && event.phase() == audit::ABANDONED;
  });
  EXPECT_NE(ended, begun);
}

TEST_F(RecordBeforeRelease, HoldsForManyThreadsAtOnce) {
  std::vector<std::thread> threads;
  std::vector<std::vector<std::string>> ids(4);
  for (std::vector<std::string>& mine : ids) {
    threads.emplace_back([this, &mine] {
      for (int i = 0; i < 5; ++i) {
        auto permit = custodian_->RequestTrain(PlainRun("m"));
        if (!permit.ok()) return;
        if (!custodian_->ReleaseShardKeys(*permit, newest_.shard(0)).ok()) return;
        mine.push_back(Text(permit->grant().permit_id));
        if (!custodian_->FinishTrain(*std::move(permit), Outcome::kFailed, 0, Id{}, Digest{})
                 .ok()) {
          return;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::map<std::string, int> phases;
  for (const audit::Event& event : Events()) {
    phases[event.request_uid()] += event.phase() == audit::INTENT ? 1 : 100;
  }
  for (const std::vector<std::string>& mine : ids) {
    ASSERT_THAT(mine, ::testing::SizeIs(5));
    for (const std::string& id : mine) EXPECT_EQ(phases[id], 101);
  }
}

TEST_F(RecordBeforeRelease, ClosesJobsOfProcessesThatAreGone) {
  ASSERT_OK_AND_ASSIGN(auto train, custodian_->RequestTrain(PlainRun("m")));
  ASSERT_OK_AND_ASSIGN(auto ingest, RequestIngest());
  Reopen();
  const std::vector<audit::Event> events = Events();
  const audit::Event& first = events[events.size() - 2];
  const audit::Event& second = events.back();
  EXPECT_EQ(first.type(), audit::TRAIN_ACCESS);
  EXPECT_EQ(first.phase(), audit::ABANDONED);
  EXPECT_EQ(first.request_uid(), Text(train.grant().permit_id));
  EXPECT_EQ(second.type(), audit::SEAL_ACCESS);
  EXPECT_EQ(second.phase(), audit::ABANDONED);
  EXPECT_EQ(second.request_uid(), Text(ingest.seal.grant().permit_id));
  EXPECT_THAT(*custodian_->ListLeases(), IsEmpty());
  // The permits of the process that is gone are worth nothing any more.
  EXPECT_THAT(custodian_->ReleaseShardKeys(train, newest_.shard(0)),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(custodian_->FinishSeal(std::move(ingest.seal), custody::Outcome::kFailed),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  Reopen();
  EXPECT_EQ(Events().size(), events.size());
}

}  // namespace
}  // namespace sealtrain::testing
