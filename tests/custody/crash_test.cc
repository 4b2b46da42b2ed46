// Kills a process at every single write of a commit and opens what it leaves.
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>

#include "sealtrain/tests/custody/custody_fixture.h"
#include "sealtrain/tests/util/kill_env.h"
#include "sealtrain/tests/util/sqlite_through_env.h"

namespace sealtrain::testing {
namespace {

class Crash : public FurnishedCustodyTest {
 protected:
  // Runs `work` in a process of its own, whose exit code it gives, on a disk that it can
  // have killed. True: it was; false: it came through, with 0.
  static bool DiesIn(const std::function<int(KillEnv&)>& work) {
    const pid_t child = ::fork();
    if (child == 0) {
      KillEnv env;
      const SqliteThroughEnv sqlite(env);
      ::_exit(work(env));
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_TRUE(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == KillEnv::kKilled)
        << "exit " << WEXITSTATUS(status);
    return WEXITSTATUS(status) != 0;
  }
  // Opens the home `copy` in a child, which has none of its parent's secrets.
  absl::Status OpenInChild(const std::string& copy, KillEnv& env) {
    passphrase_ = *crypto::SecretBytes::CopyFrom(AsBytes("open sesame"));
    writer_ = *crypto::SigningKey::Generate();
    auto opened =
        Custodian::Open({.home = copy, .env = &env, .clock = clock_.function()}, passphrase_);
    if (!opened.ok()) return opened.status();
    custodian_ = *std::move(opened);  // and is not closed again
    return absl::OkStatus();
  }

  // Runs `work` on a copy of the home in a process that dies at point `n`.
  bool Dies(const std::string& copy, int n,
            const std::function<absl::Status(Custodian&, KillEnv&)>& work) {
    return DiesIn([&](KillEnv& env) {
      if (!OpenInChild(copy, env).ok()) return 2;
      env.DieAt(n);
      return work(*custodian_, env).ok() ? 0 : 3;
    });
  }

  // For each point n: a fresh copy, a death, and `check` of what is left.
  int AtEveryPoint(const std::function<absl::Status(Custodian&, KillEnv&)>& work,
                   const std::function<void(Custodian&)>& check) {
    custodian_.reset();
    for (int n = 1;; ++n) {
      const std::string copy = dir_.Join("copy");
      std::filesystem::remove_all(copy);
      std::filesystem::copy(home(), copy, std::filesystem::copy_options::recursive);
      if (!Dies(copy, n, work)) return n - 1;
      SCOPED_TRACE(absl::StrCat("killed at point ", n));
      auto custodian = Custodian::Open({.home = copy, .clock = clock_.function()}, passphrase_);
      EXPECT_OK(custodian);
      if (!custodian.ok() || HasFailure()) return n;
      check(**custodian);
      auto reader = audit::LogReader::Open(Env::Posix(), JoinPath(copy, "audit"));
      EXPECT_OK(reader);
      EXPECT_OK((*reader)->Verify({}));
      ExpectNothingDangles(**reader);
    }
  }

  // Every INTENT has exactly one outcome in the end.
  static void ExpectNothingDangles(audit::LogReader& reader) {
    std::map<std::string, int> intents;
    std::map<std::string, std::set<std::string>> outcomes;
    EXPECT_OK(reader.ForEach(0, reader.checkpoint().size, [&](const audit::Entry& entry) {
      const audit::Event& event = entry.event;
      if (event.request_uid().empty()) return true;
      if (event.phase() == audit::INTENT) {
        ++intents[event.request_uid()];
      } else {
        outcomes[event.request_uid()].insert(event.uid());
      }
      return true;
    }));
    for (const auto& [request, count] : intents) {
      EXPECT_EQ(outcomes[request].size(), 1u) << HexEncode(AsBytes(request));
    }
  }
};

TEST_F(Crash, OfACommitLeavesTheOldOrTheNewSnapshotAndALogThatSaysWhich) {
  int old_ones = 0;
  int new_ones = 0;
  const int points = AtEveryPoint(
      [&](Custodian& custodian, KillEnv&) -> absl::Status {
        ST_ASSIGN_OR_RETURN(auto permits, custodian.RequestIngest({"job", "mails", "abuse"}));
        ST_ASSIGN_OR_RETURN(const auto keys, custodian.ReleaseNewShardKeys(permits.seal));
        const std::string bytes =
            NextManifest(permits.seal.grant(), {keys.shard_id}, 100).SerializeAsString();
        ST_ASSIGN_OR_RETURN(
            const auto signed_manifest,
            custodian.SignManifest(permits.seal, bytes, writer_.public_key(),
                                   writer_.Sign(custody::ManifestSignedBytes('W', bytes))));
        return custodian.AdvanceGeneration(std::move(permits.seal), signed_manifest, 0);
      },
      [&](Custodian& custodian) {
        const custody::DatasetInfo info = *custodian.GetDataset("mails");
        ++(info.generation == 0 ? old_ones : new_ones);
        bool told = false;
        auto reader = *audit::LogReader::Open(Env::Posix(), dir_.Join("copy/audit"));
        EXPECT_OK(reader->ForEach(0, reader->checkpoint().size, [&](const audit::Entry& entry) {
          told |= entry.event.type() == audit::SNAPSHOT_COMMITTED &&
                  entry.event.phase() == audit::SUCCEEDED;
          return true;
        }));
        EXPECT_EQ(told, info.generation == 1);
        EXPECT_TRUE(custodian.ListLeases()->empty());
      });
  EXPECT_GT(points, 8);
  EXPECT_GT(old_ones, 0);
  EXPECT_GT(new_ones, 0);
}

TEST_F(Crash, OfAResealLeavesTheOldOrTheNewPolicyOverTheDataAndALogThatSaysWhich) {
  ASSERT_OK(IngestOneShard());
  const std::string first = WithKeys(kMailPolicy);
  const std::string second = absl::StrReplaceAll(
      Next(first, first),
      {{"rule {\n  id: \"seal\"", R"(rule { id: "reseal" permit {} scope { principal: "officer"
                 action: CHANGE_POLICY dataset: "mails" purpose: "abuse" } }
               rule { id: "seal")"}});
  ASSERT_OK(ApplyText(second));
  int old_ones = 0;
  int new_ones = 0;
  const int points = AtEveryPoint(
      [&](Custodian& custodian, KillEnv&) -> absl::Status {
        ST_ASSIGN_OR_RETURN(auto permit, custodian.RequestReseal({"officer", "mails", "abuse"}));
        const std::string bytes = ResealedManifest(permit.grant()).SerializeAsString();
        ST_ASSIGN_OR_RETURN(
            const auto signed_manifest,
            custodian.SignManifest(permit, bytes, writer_.public_key(),
                                   writer_.Sign(custody::ManifestSignedBytes('W', bytes))));
        return custodian.AdvanceGeneration(std::move(permit), signed_manifest);
      },
      [&](Custodian& custodian) {
        const custody::DatasetInfo info = *custodian.GetDataset("mails");
        ++(info.generation == 1 ? old_ones : new_ones);
        bool told = false;
        auto reader = *audit::LogReader::Open(Env::Posix(), dir_.Join("copy/audit"));
        EXPECT_OK(reader->ForEach(0, reader->checkpoint().size, [&](const audit::Entry& entry) {
          told |= entry.event.type() == audit::DATASET_RESEALED &&
                  entry.event.phase() == audit::SUCCEEDED;
          return true;
        }));
        EXPECT_EQ(told, info.generation == 2);
        EXPECT_TRUE(custodian.ListLeases()->empty());
      });
  EXPECT_GT(points, 8);
  EXPECT_GT(old_ones, 0);
  EXPECT_GT(new_ones, 0);
}

TEST_F(Crash, OfATrainingRunNeverGivesItsBudgetBack) {
  ASSERT_OK(IngestOneShard());
  int spent = 0;
  const int points = AtEveryPoint(
      [&](Custodian& custodian, KillEnv&) -> absl::Status {
        ST_ASSIGN_OR_RETURN(auto permit, custodian.RequestTrain(PrivateRun("m", 100)));
        ST_RETURN_IF_ERROR(custodian.ReleaseShardKeys(permit, newest_.shard(0)).status());
        ST_ASSIGN_OR_RETURN(const auto key, custodian.ReleaseNewModelKey(permit));
        return custodian.FinishTrain(std::move(permit), custody::Outcome::kSucceeded, 100,
                                     key.object_id, Digest{});
      },
      [&](Custodian& custodian) {
        // Whoever reached the log with an intent, and so perhaps keys, has paid.
        bool intent = false;
        auto reader = *audit::LogReader::Open(Env::Posix(), dir_.Join("copy/audit"));
        EXPECT_OK(reader->ForEach(0, reader->checkpoint().size, [&](const audit::Entry& entry) {
          intent |= entry.event.type() == audit::TRAIN_ACCESS;
          return true;
        }));
        const auto budgets = *custodian.GetBudgets("mails");
        if (intent) {
          ASSERT_EQ(budgets.size(), 1u);
          EXPECT_EQ(budgets[0].entries[0].plan.phase.steps, 100u);
          ++spent;
        }
        // A model stands exactly where its run was settled.
        EXPECT_EQ(custodian.GetModel("m").ok(), !budgets.empty() && budgets[0].entries[0].settled);
      });
  EXPECT_GT(points, 4);
  EXPECT_GT(spent, 0);
}

TEST_F(Crash, OfAPolicyChangeLeavesTheOldOrTheNewPolicyAndALogThatSaysWhich) {
  const std::string first = WithKeys(kMailPolicy);
  const std::string second = Next(first, first);
  const std::string approvals = Approve(second, {"ada", "bob"});
  int new_ones = 0;
  const int points = AtEveryPoint(
      [&](Custodian& custodian, KillEnv&) {
        return custodian.ApplyPolicy("admin", second, "p", approvals);
      },
      [&](Custodian& custodian) {
        const std::size_t versions = custodian.PolicyHistory()->size();
        std::uint64_t told = 0;
        auto reader = *audit::LogReader::Open(Env::Posix(), dir_.Join("copy/audit"));
        EXPECT_OK(reader->ForEach(0, reader->checkpoint().size, [&](const audit::Entry& entry) {
          if (entry.event.type() == audit::POLICY_APPLIED) told = entry.event.policy().version();
          return true;
        }));
        EXPECT_EQ(told, versions);
        if (versions == 2) ++new_ones;
      });
  EXPECT_GT(points, 10);
  EXPECT_GT(new_ones, 0);
}

TEST_F(Crash, OfARotationLeavesTheOldOrTheNewRootKeyAndALogThatSaysWhich) {
  ASSERT_OK(IngestOneShard());
  const auto other = [] { return *crypto::SecretBytes::CopyFrom(AsBytes("close sesame")); };
  int old_ones = 0;
  int new_ones = 0;
  custodian_.reset();
  int n = 1;
  for (;; ++n) {
    const std::string copy = dir_.Join("copy");
    std::filesystem::remove_all(copy);
    std::filesystem::copy(home(), copy, std::filesystem::copy_options::recursive);
    if (!Dies(copy, n, [&](Custodian& custodian, KillEnv&) {
          return custodian.RotateRootKey("admin", other());
        })) {
      break;
    }
    SCOPED_TRACE(absl::StrCat("killed at point ", n));
    const custody::CustodianOptions options{.home = copy, .clock = clock_.function()};
    auto with_old = Custodian::Open(options, passphrase_);
    const bool is_old = with_old.ok();
    if (!is_old) {
      ASSERT_THAT(with_old, StatusIs(absl::StatusCode::kUnauthenticated));
      with_old = Custodian::Open(options, other());
    }
    ASSERT_OK(with_old);
    Custodian& custodian = **with_old;
    ++(is_old ? old_ones : new_ones);
    ASSERT_OK_AND_ASSIGN(const custody::KeyList keys, custodian.ListKeys());
    EXPECT_EQ(keys.root_number, is_old ? 1u : 2u);
    // Every key opens under it.
    ASSERT_OK_AND_ASSIGN(auto permit, custodian.RequestTrain(PrivateRun("m", 100)));
    EXPECT_OK(custodian.ReleaseShardKeys(permit, newest_.shard(0)));
    int told = 0;
    auto reader = *audit::LogReader::Open(Env::Posix(), JoinPath(copy, "audit"));
    EXPECT_OK(reader->Verify({}));
    EXPECT_OK(reader->ForEach(0, reader->checkpoint().size, [&](const audit::Entry& entry) {
      if (entry.event.type() == audit::KEY_ROTATED) ++told;
      return true;
    }));
    EXPECT_EQ(told, is_old ? 0 : 1);
  }
  std::cout << n - 1 << " deaths: " << old_ones << " left the old root key, " << new_ones
            << " the new one\n";
  EXPECT_GT(old_ones, 5);
  EXPECT_GT(new_ones, 1);
}

TEST_F(Crash, OfALogKeyReplacementLeavesOneStepOrTheOther) {
  const std::string copy = dir_.Join("copy");
  const auto told = [&](audit::EventType type) {
    int count = 0;
    auto reader = *audit::LogReader::Open(Env::Posix(), JoinPath(copy, "audit"));
    EXPECT_OK(reader->ForEach(0, reader->checkpoint().size, [&](const audit::Entry& entry) {
      count += entry.event.type() == type ? 1 : 0;
      return true;
    }));
    return count;
  };
  const std::vector<std::string> before = LogVkeys(home());
  int added = 0;
  int points =
      AtEveryPoint([](Custodian& custodian, KillEnv&) { return custodian.AddLogKey("admin"); },
                   [&](Custodian& custodian) {
                     const bool both = LogVkeys(copy).size() == 2;
                     added += both ? 1 : 0;
                     EXPECT_EQ(told(audit::KEY_ROTATED), both ? 1 : 0);
                     EXPECT_EQ(custodian.DropOldLogKey("admin").ok(), both);
                   });
  EXPECT_GT(points, added);

  // The opening from which on both sign.
  Open();
  ASSERT_OK(custodian_->AddLogKey("admin"));
  custodian_.reset();
  int n = 1;
  for (bool died = true; died; ++n) {
    SCOPED_TRACE(absl::StrCat("killed at point ", n, " of an opening"));
    std::filesystem::remove_all(copy);
    std::filesystem::copy(home(), copy, std::filesystem::copy_options::recursive);
    died = DiesIn([&](KillEnv& env) {
      env.DieAt(n);
      return OpenInChild(copy, env).ok() ? 0 : 3;
    });
    ASSERT_FALSE(HasFailure());
    const custody::CustodianOptions options{.home = copy, .clock = clock_.function()};
    {
      ASSERT_OK_AND_ASSIGN(const auto custodian, Custodian::Open(options, passphrase_));
      EXPECT_EQ(LogVkeys(copy).size(), 2u);
      EXPECT_GE(told(audit::KEY_ROTATED), 1);
      ASSERT_OK(custodian->DropOldLogKey("admin"));
    }
    ASSERT_OK(Custodian::Open(options, passphrase_));
  }
  EXPECT_GT(n, 5);

  Open();
  const std::vector<std::string> both = LogVkeys(home());
  int dropped = 0;
  points =
      AtEveryPoint([](Custodian& custodian, KillEnv&) { return custodian.DropOldLogKey("admin"); },
                   [&](Custodian& custodian) {
                     const bool alone = LogVkeys(copy).front() == both[1];
                     dropped += alone ? 1 : 0;
                     EXPECT_EQ(told(audit::KEY_DESTROYED), alone ? 1 : 0);
                     EXPECT_EQ(custodian.DropOldLogKey("admin").ok(), !alone);
                   });
  EXPECT_GT(dropped, 0);
  EXPECT_GT(points, dropped);
  EXPECT_EQ(both.front(), before.front());
}

}  // namespace
}  // namespace sealtrain::testing
