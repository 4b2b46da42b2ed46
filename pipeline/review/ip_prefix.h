// TRUNCATE_IP: an IP address cut down to its network.
#ifndef SEALTRAIN_PIPELINE_REVIEW_IP_PREFIX_H_
#define SEALTRAIN_PIPELINE_REVIEW_IP_PREFIX_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace sealtrain::pipeline {

// Leading bits that are kept; the rest becomes zero. Of an IPv4 address inside
// IPv6 (::ffff:0:0/96) no more stays than either number allows.
struct IpPrefix {
  std::uint32_t v4_bits = 0;  // 0..32
  std::uint32_t v6_bits = 0;  // 0..128
};

// Address as text, in the forms that inet_pton(3) takes; what comes out has the
// form of inet_ntop(3). False: `address` is none, and `out` is not changed.
bool TruncateIpText(const IpPrefix& prefix, absl::string_view address, std::string& out);
// Address as 4 or 16 bytes.
bool TruncateIpBytes(const IpPrefix& prefix, absl::string_view address, std::string& out);

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_REVIEW_IP_PREFIX_H_
