#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "sealtrain/crypto/key_derivation.h"
#include "sealtrain/pipeline/review/bucket.h"
#include "sealtrain/pipeline/review/ip_prefix.h"
#include "sealtrain/pipeline/review/treatment.h"
#include "sealtrain/tests/pipeline/schema_fixture.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::pipeline {
namespace {

using ::sealtrain::testing::kEverythingProto;
using ::sealtrain::testing::SchemaOf;
using ::sealtrain::testing::StatusIs;
using ::testing::HasSubstr;

std::string Cut(std::uint32_t v4, std::uint32_t v6, const std::string& address) {
  std::string out = "unchanged";
  if (TruncateIpText({.v4_bits = v4, .v6_bits = v6}, address, out)) return out;
  EXPECT_EQ(out, "unchanged");
  return "no";
}

TEST(TruncateIp, KeepsThePrefixOnly) {
  EXPECT_EQ(Cut(24, 48, "192.168.37.211"), "192.168.37.0");
  EXPECT_EQ(Cut(20, 48, "192.168.37.211"), "192.168.32.0");
  EXPECT_EQ(Cut(0, 0, "192.168.37.211"), "0.0.0.0");
  EXPECT_EQ(Cut(32, 0, "192.168.37.211"), "192.168.37.211");
  EXPECT_EQ(Cut(1, 0, "192.168.37.211"), "128.0.0.0");
  EXPECT_EQ(Cut(24, 48, "2001:DB8:1:2:3:4:5:6"), "2001:db8:1::");
  EXPECT_EQ(Cut(24, 128, "2001:db8::1"), "2001:db8::1");
  EXPECT_EQ(Cut(24, 0, "2001:db8::1"), "::");
}

TEST(TruncateIp, TreatsAnIpv4AddressInIpv6ByTheStricterPrefix) {
  EXPECT_EQ(Cut(24, 128, "::ffff:192.168.37.211"), "::ffff:192.168.37.0");
  EXPECT_EQ(Cut(0, 128, "::ffff:192.168.37.211"), "::ffff:0.0.0.0");
  EXPECT_EQ(Cut(24, 48, "::ffff:192.168.37.211"), "::");
}

TEST(TruncateIp, RefusesWhatIsNoAddress) {
  using namespace std::string_literals;
  for (const std::string& bad :
       {""s, "localhost"s, "1.2.3"s, "1.2.3.4.5"s, "1.2.3.256"s, "01.2.3.4"s, "1.2.3.4 "s,
        "1.2.3.4\0"s, "1.2.3.4\0x"s, "fe80::1%eth0"s, "1.2.3.4/24"s, ":"s, "::1::"s,
        std::string(1000, '1')}) {
    EXPECT_EQ(Cut(24, 48, bad), "no") << bad;
  }
}

TEST(TruncateIp, CutsBytes) {
  std::string out;
  ASSERT_TRUE(TruncateIpBytes({.v4_bits = 9, .v6_bits = 16}, "\xff\xff\xff\xff", out));
  EXPECT_EQ(out, std::string("\xff\x80\0\0", 4));
  ASSERT_TRUE(TruncateIpBytes({.v4_bits = 9, .v6_bits = 16}, std::string(16, '\xff'), out));
  EXPECT_EQ(out, "\xff\xff" + std::string(14, '\0'));
  for (const std::size_t size : {0, 3, 5, 15, 17}) {
    EXPECT_FALSE(TruncateIpBytes({.v4_bits = 9, .v6_bits = 16}, std::string(size, 'x'), out));
  }
}

TEST(BucketOf, RoundsDownToTheStep) {
  EXPECT_EQ(BucketOf<std::int32_t>(42, 10), 40);
  EXPECT_EQ(BucketOf<std::int32_t>(40, 10), 40);
  EXPECT_EQ(BucketOf<std::int32_t>(-1, 10), -10);
  EXPECT_EQ(BucketOf<std::int32_t>(-10, 10), -10);
  EXPECT_EQ(BucketOf<std::uint64_t>(18446744073709551615u, 10), 18446744073709551610u);
  EXPECT_EQ(BucketOf<std::int64_t>(9223372036854775807, 1000), 9223372036854775000);
  EXPECT_DOUBLE_EQ(BucketOf<double>(4.9, 0.5), 4.5);
  EXPECT_DOUBLE_EQ(BucketOf<double>(-0.1, 0.5), -0.5);
  EXPECT_FLOAT_EQ(BucketOf<float>(37.9f, 5), 35.0f);
  EXPECT_FALSE(std::signbit(BucketOf<double>(-0.0, 1)));
}

TEST(BucketOf, StaysInTheTypeAtItsEdges) {
  constexpr auto kMin = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(BucketOf<std::int64_t>(kMin, 1000), kMin);
  EXPECT_EQ(BucketOf<std::int64_t>(kMin + 5, 1000), kMin);
  EXPECT_EQ(BucketOf<std::int32_t>(std::numeric_limits<std::int32_t>::min(), 7),
            std::numeric_limits<std::int32_t>::min());
  EXPECT_EQ(BucketOf<std::int32_t>(5, 9007199254740992.0), 0);
  EXPECT_EQ(BucketOf<std::uint32_t>(4294967295u, 9007199254740992.0), 0u);
  EXPECT_EQ(BucketOf<double>(1e300, 1e-3), 1e300);
  EXPECT_EQ(BucketOf<double>(1e308, 1e-300), 1e308);
  EXPECT_EQ(BucketOf<float>(-3.4e38f, 1e38), std::numeric_limits<float>::lowest());
  EXPECT_EQ(BucketOf<double>(-1.7e308, 1e308), std::numeric_limits<double>::lowest());
  EXPECT_TRUE(std::isnan(BucketOf<double>(std::nan(""), 1)));
  EXPECT_TRUE(std::isinf(BucketOf<double>(-INFINITY, 1)));
}

class TreatmentTest : public ::testing::Test {
 protected:
  absl::StatusOr<Treatment> Make(const std::string& column, const std::string& transform) const {
    policy::Transform parsed;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(transform, &parsed));
    std::shared_ptr<const crypto::MacKey> key;
    if (parsed.kind() == policy::PSEUDONYMIZE) {
      const Bytes bytes(crypto::kKeyBytes, 0x42);
      key = std::make_shared<const crypto::MacKey>(
          *crypto::MacKey::FromBytes(*crypto::SecretBytes::CopyFrom(bytes)));
    }
    return Treatment::Create(*schema_->FindColumn(column), parsed, key);
  }
  const std::shared_ptr<const policy::Schema> schema_ = SchemaOf(kEverythingProto, "Everything");
};

