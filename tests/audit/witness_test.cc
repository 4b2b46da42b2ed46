#include "sealtrain/audit/witness.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "absl/strings/str_cat.h"
#include "sealtrain/audit/cosignature.h"
#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/audit/test_tree.h"
#include "sealtrain/tests/util/fault_env.h"
#include "sealtrain/tests/util/recording_env.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/tests/util/temp_dir.h"

namespace sealtrain::audit {
namespace {

namespace fs = std::filesystem;
using ::sealtrain::testing::FaultEnv;
using ::sealtrain::testing::RecordingEnv;
using ::sealtrain::testing::StatusIs;
using ::sealtrain::testing::TempDir;
using ::testing::HasSubstr;

constexpr char kName[] = "witness.example.org/one";
constexpr std::uint8_t kWitnessSeed = 0x15;

class WitnessTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<Witness>> OpenWitness(
      Env& environment, const std::string& state, std::vector<VerifierKey> logs = {TestVerifier()},
      std::uint8_t seed = kWitnessSeed) {
    return Witness::Open(environment,
                         {.state_directory = state,
                          .name = kName,
                          .logs = std::move(logs),
                          .clock = [this] { return absl::FromUnixSeconds(now_s_); }},
                         TestKey(seed));
  }
  std::unique_ptr<Witness> Open() {
    auto witness = OpenWitness(Env::Posix(), state_);
    EXPECT_OK(witness);
    return *std::move(witness);
  }

  std::string Request(const TestTree& tree, std::uint64_t old_size, std::uint64_t size) {
    return FormatAddCheckpoint({.old_size = old_size,
                                .proof = tree.Consistency(old_size, size),
                                .checkpoint_note = tree.NoteAt(size)});
  }
  // Expects a cosignature of that size, now.
  void ExpectCosigned(Witness& witness, const TestTree& tree, std::uint64_t old_size,
                      std::uint64_t size) {
    const WitnessAnswer answer = witness.AddCheckpoint(Request(tree, old_size, size));
    ASSERT_EQ(answer.status, 200) << answer.body;
    ASSERT_OK_AND_ASSIGN(const Note note, ParseNote(absl::StrCat(tree.NoteAt(size), answer.body)));
    ASSERT_OK_AND_ASSIGN(const auto time_s, CosignedAt(note, witness.public_key()));
    EXPECT_EQ(time_s, static_cast<std::uint64_t>(now_s_));
    EXPECT_EQ(note.signatures.size(), 2u);
  }
  int StatusOf(Witness& witness, const std::string& body) {
    return witness.AddCheckpoint(body).status;
  }
  std::string StateFile(const std::string& name) {
    return JoinPath(JoinPath(state_, HexEncode(crypto::Sha256(AsBytes(kTestOrigin)))), name);
  }

