#include "sealtrain/audit/witness_protocol.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "sealtrain/audit/text_encoding.h"

namespace sealtrain::audit {
namespace {

constexpr std::size_t kMaxConsistencyHashes = 63;  // sizes are below 2^63
constexpr char kPlainText[] = "text/plain; charset=utf-8";
constexpr char kSizeType[] = "text/x.tlog.size";
constexpr char kStatusField[] = "Status: ";
constexpr char kTypeField[] = "Content-Type: ";
constexpr std::uint64_t kMaxStatus = 999;

}  // namespace

std::string FormatAddCheckpoint(const AddCheckpointRequest& request) {
  std::string body = absl::StrCat("old ", request.old_size, "\n");
  for (const Digest& hash : request.proof) absl::StrAppend(&body, EncodeBase64(hash), "\n");
  absl::StrAppend(&body, "\n", request.checkpoint_note);
  return body;
}

absl::StatusOr<AddCheckpointRequest> ParseAddCheckpoint(absl::string_view body) {
  const auto malformed = [](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat("malformed request: ", what));
  };
  if (body.size() > kMaxWitnessBytes) return malformed("too long");
  // The checkpoint follows the first empty line; it has one of its own.
  const std::size_t separator = body.find("\n\n");
  if (separator == absl::string_view::npos) return malformed("no checkpoint");
  const std::vector<absl::string_view> lines = absl::StrSplit(body.substr(0, separator), '\n');
  absl::string_view size_text = lines[0];
  if (!absl::ConsumePrefix(&size_text, "old ")) return malformed("no old size");
  const std::optional<std::uint64_t> old_size = DecodeDecimal(size_text);
  if (!old_size) return malformed("bad old size");
  if (lines.size() - 1 > kMaxConsistencyHashes) return malformed("more than 63 hashes");

  AddCheckpointRequest request{.old_size = *old_size, .proof = {}, .checkpoint_note = {}};
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::optional<Digest> hash = DecodeBase64Digest(lines[i]);
    if (!hash) return malformed("bad hash");
    request.proof.push_back(*hash);
  }
  request.checkpoint_note = std::string(body.substr(separator + 2));
  return request;
}

WitnessAnswer Refusal(int status, absl::string_view why) {
  return {.status = status, .content_type = kPlainText, .body = absl::StrCat(why, "\n")};
}

WitnessAnswer CosignedAnswer(std::string signature_lines) {
  return {.status = WitnessAnswer::kCosigned,
          .content_type = kPlainText,
          .body = std::move(signature_lines)};
}

WitnessAnswer OtherSizeAnswer(std::uint64_t size) {
  return {.status = WitnessAnswer::kOtherSize,
          .content_type = kSizeType,
          .body = absl::StrCat(size, "\n")};
}

absl::StatusOr<std::uint64_t> SizeOf(const WitnessAnswer& answer) {
  absl::string_view text = answer.body;
  const std::optional<std::uint64_t> size =
      absl::ConsumeSuffix(&text, "\n") ? DecodeDecimal(text) : std::nullopt;
  if (answer.content_type != kSizeType || !size) {
    return absl::InvalidArgumentError("malformed answer of a witness: no size");
  }
  return *size;
}

std::string FormatAnswer(const WitnessAnswer& answer) {
  return absl::StrCat(kStatusField, answer.status,
                      answer.status == WitnessAnswer::kCosigned ? " OK" : " Refused", "\n",
                      kTypeField, answer.content_type, "\n\n", answer.body);
}

absl::StatusOr<WitnessAnswer> ParseAnswer(absl::string_view text) {
  const absl::Status malformed = absl::InvalidArgumentError("not an answer of a witness");
  const std::size_t separator = text.find("\n\n");
  if (text.size() > kMaxWitnessBytes || separator == absl::string_view::npos) return malformed;
  const std::vector<absl::string_view> lines = absl::StrSplit(text.substr(0, separator), '\n');
  if (lines.size() != 2) return malformed;
  absl::string_view status_line = lines[0];
  absl::string_view type = lines[1];
  if (!absl::ConsumePrefix(&status_line, kStatusField) || !absl::ConsumePrefix(&type, kTypeField)) {
    return malformed;
  }
  const std::pair<absl::string_view, absl::string_view> status_and_reason =
      absl::StrSplit(status_line, absl::MaxSplits(' ', 1));
  const auto status = DecodeDecimal(status_and_reason.first, kMaxStatus);
  if (!status) return malformed;
  return WitnessAnswer{.status = static_cast<int>(*status),
                       .content_type = std::string(type),
                       .body = std::string(text.substr(separator + 2))};
}

}  // namespace sealtrain::audit
