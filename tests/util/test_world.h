// A small world to test in: a custodian's home with a policy in force, and an
// empty data store, in a folder that goes away. Everything is real but small.
//
//   ASSERT_OK_AND_ASSIGN(auto world, TestWorld::Create());
//   ASSERT_OK(world->ApplyPolicy(TestWorld::kKeepPolicy));
//   ASSERT_OK(world->CreateDataset("mails", kMailProto, "Mail"));
#ifndef SEALTRAIN_TESTS_UTIL_TEST_WORLD_H_
#define SEALTRAIN_TESTS_UTIL_TEST_WORLD_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sealtrain/base/env.h"
#include "sealtrain/crypto/signing.h"
#include "sealtrain/custody/custodian.h"
#include "sealtrain/tests/util/temp_dir.h"

namespace sealtrain::testing {

class TestWorld {
 public:
  static constexpr char kPrincipal[] = "user:test";
  static constexpr char kPurpose[] = "test";
  static constexpr char kPassphrase[] = "correct horse battery staple";

  // Rules for ApplyPolicy(): kPrincipal may seal every class under kPurpose,
  // kept as it is, save that the subject key is pseudonymised; and may train on
  // and evaluate with all of it, without privacy.
  static const char kKeepPolicy[];

  static absl::StatusOr<std::unique_ptr<TestWorld>> Create();

  // Puts a policy into force. `rules` is what stands behind its head: purposes,
  // groups, rules. The head (id, version, predecessor, author, approval) and a
  // test are added, and it is approved by a key of the world's own.
  absl::Status ApplyPolicy(const std::string& rules);
  // `proto` is the text of a .proto file.
  absl::Status CreateDataset(const std::string& name, const std::string& proto,
                             const std::string& message);

  // Closes the custodian and opens it again, as a new process would. `env` must
  // outlive it.
  absl::Status Reopen(Env& env = Env::Posix());

  void Close() { custodian_.reset(); }

  custody::Custodian& custody() { return *custodian_; }
  std::string home() const { return folder_.Join("home"); }
  std::string store() const { return folder_.Join("store"); }
  std::string passphrase_file() const { return folder_.Join("passphrase"); }
  const TempDir& folder() const { return folder_; }

 private:
  explicit TestWorld(crypto::SigningKey approver) : approver_(std::move(approver)) {}

  TempDir folder_;
  crypto::SigningKey approver_;
  std::unique_ptr<custody::Custodian> custodian_;
  std::uint64_t policy_version_ = 0;
  std::string policy_sha256_;  // hex, of the set in force
};

}  // namespace sealtrain::testing

#endif  // SEALTRAIN_TESTS_UTIL_TEST_WORLD_H_