  TempDir dir_{TempDir::ParentInMemory()};
  const std::string state_ = dir_.Join("state");
  std::int64_t now_s_ = 1'700'000'000;
  const TestTree tree_{40};
  const TestTree fork_{40, "another", 9};
};

TEST_F(WitnessTest, CosignsWhatGrows) {
  auto witness = Open();
  std::uint64_t old_size = 0;
  for (const std::uint64_t size : {0, 1, 1, 2, 7, 8, 9, 16, 31, 40}) {
    ExpectCosigned(*witness, tree_, old_size, size);
    old_size = size;
    ++now_s_;
  }
}

TEST_F(WitnessTest, CosignsEverySizeAfterEveryOther) {
  for (std::uint64_t old_size = 0; old_size <= 17; ++old_size) {
    for (std::uint64_t size = old_size; size <= 17; ++size) {
      fs::remove_all(state_);
      auto witness = Open();
      ExpectCosigned(*witness, tree_, 0, old_size);
      ExpectCosigned(*witness, tree_, old_size, size);
    }
  }
}

TEST_F(WitnessTest, RemembersAcrossRestarts) {
  { ExpectCosigned(*Open(), tree_, 0, 20); }
  auto witness = Open();
  EXPECT_EQ(StatusOf(*witness, Request(tree_, 0, 20)), 409);
  ExpectCosigned(*witness, tree_, 20, 30);
}

TEST_F(WitnessTest, TellsTheSizeItCosignedLast) {
  auto witness = Open();
  EXPECT_EQ(witness->AddCheckpoint(Request(tree_, 5, 9)).body, "0\n");
  ExpectCosigned(*witness, tree_, 0, 20);
  for (const std::uint64_t old_size : {0, 19, 21}) {
    const WitnessAnswer answer = witness->AddCheckpoint(Request(tree_, old_size, 30));
    EXPECT_EQ(answer.status, 409);
    EXPECT_EQ(answer.content_type, "text/x.tlog.size");
    EXPECT_EQ(answer.body, "20\n");
  }
  // A rollback, which can only name a size that it has.
  EXPECT_EQ(StatusOf(*witness, Request(tree_, 10, 15)), 409);
  ExpectCosigned(*witness, tree_, 20, 30);
}

TEST_F(WitnessTest, DoesNotCosignAnotherHistory) {
  auto witness = Open();
  ExpectCosigned(*witness, tree_, 0, 20);
  EXPECT_EQ(StatusOf(*witness, Request(fork_, 20, 30)), 422);
  EXPECT_EQ(StatusOf(*witness, Request(fork_, 20, 20)), 422);
  // With the true tree's proof.
  EXPECT_EQ(StatusOf(*witness, FormatAddCheckpoint({.old_size = 20,
                                                    .proof = tree_.Consistency(20, 30),
                                                    .checkpoint_note = fork_.NoteAt(30)})),
            422);
  ExpectCosigned(*witness, tree_, 20, 30);
}

TEST_F(WitnessTest, KeepsTheProofOfAFork) {
  auto witness = Open();
  ExpectCosigned(*witness, tree_, 0, 20);
  EXPECT_EQ(StatusOf(*witness, Request(fork_, 20, 30)), 422);
  EXPECT_FALSE(fs::exists(StateFile("fork")));
  EXPECT_EQ(StatusOf(*witness, Request(fork_, 20, 20)), 422);
  EXPECT_EQ(ReadText(StateFile("fork")), fork_.NoteAt(20));
  ASSERT_OK_AND_ASSIGN(const Checkpoint cosigned,
                       VerifyCheckpoint(ReadText(StateFile("checkpoint")), TestVerifier()));
  EXPECT_EQ(cosigned, tree_.At(20));
}

TEST_F(WitnessTest, TakesNoProofThatIsLongerShorterOrChanged) {
  auto witness = Open();
  ExpectCosigned(*witness, tree_, 0, 21);
  const ProofHashes good = tree_.Consistency(21, 30);
  const auto status = [&](const ProofHashes& proof, std::uint64_t size) {
    return StatusOf(*witness,
                    FormatAddCheckpoint(
                        {.old_size = 21, .proof = proof, .checkpoint_note = tree_.NoteAt(size)}));
  };
  for (std::size_t i = 0; i < good.size(); ++i) {
    ProofHashes bad = good;
    bad[i][3] ^= 1;
    EXPECT_EQ(status(bad, 30), 422);
    bad = good;
    bad.erase(bad.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_EQ(status(bad, 30), 422);
    bad = good;
    bad.insert(bad.begin() + static_cast<std::ptrdiff_t>(i), Digest{});
    EXPECT_EQ(status(bad, 30), 422);
  }
  EXPECT_EQ(status({}, 30), 422);
  EXPECT_EQ(status({Digest{}}, 21), 422);
  EXPECT_EQ(status(good, 30), 200);
}

TEST_F(WitnessTest, TakesNoProofFromNothing) {
  auto witness = Open();
  EXPECT_EQ(StatusOf(*witness,
                     FormatAddCheckpoint(
                         {.old_size = 0, .proof = {Digest{}}, .checkpoint_note = tree_.NoteAt(5)})),
            422);
}

TEST_F(WitnessTest, KnowsTheRootOfTheEmptyTree) {
  auto witness = Open();
  const std::string note =
      *SignCheckpoint({.origin = kTestOrigin, .size = 0, .root = Digest{}}, TestKey());
  EXPECT_EQ(StatusOf(*witness,
                     FormatAddCheckpoint({.old_size = 0, .proof = {}, .checkpoint_note = note})),
            422);
  ExpectCosigned(*witness, tree_, 0, 0);
}

TEST_F(WitnessTest, KnowsItsLogsAndTheirKeys) {
  auto witness = Open();
  const auto ask = [&](const std::string& note) {
    return StatusOf(*witness,
                    FormatAddCheckpoint({.old_size = 0, .proof = {}, .checkpoint_note = note}));
  };
  Checkpoint other = tree_.At(5);
  other.origin = "example.org/other";
  EXPECT_EQ(ask(*SignCheckpoint(other, TestKey())), 404);
  EXPECT_EQ(ask(tree_.NoteAt(5, 8)), 403);
  // A stranger's signature is ignored; a wrong one of the known key is not.
  const std::string by_stranger = *SignNote(FormatCheckpoint(tree_.At(5)), "stranger", TestKey(9));
  const std::string stranger_line = by_stranger.substr(by_stranger.find("\n\n") + 2);
  const std::string wrong = tree_.NoteAt(6);
  EXPECT_EQ(ask(tree_.NoteAt(5) + wrong.substr(wrong.find("\n\n") + 2)), 403);
  EXPECT_EQ(ask(by_stranger), 403);
  EXPECT_EQ(ask(tree_.NoteAt(5) + stranger_line), 200);
  // What it keeps holds the signatures that it checked, and no others.
  EXPECT_THAT(ReadText(StateFile("checkpoint")), ::testing::Not(HasSubstr("stranger")));
}

TEST_F(WitnessTest, TakesAnyOfSeveralKeysOfALog) {
  ASSERT_OK_AND_ASSIGN(auto witness,
                       OpenWitness(Env::Posix(), state_, {TestVerifier(7), TestVerifier(8)}));
  const auto ask = [&](std::uint64_t old_size, const std::string& note, std::uint64_t size) {
    return StatusOf(*witness, FormatAddCheckpoint({.old_size = old_size,
                                                   .proof = tree_.Consistency(old_size, size),
                                                   .checkpoint_note = note}));
  };
  EXPECT_EQ(ask(0, tree_.NoteAt(5, 7), 5), 200);
  EXPECT_EQ(ask(5, tree_.NoteAt(6, 8), 6), 200);
  EXPECT_EQ(ask(6, tree_.NoteAt(7, 9), 7), 403);
  // One good and one wrong.
  const std::string other = tree_.NoteAt(8, 8);
  EXPECT_EQ(ask(6, tree_.NoteAt(7, 7) + other.substr(other.find("\n\n") + 2), 7), 403);
}

TEST_F(WitnessTest, RefusesWhatIsNoRequest) {
  auto witness = Open();
  const std::string note = tree_.NoteAt(5);
  const std::string hash = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
  std::string many = "old 1\n";
  for (int i = 0; i < 64; ++i) many += hash;
  for (const std::string& body : std::vector<std::string>{
           "", "\n", "\n\n", note, "old\n\n" + note, "old \n\n" + note, "old 00\n\n" + note,
           "old -1\n\n" + note, "old 0 \n\n" + note, "Old 0\n\n" + note,
           "old 9223372036854775808\n\n" + note, "old 0\n" + note, "old 0\r\n\r\n" + note,
           "old 0\nAAAA\n\n" + note, "old 1\n" + hash.substr(1) + "\n" + note,
           "old 0\n\n" + note.substr(0, note.size() - 1),
           "old 0\n\n" + FormatCheckpoint(tree_.At(5)), "old 0\n\nnonsense\n", "old 0\n\n",
           many + "\n" + note, "old 0\n\n" + *SignNote("a\n1\nx\n", "a", TestKey()),
           "old 0\n\n" + note + std::string(kMaxWitnessBytes, 'x'),
           // Extension lines, which we do not sign.
           "old 0\n\n" +
               *SignNote(FormatCheckpoint(tree_.At(5)) + "more\n", kTestOrigin, TestKey()),
           // More than there is.
           Request(tree_, 0, 5).replace(4, 1, "6")}) {
    EXPECT_EQ(StatusOf(*witness, body), 400) << body.substr(0, 100);
  }
  EXPECT_FALSE(fs::exists(StateFile("checkpoint")));
}

TEST_F(WitnessTest, SaysNothingWhileItsClockIsBehind) {
  auto witness = Open();
  ExpectCosigned(*witness, tree_, 0, 5);
  --now_s_;
  EXPECT_EQ(StatusOf(*witness, Request(tree_, 5, 6)), 503);
  now_s_ = -1;
  EXPECT_EQ(StatusOf(*witness, Request(tree_, 5, 6)), 503);
  now_s_ = 1'700'000'000;
  ExpectCosigned(*witness, tree_, 5, 6);
}

TEST_F(WitnessTest, ShowsItsLatestCheckpoint) {
  auto witness = Open();
  const std::string hash = HexEncode(crypto::Sha256(AsBytes(kTestOrigin)));
  EXPECT_EQ(witness->LatestCheckpoint(hash).status, 404);
  ExpectCosigned(*witness, tree_, 0, 5);
  const WitnessAnswer answer = witness->LatestCheckpoint(hash);
  EXPECT_EQ(answer.status, 200);
  ASSERT_OK_AND_ASSIGN(const Checkpoint shown, VerifyCheckpoint(answer.body, TestVerifier()));
  EXPECT_EQ(shown, tree_.At(5));
  EXPECT_THAT(*CosignedAt(*ParseNote(answer.body), witness->public_key()),
              ::testing::Optional(static_cast<std::uint64_t>(now_s_)));
  for (const char* other : {"", "..", "checkpoint", "lock"}) {
    EXPECT_EQ(witness->LatestCheckpoint(other).status, 404);
  }
}

TEST_F(WitnessTest, RefusesStateThatIsNotItsOwn) {
  { ExpectCosigned(*Open(), tree_, 0, 5); }
  const std::string good = ReadText(StateFile("checkpoint"));
  EXPECT_THAT(OpenWitness(Env::Posix(), state_, {TestVerifier()}, 0x16),
              StatusIs(kDataLoss, HasSubstr("checkpoint")));
  for (std::size_t i = 0; i < good.size(); i += 7) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    WriteText(StateFile("checkpoint"), bad);
    auto witness = OpenWitness(Env::Posix(), state_);
    if (witness.ok()) {
      // The log's own signature is not needed any more: ours covers the same text.
      const std::size_t signatures = good.find("\n\n") + 2;
      EXPECT_TRUE(i >= signatures && i < good.find("\n", signatures)) << i;
    } else {
      EXPECT_THAT(witness, StatusIs(kDataLoss)) << i;
    }
  }
  WriteText(StateFile("checkpoint"), "");
  EXPECT_THAT(OpenWitness(Env::Posix(), state_), StatusIs(kDataLoss));
  // While it runs, too.
  WriteText(StateFile("checkpoint"), good);
  auto witness = Open();
  WriteText(StateFile("checkpoint"), tree_.NoteAt(5));
  EXPECT_EQ(StatusOf(*witness, Request(tree_, 5, 6)), 500);
}

TEST_F(WitnessTest, SharesItsStateWithNobody) {
  auto witness = Open();
  EXPECT_THAT(OpenWitness(Env::Posix(), state_), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(WitnessTest, NeedsANameThatAKeyCanHave) {
  EXPECT_THAT(Witness::Open(Env::Posix(), {.state_directory = state_, .name = "a b", .logs = {}},
                            TestKey()),
              StatusIs(kInvalid));
}

TEST_F(WitnessTest, SaysNothingMoreOnceItsStateCouldNotBeWritten) {
  for (const FaultEnv::Op op :
       {FaultEnv::Op::kOpenForWrite, FaultEnv::Op::kAppend, FaultEnv::Op::kSync,
        FaultEnv::Op::kRename, FaultEnv::Op::kSyncDir}) {
    fs::remove_all(state_);
    FaultEnv faulty;
    ASSERT_OK_AND_ASSIGN(auto witness, OpenWitness(faulty, state_));
    ExpectCosigned(*witness, tree_, 0, 5);
    faulty.FailOn(op, 0, absl::UnavailableError("disk"));
    const WitnessAnswer answer = witness->AddCheckpoint(Request(tree_, 5, 6));
    EXPECT_EQ(answer.status, 500);
    EXPECT_EQ(answer.body.find("\xE2\x80\x94"), std::string::npos);
    faulty.Heal();
    EXPECT_EQ(StatusOf(*witness, Request(tree_, 5, 6)), 500);
    EXPECT_EQ(witness->LatestCheckpoint(HexEncode(crypto::Sha256(AsBytes(kTestOrigin)))).status,
              500);
  }
}

// Of two who ask at once for different sizes after the same one, one is answered.
TEST_F(WitnessTest, ComparesAndWritesAtOnce) {
  auto witness = Open();
  ExpectCosigned(*witness, tree_, 0, 10);
  for (int round = 0; round < 20; ++round) {
    const std::uint64_t old_size = 10 + static_cast<std::uint64_t>(round);
    std::vector<int> statuses(4);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < statuses.size(); ++i) {
      threads.emplace_back(
          [&, i] { statuses[i] = StatusOf(*witness, Request(tree_, old_size, old_size + 1)); });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(std::count(statuses.begin(), statuses.end(), 200), 1);
    EXPECT_EQ(std::count(statuses.begin(), statuses.end(), 409), 3);
  }
}

// Whatever a crash leaves, the witness comes back, and what it said it knows.
TEST_F(WitnessTest, KnowsAfterACrashWhatItCosignedBefore) {
  fs::create_directories(state_);
  RecordingEnv recording(state_);
  std::vector<std::pair<std::size_t, std::uint64_t>> answered = {{0, 0}};  // since when, size
  {
    ASSERT_OK_AND_ASSIGN(auto witness, OpenWitness(recording, state_));
    std::uint64_t old_size = 0;
    for (const std::uint64_t size : {3, 3, 8, 20}) {
      ExpectCosigned(*witness, tree_, old_size, size);
      old_size = size;
      answered.emplace_back(recording.changes(), size);
    }
    EXPECT_EQ(StatusOf(*witness, Request(fork_, 20, 20)), 422);
  }
  const testing::CrashCount count =
      recording.ForEachCrashState({}, [&](std::size_t moment, const testing::DiskState& disk) {
        const std::string crashed = dir_.Join("crashed");
        fs::remove_all(crashed);
        disk.WriteTo(crashed);
        std::uint64_t promised = 0;
        for (const auto& [since, size] : answered) {
          if (since <= moment) promised = size;
        }
        ASSERT_OK_AND_ASSIGN(auto witness, OpenWitness(Env::Posix(), crashed));
        const WitnessAnswer answer = witness->AddCheckpoint(Request(tree_, 39, 40));
        ASSERT_EQ(answer.status, 409);
        ASSERT_OK_AND_ASSIGN(const std::uint64_t known, SizeOf(answer));
        EXPECT_GE(known, promised) << "after " << moment << " changes";
        ExpectCosigned(*witness, tree_, known, 40);
      });
  EXPECT_GT(count.distinct, 15u);
}

}  // namespace
}  // namespace sealtrain::audit
