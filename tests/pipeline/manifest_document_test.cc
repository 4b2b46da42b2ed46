// docs/formats/manifest.md against the code.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/pipeline/dataset/manifest_file.h"
#include "sealtrain/tests/pipeline/shard_fixture.h"

namespace sealtrain::pipeline {
namespace {

using ::sealtrain::testing::ReadAll;
using ::sealtrain::testing::StatusIs;

crypto::SigningKey KeyFromSeed(std::uint8_t byte) {
  const Bytes seed(32, byte);
  return *crypto::SigningKey::FromSeed(*crypto::SecretBytes::CopyFrom(seed));
}

class ManifestDocumentTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string document =
        ReadAll(absl::StrCat(SEALTRAIN_SOURCE_DIR, "/docs/formats/manifest.md"));
    const std::size_t begin = document.find("```hex\n") + 7;
    file_ = absl::HexStringToBytes(absl::StrReplaceAll(
        document.substr(begin, document.find("```", begin) - begin), {{"\n", ""}}));
    custody::SignedManifest file;
    ASSERT_TRUE(file.ParseFromString(file_));
    manifest_ = file.manifest();
    ref_ = {.dataset = "d", .generation = 1, .manifest_sha256 = crypto::Sha256(AsBytes(manifest_))};
    EXPECT_NE(document.find(HexEncode(ref_.manifest_sha256)), std::string::npos);
    EXPECT_NE(document.find(HexEncode(custodian_.public_key())), std::string::npos);
  }

  // The example with another manifest in it, honestly signed.
  absl::StatusOr<custody::Manifest> VerifyInstead(const std::string& manifest) const {
    custody::SignedManifest file;
    const auto text = [](const auto& bytes) { return std::string(AsText(bytes)); };
    file.set_manifest(manifest);
    file.set_writer_public_key(text(writer_.public_key()));
    file.set_writer_signature(text(writer_.Sign(ManifestMessage('W', manifest))));
    file.set_custodian_signature(text(custodian_.Sign(ManifestMessage('C', manifest))));
    SnapshotRef ref = ref_;
    ref.manifest_sha256 = crypto::Sha256(AsBytes(manifest));
    return VerifyManifest(AsBytes(file.SerializeAsString()), ref, custodian_.public_key());
  }

  const crypto::SigningKey writer_ = KeyFromSeed(1);
  const crypto::SigningKey custodian_ = KeyFromSeed(2);
  std::string file_;
  std::string manifest_;
  SnapshotRef ref_;
};

TEST_F(ManifestDocumentTest, VerifiesItsExample) {
  ASSERT_OK_AND_ASSIGN(const custody::Manifest manifest,
                       VerifyManifest(AsBytes(file_), ref_, custodian_.public_key()));
  EXPECT_EQ(manifest.rows(), 3u);
  EXPECT_EQ(manifest.shard(0).file_bytes(), 717u);
  EXPECT_EQ(manifest.plan(0).policy_id(), "p");
  EXPECT_OK(VerifyInstead(manifest_));
}

TEST_F(ManifestDocumentTest, RefusesTheExampleWithAnyBitFlipped) {
  for (std::size_t bit = 0; bit < file_.size() * 8; ++bit) {
    std::string bad = file_;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    ASSERT_THAT(VerifyManifest(AsBytes(bad), ref_, custodian_.public_key()),
                StatusIs(absl::StatusCode::kDataLoss))
        << bit;
  }
}

TEST_F(ManifestDocumentTest, RefusesOtherKeysAndOtherSnapshots) {
  EXPECT_THAT(VerifyManifest(AsBytes(file_), ref_, writer_.public_key()),
              StatusIs(absl::StatusCode::kDataLoss));
  SnapshotRef ref = ref_;
  ref.dataset = "e";
  EXPECT_THAT(VerifyManifest(AsBytes(file_), ref, custodian_.public_key()),
              StatusIs(absl::StatusCode::kDataLoss));
  ref = ref_;
  ref.generation = 2;
  EXPECT_THAT(VerifyManifest(AsBytes(file_), ref, custodian_.public_key()),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(ManifestDocumentTest, RefusesSignedNonsense) {
  custody::Manifest good;
  ASSERT_TRUE(good.ParseFromString(manifest_));
  const auto refused = [&](const char* what, const custody::Manifest& manifest) {
    EXPECT_THAT(VerifyInstead(manifest.SerializeAsString()), StatusIs(absl::StatusCode::kDataLoss))
        << what;
  };
  custody::Manifest bad = good;
  bad.set_format(2);
  refused("format", bad);
  bad = good;
  bad.set_rows(4);
  refused("rows", bad);
  bad = good;
  bad.mutable_shard(0)->set_plan(1);
  refused("plan", bad);
  bad = good;
  *bad.add_shard() = good.shard(0);
  bad.set_rows(6);
  refused("shard twice", bad);
  bad = good;
  bad.mutable_shard(0)->set_id("../../../../etc/x");
  refused("id that is a path", bad);
  bad = good;
  bad.mutable_shard(0)->set_rows(0);
  bad.set_rows(0);
  refused("no rows", bad);
  bad = good;
  bad.set_previous_sha256(std::string(32, 'x'));
  refused("predecessor of the first", bad);
  bad = good;
  bad.mutable_plan(0)->set_review_sha256("");
  refused("no review", bad);
  custody::Manifest resealed = good;
  custody::Reseal& reseal = *resealed.add_reseal();
  reseal.set_permit_id(std::string(16, 'x'));
  reseal.set_policy_sha256(std::string(32, 'x'));
  reseal.set_plans(1);
  EXPECT_OK(VerifyInstead(resealed.SerializeAsString()));
  bad = resealed;
  bad.mutable_reseal(0)->set_plans(2);
  refused("reseal of plans that are not there", bad);
  bad.mutable_reseal(0)->set_plans(0);
  refused("reseal of nothing", bad);
  bad = resealed;
  bad.mutable_reseal(0)->clear_policy_sha256();
  refused("reseal under no policy", bad);
  bad = good;
  bad.GetReflection()->MutableUnknownFields(&bad)->AddVarint(99, 1);
  refused("unknown field", bad);
  // Another encoding of the same: format given twice.
  EXPECT_THAT(VerifyInstead(std::string("\x08\x01", 2) + manifest_),
              StatusIs(absl::StatusCode::kDataLoss));
  custody::Manifest overflow = good;
  overflow.mutable_shard(0)->set_rows(~std::uint64_t{0});
  *overflow.add_shard() = good.shard(0);
  overflow.mutable_shard(1)->set_id(std::string(16, 'y'));
  overflow.mutable_shard(1)->set_rows(4);
  overflow.set_rows(3);
  refused("rows that overflow", overflow);
}

}  // namespace
}  // namespace sealtrain::pipeline
