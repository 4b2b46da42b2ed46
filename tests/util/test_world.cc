#include "sealtrain/tests/util/test_world.h"

#include "absl/strings/str_cat.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/base/env.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/crypto/secret_bytes.h"
#include "sealtrain/custody/policy_approval.h"
#include "sealtrain/policy/schema.h"

namespace sealtrain::testing {
namespace {

constexpr char kApprover[] = "approver";

// A set without a passing test cannot be put into force.
constexpr char kStrangerTest[] = R"(
test {
  name: "a stranger gets nothing"
  request {
    principal: "user:stranger" action: TRAIN dataset: "any" purpose: "none"
    column { name: "column" data_class: FEATURE }
  }
  expect { allow: false }
}
)";

}  // namespace

const char TestWorld::kKeepPolicy[] = R"(
purpose: "test"
rule {
  id: "seal"
  permit {
    obligation { transform { on_class: SUBJECT_KEY kind: PSEUDONYMIZE domain: "test" } }
    obligation {
      transform {
        on_class: DIRECT_IDENTIFIER on_class: CONTACT on_class: QUASI_IDENTIFIER
        on_class: LOCATION on_class: TIMESTAMP on_class: NETWORK_ID on_class: FREE_TEXT
        on_class: HEALTH on_class: FINANCIAL on_class: CHILD on_class: CREDENTIAL
        kind: KEEP
      }
    }
  }
  scope {
    principal: "user:test" action: INGEST action: SEAL dataset: "*" purpose: "test"
    data_class: PUBLIC data_class: INTERNAL data_class: SUBJECT_KEY
    data_class: DIRECT_IDENTIFIER data_class: CONTACT data_class: QUASI_IDENTIFIER
    data_class: LOCATION data_class: TIMESTAMP data_class: NETWORK_ID data_class: FREE_TEXT
    data_class: HEALTH data_class: FINANCIAL data_class: CHILD data_class: CREDENTIAL
    data_class: FEATURE data_class: LABEL
  }
}
rule {
  id: "open"
  permit {
    obligation {
      transform {
        on_class: SUBJECT_KEY
        on_class: DIRECT_IDENTIFIER on_class: CONTACT on_class: QUASI_IDENTIFIER
        on_class: LOCATION on_class: TIMESTAMP on_class: NETWORK_ID on_class: FREE_TEXT
        on_class: HEALTH on_class: FINANCIAL on_class: CHILD on_class: CREDENTIAL
        kind: KEEP
      }
    }
  }
  scope {
    principal: "user:test" action: TRAIN action: EVALUATE dataset: "*" purpose: "test"
    data_class: PUBLIC data_class: INTERNAL data_class: SUBJECT_KEY
    data_class: DIRECT_IDENTIFIER data_class: CONTACT data_class: QUASI_IDENTIFIER
    data_class: LOCATION data_class: TIMESTAMP data_class: NETWORK_ID data_class: FREE_TEXT
    data_class: HEALTH data_class: FINANCIAL data_class: CHILD data_class: CREDENTIAL
    data_class: FEATURE data_class: LABEL
  }
}
)";

absl::StatusOr<std::unique_ptr<TestWorld>> TestWorld::Create() {
  ST_ASSIGN_OR_RETURN(crypto::SigningKey approver, crypto::SigningKey::Generate());
  std::unique_ptr<TestWorld> world(new TestWorld(std::move(approver)));
  ST_RETURN_IF_ERROR(WriteFileDurably(Env::Posix(), world->passphrase_file(),
                                      AsBytes(absl::StrCat(kPassphrase, "\n"))));
  ST_ASSIGN_OR_RETURN(const crypto::SecretBytes passphrase,
                      crypto::SecretBytes::CopyFrom(AsBytes(kPassphrase)));
  ST_RETURN_IF_ERROR(custody::Custodian::Create(
      {.home = world->home()},
      {.log_origin = "test.example/sealtrain/audit",
       .argon2 = {.memory_bytes = 8 << 10, .passes = 1}},  // weak, and so quick
      passphrase));
  ST_RETURN_IF_ERROR(world->Reopen());
  return world;
}

absl::Status TestWorld::ApplyPolicy(const std::string& rules) {
  const std::uint64_t version = policy_version_ + 1;
  std::string text = absl::StrCat("id: \"test\"\nversion: ", version, "\nauthor: \"author\"\n");
  if (version > 1) absl::StrAppend(&text, "previous_sha256: \"", policy_sha256_, "\"\n");
  absl::StrAppend(&text, "approval { required: 1 approver { name: \"", kApprover,
                  "\" public_key: \"", HexEncode(approver_.public_key()), "\" } }\n", rules,
                  kStrangerTest);
  ST_ASSIGN_OR_RETURN(const std::string approval,
                      custody::ApprovePolicy(text, kApprover, approver_));
  ST_RETURN_IF_ERROR(
      custodian_->ApplyPolicy(kPrincipal, text, "test_world.policy.textproto", approval));
  policy_version_ = version;
  policy_sha256_ = HexEncode(crypto::Sha256(AsBytes(text)));
  return absl::OkStatus();
}

absl::Status TestWorld::CreateDataset(const std::string& name, const std::string& proto,
                                      const std::string& message) {
  const std::string path = folder_.Join("schema.proto");
  ST_RETURN_IF_ERROR(WriteFileDurably(Env::Posix(), path, AsBytes(proto)));
  ST_ASSIGN_OR_RETURN(std::shared_ptr<const policy::Schema> schema,
                      policy::Schema::FromProtoFile(path, message));
  return custodian_->CreateDataset(kPrincipal, name, std::move(schema));
}

absl::Status TestWorld::Reopen(Env& env) {
  custodian_.reset();  // it holds the home's lock
  ST_ASSIGN_OR_RETURN(const crypto::SecretBytes passphrase,
                      crypto::SecretBytes::CopyFrom(AsBytes(kPassphrase)));
  ST_ASSIGN_OR_RETURN(custodian_,
                      custody::Custodian::Open({.home = home(), .env = &env}, passphrase));
  return absl::OkStatus();
}

}  // namespace sealtrain::testing
