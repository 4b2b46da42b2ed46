// A key store, or an audit log, that was put back from a copy: the other one tells.
#include <filesystem>
#include <functional>

#include "sealtrain/tests/custody/custody_fixture.h"

namespace sealtrain::testing {
namespace {

namespace fs = std::filesystem;

struct Change {
  const char* name;
  std::function<absl::Status(custody::Custodian&)> make;
};

class PutBack : public FurnishedCustodyTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(FurnishedCustodyTest::SetUp());
    ASSERT_OK(IngestOneShard());
  }

  // Closes the home and copies it.
  void Copy() {
    custodian_.reset();
    fs::remove_all(copy());
    fs::copy(home(), copy(), fs::copy_options::recursive);
    copied_ = newest_;
    ASSERT_NO_FATAL_FAILURE(Open());
  }
  // Closes the home and puts `name` of the copy in its place.
  void PutBackFromCopy(const std::string& name) {
    custodian_.reset();
    fs::remove_all(JoinPath(home(), name));
    fs::copy(JoinPath(copy(), name), JoinPath(home(), name), fs::copy_options::recursive);
  }
  std::string copy() const { return dir_.Join("copy"); }

  custody::Manifest copied_;  // the newest of the copy

  // Whatever custody does on its own account, and what jobs make of it.
  std::vector<Change> Changes() {
    return {
        {"a private run",
         [this](custody::Custodian& custodian) -> absl::Status {
           ST_ASSIGN_OR_RETURN(auto permit, custodian.RequestTrain(PrivateRun("m", 100)));
           return custodian.FinishTrain(std::move(permit), custody::Outcome::kFailed, 100, Id{},
                                        {});
         }},
        {"a run whose process was killed",
         [this](custody::Custodian& custodian) -> absl::Status {
           ST_ASSIGN_OR_RETURN(auto permit, custodian.RequestTrain(PrivateRun("m", 100)));
           custodian_.reset();
           return absl::OkStatus();
         }},
        {"another policy",
         [this](custody::Custodian&) {
           const std::string first = WithKeys(kMailPolicy);
           return ApplyText(Next(first, first));
         }},
        {"a data set",
         [this](custody::Custodian& custodian) {
           return custodian.CreateDataset("admin", "others", schema_);
         }},
        {"a snapshot", [this](custody::Custodian&) { return IngestOneShard().status(); }},
        {"a new root key",
         [this](custody::Custodian& custodian) {
           return custodian.RotateRootKey("admin", passphrase_);
         }},
    };
  }
};

TEST_F(PutBack, KeyStoreIsRefused) {
  for (const Change& change : Changes()) {
    SCOPED_TRACE(change.name);
    ASSERT_NO_FATAL_FAILURE(Copy());
    ASSERT_OK(change.make(*custodian_));
    custodian_.reset();
    ASSERT_NO_FATAL_FAILURE(Open());  // as it is, it opens
    const std::size_t entries = Events().size();
    PutBackFromCopy("keystore.db");
    // Its passphrase may be the older one as well.
    EXPECT_THAT(Custodian::Open(options(), passphrase_),
                StatusIs(absl::StatusCode::kDataLoss,
                         ::testing::HasSubstr("the key store is older than the audit log")));
    EXPECT_EQ(Events().size(), entries) << "what is refused adds nothing";
    // The rest of the copy with it: what nobody here can tell.
    PutBackFromCopy("audit");
    PutBackFromCopy("policy");
    ASSERT_NO_FATAL_FAILURE(Open());
    newest_ = copied_;
  }
}

TEST_F(PutBack, LogIsRefused) {
  for (const Change& change : Changes()) {
    SCOPED_TRACE(change.name);
    ASSERT_NO_FATAL_FAILURE(Copy());
    ASSERT_OK(change.make(*custodian_));
    PutBackFromCopy("audit");
    EXPECT_THAT(Custodian::Open(options(), passphrase_),
                StatusIs(absl::StatusCode::kDataLoss,
                         ::testing::HasSubstr("the log was put back or cut off")));
    PutBackFromCopy("keystore.db");
    PutBackFromCopy("policy");
    ASSERT_NO_FATAL_FAILURE(Open());
    newest_ = copied_;
  }
}

// Between the two copies nothing happened that the key store keeps.
TEST_F(PutBack, KeyStoreFromBeforeADenialIsTheSameKeyStore) {
  ASSERT_NO_FATAL_FAILURE(Copy());
  custody::TrainRequest denied = PlainRun("m");
  denied.purpose = "ads";
  EXPECT_THAT(custodian_->RequestTrain(denied), StatusIs(absl::StatusCode::kPermissionDenied));
  PutBackFromCopy("keystore.db");
  ASSERT_NO_FATAL_FAILURE(Open());
  EXPECT_OK(custodian_->RequestTrain(PrivateRun("m", 100)));
}

TEST_F(PutBack, KeyStoreFromWhileAJobRanIsRefused) {
  ASSERT_OK_AND_ASSIGN(auto permit, custodian_->RequestTrain(PrivateRun("m", 100)));
  fs::copy(home(), copy(), fs::copy_options::recursive);
  ASSERT_OK(custodian_->FinishTrain(std::move(permit), custody::Outcome::kFailed, 100, Id{}, {}));
  PutBackFromCopy("keystore.db");
  EXPECT_THAT(
      Custodian::Open(options(), passphrase_),
      StatusIs(absl::StatusCode::kDataLoss,
               ::testing::HasSubstr("TRAIN_ACCESS FAILED. Either keystore.db was put back, or")));
}

}  // namespace
}  // namespace sealtrain::testing
