// What a power cut leaves of revealing and of destroying what an entry seals: the key
// store and the log say the same, and who does it again comes to the end.
#include <algorithm>
#include <filesystem>
#include <functional>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "sealtrain/tests/custody/sealed_entries_fixture.h"
#include "sealtrain/tests/util/recording_env.h"
#include "sealtrain/tests/util/sqlite_through_env.h"

namespace sealtrain::testing {
namespace {

constexpr CrashBounds kBounds = {.exhaustive = 8, .drawn = 1};

class SealedEntriesCrash : public SealedEntriesTest {
 protected:
  // Does `work` on a recorded disk, then opens the home in each state that a power cut from
  // its beginning on can have left and calls `check`; `done`: it came after `work`.
  void AtEveryPowerCut(const std::function<absl::Status()>& work,
                       const std::function<void(bool done)>& check) {
    custodian_.reset();
    RecordingEnv recording(home());
    std::size_t begun = 0;
    std::size_t done = 0;
    {
      const SqliteThroughEnv sqlite(recording);
      custody::CustodianOptions recorded = options();
      recorded.env = &recording;
      ASSERT_OK_AND_ASSIGN(custodian_, Custodian::Open(recorded, passphrase_));
      begun = recording.changes();
      ASSERT_OK(work());
      done = recording.changes();
      custodian_.reset();
    }
    const auto visit = [&](std::size_t moment, const DiskState& state) {
      SCOPED_TRACE(absl::StrCat("before change ", moment));
      if (HasFailure()) return;
      custodian_.reset();
      std::filesystem::remove_all(home());
      state.WriteTo(home());
      // What nobody did to it is not said to be done: it says when it may look so.
      if (const absl::Status looked = Custodian::CheckHome(options()); !looked.ok()) {
        ASSERT_THAT(looked, StatusIs(absl::StatusCode::kDataLoss,
                                     ::testing::HasSubstr("until the home is opened next")));
      }
      ASSERT_NO_FATAL_FAILURE(Open());
      check(moment >= done);
    };
    const CrashCount count = recording.ForEachCrashState(kBounds, visit, begun);
    std::cout << count.points << " moments, " << count.distinct << " states\n";
  }

  // How many entries say that what the entry `uid` seals was opened, or destroyed.
  std::int64_t Told(audit::EventType type, const std::string& uid) {
    const std::vector<audit::Event> events = Events();
    return std::count_if(events.begin(), events.end(), [&](const audit::Event& event) {
      return event.type() == type && event.phase() == audit::SUCCEEDED &&
             event.object().entry_uid() == uid;
    });
  }
  std::int64_t SealingEntries() {
    const std::vector<audit::Event> events = Events();
    return std::count_if(events.begin(), events.end(), audit::SealsAnything);
  }
};

TEST_F(SealedEntriesCrash, OfARevealTellsOfWhatWasOpened) {
  const std::uint64_t index = LogAReason();
  const std::string uid = LastEvent().uid();
  const auto reveal = [&] {
    return custodian_
        ->RevealEntry(
            {.principal = "auditor", .purpose = "abuse", .index = index, .why = "yearly audit"})
        .status();
  };
  int untold = 0;
  int told = 0;
  AtEveryPowerCut(reveal, [&](bool revealed) {
    const std::int64_t before = Told(audit::AUDIT_READ, uid);
    ASSERT_LE(before, 1);
    ASSERT_TRUE(before == 1 || !revealed);
    ++(before == 1 ? told : untold);
    ASSERT_EQ(Openings(), SealingEntries());
    ASSERT_OK(reveal());
    ASSERT_EQ(Told(audit::AUDIT_READ, uid), before + 1);
    ASSERT_EQ(Openings(), SealingEntries());
  });
  EXPECT_GT(untold, 10);
  EXPECT_GT(told, 10);
}

TEST_F(SealedEntriesCrash, OfARedactionLeavesWhatIsSealedOrAnEntryThatItIsDestroyed) {
  ASSERT_OK_AND_ASSIGN(const std::string text, DraftRun());
  ASSERT_OK(SubmitRun(text));
  const std::uint64_t index = Last();
  const std::string uid = LastEvent().uid();
  const std::string wrapped = WrappedOpening(uid);
  ASSERT_OK(ApproveRedaction(uid, {"ada", "bob"}));
  int kept = 0;
  int destroyed = 0;
  AtEveryPowerCut([&] { return Redact(index); },
                  [&](bool redacted) {
                    const std::int64_t told = Told(audit::ENTRY_REDACTED, uid);
                    ASSERT_LE(told, 1);
                    ASSERT_TRUE(told == 1 || !redacted);
                    ++(told == 1 ? destroyed : kept);
                    if (told == 0) {
                      ASSERT_OK_AND_ASSIGN(const custody::RevealedEntry revealed, Reveal(index));
                      ASSERT_EQ(Check(revealed)->text, kWhy);
                      ASSERT_OK(Redact(index));
                    }
                    // Nowhere in the home: neither the opening nor the text that was signed.
                    ASSERT_FALSE(HomeHas(wrapped));
                    ASSERT_FALSE(HomeHas("4711"));
                    ASSERT_THAT(Reveal(index), StatusIs(absl::StatusCode::kFailedPrecondition));
                    ASSERT_THAT(Redact(index), StatusIs(absl::StatusCode::kFailedPrecondition));
                    ASSERT_EQ(Told(audit::ENTRY_REDACTED, uid), 1);
                  });
  EXPECT_GT(kept, 10);
  EXPECT_GT(destroyed, 10);
}

}  // namespace
}  // namespace sealtrain::testing
