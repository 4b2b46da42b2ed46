// Reads the worked example of docs/formats/home.md and checks every value.
#include <map>
#include <memory>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "sealtrain/base/env.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/crypto/key_derivation.h"
#include "sealtrain/custody/key_store_internal.h"
#include "sealtrain/custody/policy_approval.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::testing {
namespace {

using crypto::KeyWrap;

class HomeFormat : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(
        const std::string text,
        Env::Posix().ReadFile(SEALTRAIN_SOURCE_DIR "/docs/formats/home.md", 1 << 20));
    std::string name;
    for (absl::string_view line : absl::StrSplit(text, '\n')) {
      if (absl::StartsWith(line, "ada ")) approval_ = absl::StrCat(line, "\n");
      if (!absl::ConsumePrefix(&line, "    ")) {
        name.clear();
      } else if (absl::ConsumeSuffix(&line, " =")) {
        name = std::string(line);
      } else if (!name.empty()) {
        values_[name] += absl::HexStringToBytes(line);
      }
    }
    crypto::Argon2idParams params{.memory_bytes = 8 << 10, .passes = 1};
    for (std::size_t i = 0; i < params.salt.size(); ++i) {
      params.salt[i] = static_cast<std::uint8_t>(i);
    }
    ASSERT_OK_AND_ASSIGN(auto passphrase, crypto::SecretBytes::CopyFrom(AsBytes("open sesame")));
    auto derived = crypto::KekFromPassphrase(passphrase, params);
    ASSERT_OK(derived);
    root_ = std::make_unique<crypto::Kek>(*std::move(derived));
  }

  ByteSpan Value(const std::string& name) {
    EXPECT_EQ(values_.count(name), 1u) << name << " is not in the document";
    return AsBytes(values_[name]);
  }
  std::string Unwrap(const crypto::Kek& root, const std::string& context,
                     const std::string& wrapped) {
    auto secret = KeyWrap::UnwrapBytes(root, Value(context), Value(wrapped));
    EXPECT_OK(secret);
    return secret.ok() ? std::string(AsText(secret->span())) : "";
  }

  std::map<std::string, std::string> values_;
  std::string approval_;
  std::unique_ptr<crypto::Kek> root_;
};

TEST_F(HomeFormat, FindsTheRootKeyOfTheExample) {
  auto written = crypto::Kek::FromBytes(*crypto::SecretBytes::CopyFrom(Value("root-key")));
  ASSERT_OK(written);
  for (const crypto::Kek* root : {root_.get(), &*written}) {
    EXPECT_EQ(Unwrap(*root, "signing-key-context", "signing-key-wrapped"),
              AsText(Value("signing-key-seed")));
    EXPECT_EQ(Unwrap(*root, "class-key-context", "class-key-wrapped"), AsText(Value("class-key")));
  }
}

TEST_F(HomeFormat, HasTheContextsOfTheExample) {
  EXPECT_EQ(ByteSpan(custody::SigningKeyContext("audit-log")), Value("signing-key-context"));
  EXPECT_EQ(ByteSpan(custody::ClassKeyContext(custody::DatasetScope("mails"), 10, 1)),
            Value("class-key-context"));
  // Neighbours differ, and no wrapped key opens under another's name.
  EXPECT_NE(custody::ClassKeyContext(custody::ModelScope("mails"), 10, 1),
            custody::ClassKeyContext(custody::DatasetScope("mails"), 10, 1));
  for (const Bytes& other :
       {custody::SigningKeyContext("manifest"), custody::ClassKeyContext("dataset:mails", 10, 2),
        custody::ClassKeyContext("dataset:mails", 11, 1),
        custody::ClassKeyContext("dataset:mail", 10, 1)}) {
    EXPECT_THAT(KeyWrap::UnwrapBytes(*root_, other, Value("class-key-wrapped")),
                StatusIs(absl::StatusCode::kDataLoss));
  }
}

TEST_F(HomeFormat, HasTheApprovalOfTheExample) {
  const std::string policy = "id: \"mails\"\n";
  ASSERT_OK_AND_ASSIGN(auto seed, crypto::SecretBytes::CopyFrom(Value("signing-key-seed")));
  ASSERT_OK_AND_ASSIGN(auto key, crypto::SigningKey::FromSeed(seed));
  EXPECT_EQ(ByteSpan(key.public_key()), Value("signing-key-public"));
  ASSERT_OK_AND_ASSIGN(const std::string line, custody::ApprovePolicy(policy, "ada", key));
  EXPECT_EQ(line, approval_);
  policy::Approval approvers;
  approvers.add_approver()->set_name("ada");
  approvers.mutable_approver(0)->set_public_key(HexEncode(key.public_key()));
  EXPECT_OK(custody::VerifyApprovals(policy, approval_, approvers));
  // What the document says is signed is what the line's signature covers.
  std::string decoded;
  ASSERT_TRUE(absl::Base64Unescape(
      absl::StripAsciiWhitespace(absl::string_view(approval_).substr(4)), &decoded));
  EXPECT_OK(crypto::VerifySignature(key.public_key(), Value("approval-signed"),
                                    AsBytes(decoded).subspan(32)));
}

}  // namespace
}  // namespace sealtrain::testing