TEST_F(TreatmentTest, MakesPseudonymsOfADocumentedForm) {
  std::string out;
  ASSERT_OK_AND_ASSIGN(Treatment text, Make("text", "kind: PSEUDONYMIZE domain: \"d\""));
  ASSERT_OK_AND_ASSIGN(absl::string_view pseudonym, text.Text("ann@example.org", out));
  // HMAC-SHA-256 under 32 × 42 of "sealtrain/pseudonym/1" ‖ 00 ‖ value, cut to
  // 16 bytes; the value is the one in docs/formats/review.md.
  EXPECT_EQ(std::string(pseudonym), "c2c201c5fa0f994da25f649aca07b832");
  ASSERT_OK_AND_ASSIGN(pseudonym, text.Text("", out));
  EXPECT_EQ(pseudonym.size(), 32u);  // an empty value shows no more than another
  ASSERT_OK_AND_ASSIGN(Treatment blob, Make("blob", "kind: PSEUDONYMIZE domain: \"d\""));
  ASSERT_OK_AND_ASSIGN(pseudonym, blob.Text("ann@example.org", out));
  EXPECT_EQ(HexEncode(AsBytes(pseudonym)), "c2c201c5fa0f994da25f649aca07b832");
}

TEST_F(TreatmentTest, LeavesAnEmptyAddressEmpty) {
  std::string out;
  ASSERT_OK_AND_ASSIGN(Treatment text, Make("text", "kind: TRUNCATE_IP prefix_v4: 8 prefix_v6: 8"));
  ASSERT_OK_AND_ASSIGN(absl::string_view cut, text.Text("", out));
  EXPECT_EQ(cut, "");
  ASSERT_OK_AND_ASSIGN(cut, text.Text("10.1.2.3", out));
  EXPECT_EQ(cut, "10.0.0.0");
  EXPECT_THAT(text.Text("ten", out), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(TreatmentTest, RefusesWhatAColumnCannotHonour) {
  const auto refused = [&](const std::string& column, const std::string& transform) {
    EXPECT_THAT(Make(column, transform),
                StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("column " + column)))
        << transform;
  };
  refused("i32", "kind: PSEUDONYMIZE domain: \"d\"");
  refused("i32", "kind: TRUNCATE_IP prefix_v4: 8 prefix_v6: 8");
  refused("text", "kind: TRUNCATE_IP prefix_v4: 33 prefix_v6: 8");
  refused("text", "kind: TRUNCATE_IP prefix_v4: 8");
  refused("text", "kind: BUCKET step: 1");
  refused("flag", "kind: BUCKET step: 1");
  refused("color", "kind: BUCKET step: 1");
  refused("i32", "kind: BUCKET step: 0.5");
  refused("i64", "kind: BUCKET step: 1e17");
  refused("d", "kind: BUCKET step: 0");
  refused("d", "kind: BUCKET step: inf");
  refused("d", "kind: BUCKET");
  refused("d", "kind: TRANSFORM_UNSPECIFIED");
  EXPECT_OK(Make("d", "kind: BUCKET step: 0.5"));
  EXPECT_OK(Make("i32", "kind: REDACT"));
}

}  // namespace
}  // namespace sealtrain::pipeline
