#include "sealtrain/pipeline/review/ip_prefix.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "absl/strings/match.h"
#include "sealtrain/base/bytes.h"

namespace sealtrain::pipeline {
namespace {

constexpr std::size_t kV4Bytes = 4;
constexpr std::size_t kV6Bytes = 16;
constexpr absl::string_view kMappedV4("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);

// Zeroes everything behind the prefix in an address of 4 or 16 bytes.
void Mask(const IpPrefix& prefix, MutableByteSpan address) {
  std::size_t bits = address.size() == kV4Bytes ? prefix.v4_bits : prefix.v6_bits;
  if (absl::StartsWith(AsText(address), kMappedV4)) {
    bits = std::min<std::size_t>(bits, kMappedV4.size() * 8 + prefix.v4_bits);
  }
  for (std::size_t i = 0; i < address.size(); ++i) {
    const std::size_t kept = bits > i * 8 ? std::min<std::size_t>(bits - i * 8, 8) : 0;
    address[i] &= static_cast<std::uint8_t>(0xff00u >> kept);
  }
}

}  // namespace

bool TruncateIpText(const IpPrefix& prefix, absl::string_view address, std::string& out) {
  if (address.size() >= INET6_ADDRSTRLEN) return false;
  // inet_pton() wants a terminated string, so a zero byte would hide the rest.
  if (absl::StrContains(address, '\0')) return false;
  const std::string terminated(address);
  std::array<std::uint8_t, kV6Bytes> bytes;
  for (const int family : {AF_INET, AF_INET6}) {
    if (::inet_pton(family, terminated.c_str(), bytes.data()) != 1) continue;
    Mask(prefix, absl::MakeSpan(bytes).first(family == AF_INET ? kV4Bytes : kV6Bytes));
    char text[INET6_ADDRSTRLEN];
    out = ::inet_ntop(family, bytes.data(), text, sizeof(text));
    return true;
  }
  return false;
}

bool TruncateIpBytes(const IpPrefix& prefix, absl::string_view address, std::string& out) {
  if (address.size() != kV4Bytes && address.size() != kV6Bytes) return false;
  out.assign(address.data(), address.size());
  Mask(prefix, MutableByteSpan(reinterpret_cast<std::uint8_t*>(out.data()), out.size()));
  return true;
}

}  // namespace sealtrain::pipeline
