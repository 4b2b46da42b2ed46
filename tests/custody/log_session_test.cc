// That a process writes to the log shows in the log: it began, it is there, it ended.
#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "sealtrain/custody/log_session_internal.h"
#include "sealtrain/custody/sqlite_internal.h"
#include "sealtrain/tests/custody/custody_fixture.h"

namespace sealtrain::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Session : public CustodyTest {
 protected:
  // Types of the session events from entry `begin` on, and that all are of one session.
  std::vector<audit::EventType> Told(std::size_t begin) {
    std::vector<audit::EventType> types;
    const std::vector<audit::Event> events = Events();
    std::string uid;
    for (std::size_t i = begin; i < events.size(); ++i) {
      const audit::Event& event = events[i];
      if (!IsOfSession(event)) continue;
      types.push_back(event.type());
      if (event.type() == audit::LOG_STARTED) {
        uid = event.uid();
      } else {
        EXPECT_EQ(event.request_uid(), uid);
      }
      EXPECT_EQ(event.phase(), audit::SUCCEEDED);
      EXPECT_EQ(event.actor().pid(), static_cast<std::uint32_t>(::getpid()));
      EXPECT_EQ(event.actor().executable_sha256().size(), 32u);
    }
    return types;
  }
};

TEST_F(Session, OfAProcessThatTellsNothingIsNotTold) {
  const std::size_t before = Events().size();
  ASSERT_OK(custodian_->ListDatasets());
  Reopen();
  EXPECT_EQ(Events().size(), before);
}

TEST_F(Session, BeginsBeforeTheFirstEventAndEndsWithTheProcess) {
  const std::size_t before = Events().size();
  ASSERT_OK(custodian_->CreateDataset("admin", "one", schema_));
  ASSERT_OK(custodian_->CreateDataset("admin", "two", schema_));
  ASSERT_EQ(Events().size(), before + 3);
  EXPECT_EQ(Events()[before].type(), audit::LOG_STARTED);
  custodian_.reset();
  EXPECT_THAT(Told(before), ElementsAre(audit::LOG_STARTED, audit::LOG_STOPPED));
  EXPECT_EQ(Events().back().type(), audit::LOG_STOPPED);
  Open();
  ASSERT_OK(custodian_->CreateDataset("admin", "three", schema_));
  EXPECT_THAT(Told(before + 4), ElementsAre(audit::LOG_STARTED));
}

TEST_F(Session, IsNotStoppedByAFailingDisk) {
  const std::size_t before = Events().size();
  ASSERT_OK(custodian_->CreateDataset("admin", "one", schema_));
  env_.FailOn(FaultEnv::Op::kSync, 0, absl::UnavailableError("disk"));
  custodian_.reset();
  env_.Heal();
  Open();
  // It may have reached the disk all the same, and is not told twice.
  EXPECT_LE(Told(before).size(), 2u);
  ASSERT_OK(custodian_->CreateDataset("admin", "two", schema_));
}

TEST_F(Session, ThatMayNotBeginReleasesNothing) {
  Furnish();
  Reopen();
  env_.FailOn(FaultEnv::Op::kSync, 0, absl::UnavailableError("disk"));
  EXPECT_THAT(RequestIngest(), StatusIs(absl::StatusCode::kUnavailable));
}

// Of the log alone: the key store may be on another one, or have space within its file.
TEST_F(Session, OnAFullDiskEndsWhatItBeganAndBeginsNothing) {
  Furnish();
  ASSERT_OK_AND_ASSIGN(custody::IngestPermits job, RequestIngest());
  env_.LeaveSpace(0);
  absl::Status refused;
  int begun = 0;
  while ((refused = RequestIngest().status()).ok()) ASSERT_LT(++begun, 1'000);
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("disk")));
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("make room")));
  EXPECT_OK(custodian_->FinishSeal(std::move(job.seal), custody::Outcome::kFailed));
  EXPECT_THAT(RequestIngest(), StatusIs(absl::StatusCode::kUnavailable));

  env_.LeaveSpace(std::nullopt);
  ASSERT_OK_AND_ASSIGN(job, RequestIngest());
  const std::size_t going_on = Events().size();
  EXPECT_EQ(Events()[going_on - 3].phase(), audit::FAILED);
  EXPECT_EQ(Events()[going_on - 2].phase(), audit::INTENT);

  env_.LeaveSpace(0);
  while (RequestIngest().ok()) ASSERT_LT(++begun, 1'000);
  custodian_.reset();
  env_.LeaveSpace(std::nullopt);
  Open();
  const std::vector<audit::Event> events = Events();
  const auto stopped = std::find_if(events.begin(), events.end(), [](const audit::Event& event) {
    return event.type() == audit::LOG_STOPPED;
  });
  ASSERT_NE(stopped, events.end());
  // Behind it is what the next one found: jobs that never ended.
  for (auto it = stopped + 1; it != events.end(); ++it) EXPECT_EQ(it->phase(), audit::ABANDONED);
}

// Nothing of it was recorded, so it is no opening, and nothing is owed.
TEST_F(Session, ForgetsWhatAFullDiskRefused) {
  Furnish();
  env_.LeaveSpace(0);
  int begun = 0;
  while (RequestIngest().ok()) ASSERT_LT(++begun, 1'000);
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(RequestIngest(), StatusIs(absl::StatusCode::kUnavailable));
  }
  custodian_.reset();
  env_.LeaveSpace(std::nullopt);
  Open();
  const std::vector<audit::Event> events = Events();
  // Of the request at which the disk became full the first of two intents may have had space.
  EXPECT_LE(std::count_if(events.begin(), events.end(),
                          [](const audit::Event& e) { return e.phase() == audit::ABANDONED; }),
            begun + 1);
}

