#include "sealtrain/custody/applied_transform_internal.h"

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace sealtrain::custody {
namespace {

policy::Transform T(const std::string& text) {
  policy::Transform transform;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &transform));
  return transform;
}

Manifest ManifestOf(const std::vector<std::string>& transforms) {
  Manifest manifest;
  for (const std::string& transform : transforms) {
    SealedColumn& column = *manifest.add_plan()->add_column();
    column.set_id("4");
    *column.mutable_applied() = T(transform);
  }
  return manifest;
}

TEST(AppliedTransform, IsTheWeakestOfTwo) {
  const std::vector<std::string> by_strength = {"kind: KEEP", "kind: BUCKET step: 5",
                                                "kind: PSEUDONYMIZE domain: 'a'", "kind: REDACT",
                                                "kind: DROP"};
  for (std::size_t i = 0; i < by_strength.size(); ++i) {
    for (std::size_t j = 0; j < by_strength.size(); ++j) {
      const auto weakest = Weakest(T(by_strength[i]), T(by_strength[j]));
      ASSERT_TRUE(weakest.has_value());
      EXPECT_EQ(weakest->SerializeAsString(), T(by_strength[std::min(i, j)]).SerializeAsString());
    }
  }
}

TEST(AppliedTransform, IsTheFinerOfTwoOfAKind) {
  EXPECT_EQ(Weakest(T("kind: BUCKET step: 5"), T("kind: BUCKET step: 10"))->step(), 5);
  const auto ip = Weakest(T("kind: TRUNCATE_IP prefix_v4: 24 prefix_v6: 32"),
                          T("kind: TRUNCATE_IP prefix_v4: 16 prefix_v6: 48"));
  EXPECT_EQ(ip->prefix_v4(), 24u);
  EXPECT_EQ(ip->prefix_v6(), 48u);
}

TEST(AppliedTransform, IsUnknownWhereTwoCannotBeCompared) {
  EXPECT_FALSE(Weakest(T("kind: BUCKET step: 5"), T("kind: TRUNCATE_IP prefix_v4: 8 prefix_v6: 8"))
                   .has_value());
  EXPECT_FALSE(Weakest(T("kind: PSEUDONYMIZE domain: 'a'"), T("kind: PSEUDONYMIZE domain: 'b'"))
                   .has_value());
  EXPECT_FALSE(Weakest(T(""), T("kind: KEEP")).has_value());
  EXPECT_FALSE(Weakest(T("kind: DROP"), T("")).has_value());
  policy::Transform unknown;
  unknown.set_kind(static_cast<policy::TransformKind>(99));
  EXPECT_FALSE(Weakest(unknown, unknown).has_value());
}

TEST(AppliedTransform, IsTheWeakestOverAllPlans) {
  EXPECT_EQ(AppliedToColumn(ManifestOf({"kind: DROP", "kind: KEEP", "kind: REDACT"}), "4")->kind(),
            policy::KEEP);
  EXPECT_EQ(AppliedToColumn(ManifestOf({"kind: DROP"}), "4")->kind(), policy::DROP);
}

TEST(AppliedTransform, IsUnknownIfAnyPlanDoesNotSay) {
  EXPECT_FALSE(AppliedToColumn(Manifest(), "4").has_value());
  EXPECT_FALSE(AppliedToColumn(ManifestOf({"kind: KEEP"}), "5").has_value());
  EXPECT_FALSE(AppliedToColumn(ManifestOf({"kind: KEEP", ""}), "4").has_value());
  EXPECT_FALSE(AppliedToColumn(ManifestOf({""}), "4").has_value());
  Manifest second_lacks_it = ManifestOf({"kind: DROP"});
  second_lacks_it.add_plan();
  EXPECT_FALSE(AppliedToColumn(second_lacks_it, "4").has_value());
}

}  // namespace
}  // namespace sealtrain::custody
