#include "sealtrain/pipeline/review/treatment.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/key_derivation.h"

namespace sealtrain::pipeline {
namespace {

using google::protobuf::FieldDescriptor;

constexpr absl::string_view kPseudonymLabel("sealtrain/pseudonym/1\0", 22);
constexpr std::size_t kPseudonymBytes = 16;

// Why `transform` cannot be carried out on `field`; empty if it can.
std::string Obstacle(const FieldDescriptor& field, const policy::Transform& transform) {
  const bool text = field.cpp_type() == FieldDescriptor::CPPTYPE_STRING;
  switch (transform.kind()) {
    case policy::KEEP:
    case policy::DROP:
    case policy::REDACT:
      return "";
    case policy::PSEUDONYMIZE:
      return text ? "" : "only string and bytes can be pseudonymised";
    case policy::TRUNCATE_IP:
      if (!text) return "only string and bytes can hold an IP address";
      if (!transform.has_prefix_v4() || transform.prefix_v4() > 32 || !transform.has_prefix_v6() ||
          transform.prefix_v6() > 128) {
        return "the prefix lengths are not set or out of range";
      }
      return "";
    case policy::BUCKET:
      if (!transform.has_step() || !std::isfinite(transform.step()) || transform.step() <= 0) {
        return "the step is not a positive number";
      }
      switch (field.type()) {
        case FieldDescriptor::TYPE_FLOAT:
        case FieldDescriptor::TYPE_DOUBLE:
          return "";
        case FieldDescriptor::TYPE_STRING:
        case FieldDescriptor::TYPE_BYTES:
        case FieldDescriptor::TYPE_BOOL:
        case FieldDescriptor::TYPE_ENUM:
          return "only numbers have buckets";
        default:
          return IsWholeStep(transform.step()) ? "" : "the step of an integer must be an integer";
      }
    default:
      return "unknown transform";
  }
}

}  // namespace

absl::StatusOr<Treatment> Treatment::Create(const policy::Column& column,
                                            const policy::Transform& transform,
                                            std::shared_ptr<const crypto::MacKey> pseudonym_key) {
  const std::string obstacle = Obstacle(column.leaf(), transform);
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
