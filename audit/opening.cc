#include "sealtrain/audit/opening.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/crypto/random.h"

namespace sealtrain::audit {
namespace {

constexpr absl::string_view kLabel("sealtrain/audit-opening/1\0", 26);
constexpr std::size_t kFieldBytes = 4;
constexpr std::size_t kSaltBytes = 32;
constexpr std::size_t kHeadBytes = kLabel.size() + kFieldBytes + kSaltBytes;

}  // namespace

absl::Status CheckSealable(absl::string_view text) {
  if (!text.empty() && text.size() <= kMaxSealedTextBytes && IsUtf8(text)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("a reason is UTF-8 and has 1 to ", kMaxSealedTextBytes, " bytes"));
}

absl::StatusOr<std::string> SealWhy(absl::string_view text, Event& event) {
  ST_RETURN_IF_ERROR(CheckSealable(text));
  Bytes opening(AsBytes(kLabel).begin(), AsBytes(kLabel).end());
  AppendBigEndian(Event::kWhyFieldNumber, kFieldBytes, opening);
  opening.resize(kHeadBytes);
  ST_RETURN_IF_ERROR(crypto::RandomFill(absl::MakeSpan(opening).last(kSaltBytes)));
  opening.insert(opening.end(), AsBytes(text).begin(), AsBytes(text).end());
  event.set_why(std::string(AsText(crypto::Sha256(opening))));
  return std::string(AsText(opening));
}

bool SealsAnything(const Event& event) { return !event.why().empty(); }

absl::StatusOr<OpenedText> CheckOpening(absl::string_view opening, const Event& event) {
  const bool opens =
      SealsAnything(event) && IsOpening(opening) && opening.size() > kHeadBytes &&
      event.why() == AsText(crypto::Sha256(AsBytes(opening))) &&
      GetBigEndian(AsBytes(opening).subspan(kLabel.size(), kFieldBytes)) == Event::kWhyFieldNumber;
  if (!opens) return absl::DataLossError("the text is not what the entry commits to");
  const absl::string_view text = opening.substr(kHeadBytes);
  if (!CheckSealable(text).ok()) {
    return absl::DataLossError("what the entry commits to is no text");
  }
  return OpenedText{.field = "why", .text = std::string(text)};
}

bool IsOpening(absl::string_view bytes) { return absl::StartsWith(bytes, kLabel); }

}  // namespace sealtrain::audit
