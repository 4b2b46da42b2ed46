#include "sealtrain/pipeline/review/treatment.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/key_derivation.h"
#include "sealtrain/policy/transform_fit.h"

namespace sealtrain::pipeline {
namespace {

using google::protobuf::FieldDescriptor;

constexpr absl::string_view kPseudonymLabel("sealtrain/pseudonym/1\0", 22);
constexpr std::size_t kPseudonymBytes = 16;

}  // namespace

absl::StatusOr<Treatment> Treatment::Create(const policy::Column& column,
                                            const policy::Transform& transform,
                                            std::shared_ptr<const crypto::MacKey> pseudonym_key) {
  const std::string obstacle = policy::TransformObstacle(transform, column);
  if (!obstacle.empty()) {
    return absl::UnimplementedError(absl::StrCat("column ", column.name, ": cannot apply ",
                                                 policy::TransformKind_Name(transform.kind()), ": ",
                                                 obstacle));
  }
  Treatment treatment;
  treatment.transform_ = transform;
  treatment.is_text_ = column.leaf().type() == FieldDescriptor::TYPE_STRING;
  treatment.pseudonym_key_ = std::move(pseudonym_key);
  return treatment;
}

absl::StatusOr<absl::string_view> Treatment::Text(absl::string_view value, std::string& out) const {
  if (transform_.kind() == policy::PSEUDONYMIZE) {
    out.assign(kPseudonymLabel.data(), kPseudonymLabel.size());
    out.append(value.data(), value.size());
    ST_ASSIGN_OR_RETURN(const Digest mac, crypto::Mac::Compute(*pseudonym_key_, AsBytes(out)));
    const ByteSpan pseudonym = ByteSpan(mac).first(kPseudonymBytes);
    out = is_text_ ? HexEncode(pseudonym) : std::string(AsText(pseudonym));
    return out;
  }
  if (transform_.kind() == policy::TRUNCATE_IP && !value.empty()) {
    const IpPrefix prefix{.v4_bits = transform_.prefix_v4(), .v6_bits = transform_.prefix_v6()};
    if (!(is_text_ ? TruncateIpText(prefix, value, out) : TruncateIpBytes(prefix, value, out))) {
      return absl::InvalidArgumentError("not an IP address");
    }
    return out;
  }
  return value;
}

}  // namespace sealtrain::pipeline
