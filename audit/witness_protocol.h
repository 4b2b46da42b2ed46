// What a log and a witness say to each other (C2SP tlog-witness, add-checkpoint),
// apart from how it is carried. docs/formats/audit-log.md, "Witnesses".
//
// All functions are thread-safe.
#ifndef SEALTRAIN_AUDIT_WITNESS_PROTOCOL_H_
#define SEALTRAIN_AUDIT_WITNESS_PROTOCOL_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sealtrain/audit/proof.h"

namespace sealtrain::audit {

// Requests and answers are at most this long: a checkpoint with two dozen of the
// longest signatures there are.
inline constexpr std::size_t kMaxWitnessBytes = 128 * 1024;

// Asks for a cosignature.
struct AddCheckpointRequest {
  std::uint64_t old_size = 0;   // of the log, when the witness cosigned it last
  ProofHashes proof;            // from there to the checkpoint; none from 0
  std::string checkpoint_note;  // signed by the log
};
std::string FormatAddCheckpoint(const AddCheckpointRequest& request);
// InvalidArgument: malformed, or too long. The checkpoint is not looked at.
absl::StatusOr<AddCheckpointRequest> ParseAddCheckpoint(absl::string_view body);

// What comes back. The statuses are those of HTTP that tlog-witness names.
struct WitnessAnswer {
  enum Status : int {
    kCosigned = 200,  // body: signature lines
    kMalformed = 400,
    kNotSigned = 403,  // by a key that the witness knows for the log
    kUnknownLog = 404,
    kOtherSize = 409,  // body: the size that was cosigned last, and a newline
    kInconsistent = 422,
    kFailed = 500,       // the witness can say nothing more
    kUnavailable = 503,  // now
  };
  int status = kFailed;
  std::string content_type;
  std::string body;
};

// The answers, with the content type that belongs to them.
WitnessAnswer Refusal(int status, absl::string_view why);  // one line
WitnessAnswer CosignedAnswer(std::string signature_lines);
WitnessAnswer OtherSizeAnswer(std::uint64_t size);
// The size in the body of an OtherSizeAnswer(). InvalidArgument: there is none.
absl::StatusOr<std::uint64_t> SizeOf(const WitnessAnswer& answer);

// An answer where there is no HTTP: as a CGI program prints it (RFC 3875 section 6).
//   Status: 409 Refused
//   Content-Type: text/x.tlog.size
//   <empty line>
//   <body>
std::string FormatAnswer(const WitnessAnswer& answer);
// InvalidArgument: not exactly that, or too long.
absl::StatusOr<WitnessAnswer> ParseAnswer(absl::string_view text);

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_WITNESS_PROTOCOL_H_