// The log has space for an event, and the key store none to forget that it owes it.
TEST_F(Session, TellsNothingTwiceThatCouldNotBeForgotten) {
  Furnish();  // with one data set
  custodian_.reset();
  {
    ASSERT_OK_AND_ASSIGN(custody::Database db,
                         custody::Database::Open(JoinPath(home(), "keystore.db")));
    ASSERT_OK(
        db.Execute("CREATE TRIGGER full BEFORE DELETE ON owed_event "
                   "WHEN (SELECT count(*) FROM dataset) = 2 "
                   "BEGIN SELECT RAISE(ABORT, 'full'); END"));
  }
  Open();
  ASSERT_OK(custodian_->CreateDataset("admin", "one", schema_));
  ASSERT_OK(custodian_->CreateDataset("admin", "two", schema_));
  Reopen();
  std::set<std::string> uids;
  for (const audit::Event& event : Events()) EXPECT_TRUE(uids.insert(event.uid()).second);
}

// The first of a request's two intents fits, the second does not.
TEST_F(Session, TellsNothingTwiceAfterAFullDisk) {
  Furnish();
  const auto request = [&] {
    return custodian_->RequestIngest(
        {.principal = "job", .dataset = "mails", .purpose = "abuse", .why = "ticket 4711"});
  };
  env_.LeaveSpace(0);
  int begun = 0;
  while (request().ok()) ASSERT_LT(++begun, 1'000);
  for (int i = 0; i < 50; ++i) {
    env_.LeaveSpace(100);
    request().status().IgnoreError();
  }
  env_.LeaveSpace(std::nullopt);
  ASSERT_OK(request());
  Reopen();
  std::set<std::string> uids;
  int halves = 0;
  const std::vector<audit::Event> events = Events();
  for (std::size_t i = 0; i < events.size(); ++i) {
    EXPECT_TRUE(uids.insert(events[i].uid()).second) << "entry " << i;
    if (events[i].phase() != audit::INTENT || events[i].why().empty()) continue;
    if (i + 1 == events.size() || events[i + 1].phase() != audit::INTENT) ++halves;
  }
  EXPECT_GT(halves, 0);
}

TEST_F(Session, BeatsWhileItIsSilent) {
  custodian_.reset();
  custody::CustodianOptions often = options();
  often.heartbeat = absl::Milliseconds(1);
  ASSERT_OK_AND_ASSIGN(custodian_, Custodian::Open(often, passphrase_));
  const std::size_t before = Events().size();
  absl::SleepFor(absl::Milliseconds(20));
  EXPECT_THAT(Told(before), IsEmpty());  // nothing told, nothing to be alive for
  ASSERT_OK(custodian_->CreateDataset("admin", "one", schema_));
  // However slow the machine is: it ends when it has seen two.
  while (Told(before).size() < 3) absl::SleepFor(absl::Milliseconds(1));
  custodian_.reset();
  std::vector<audit::EventType> told = Told(before);
  EXPECT_EQ(told.front(), audit::LOG_STARTED);
  EXPECT_EQ(told[1], audit::HEARTBEAT);
  EXPECT_EQ(told.back(), audit::LOG_STOPPED);
  // A heartbeat is nothing that a key store which was put back would have to know of.
  EXPECT_OK(Custodian::CheckHome(options()));
  Open();
}

// The heart of one thread and the events of others.
TEST_F(Session, BeatsBesideManyThreads) {
  audit::LogOptions log_options{.directory = dir_.Join("log"), .origin = "example.org/log"};
  const auto key = [] {
    return *crypto::SigningKey::FromSeed(*crypto::SecretBytes::CopyFrom(Bytes(32, 7)));
  };
  ASSERT_OK(audit::AuditLog::Create(env_, log_options, key()));
  ASSERT_OK_AND_ASSIGN(auto log, audit::AuditLog::Open(env_, log_options, key()));
  {
    custody::LogSession session(*log, absl::Microseconds(100));
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&session] {
        for (int i = 0; i < 20; ++i) {
          audit::Event event;
          event.set_type(audit::DATASET_CREATED);
          event.set_phase(audit::SUCCEEDED);
          EXPECT_OK(session.Append(event));
          absl::SleepFor(absl::Microseconds(100));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    session.Stop();
    EXPECT_THAT(session.Append(audit::Event()), StatusIs(absl::StatusCode::kFailedPrecondition));
  }
  log.reset();
  ASSERT_OK_AND_ASSIGN(auto reader, audit::LogReader::Open(env_, log_options.directory));
  int created = 0;
  std::vector<audit::EventType> types;
  ASSERT_OK(reader->ForEach(0, reader->checkpoint().size, [&](const audit::Entry& entry) {
    types.push_back(entry.event.type());
    created += entry.event.type() == audit::DATASET_CREATED ? 1 : 0;
    return true;
  }));
  EXPECT_EQ(created, 80);
  EXPECT_EQ(types.front(), audit::LOG_STARTED);
  EXPECT_EQ(types.back(), audit::LOG_STOPPED);
}

}  // namespace
}  // namespace sealtrain::testing
