#include <algorithm>
#include <array>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "sealtrain/pipeline/review/text_byte_internal.h"
#include "sealtrain/pipeline/review/text_check_internal.h"
#include "sealtrain/pipeline/review/text_form_internal.h"

namespace sealtrain::pipeline {
namespace {

using policy::TextScan;

constexpr absl::string_view kAnyDigit = "0123456789";
constexpr absl::string_view kAnyHex = "0123456789ABCDEFabcdef";
constexpr absl::string_view kAnyUpper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
// How digits hang together in numbers that are written in groups.
constexpr absl::string_view kGroupJoins = "-./";
constexpr absl::string_view kPhoneJoins = "-./:";

// Quicker than find() for the few bytes that there are.
bool IsOneOf(char byte, absl::string_view bytes) {
  return std::any_of(bytes.begin(), bytes.end(), [&](char one) { return one == byte; });
}

// --- shortcuts: cheap looks at the first bytes ------------------------------------

// The byte behind the leading digits, if they are `count`; else NUL.
char BehindDigits(absl::string_view text, std::size_t count) {
  if (text.size() <= count) return '\0';
  return std::all_of(text.begin(), text.begin() + count, IsDigitByte) ? text[count] : '\0';
}

// Whether at least `count` digits come before anything but digits, blanks, hyphens.
bool HasLeadingDigits(absl::string_view text, std::size_t count) {
  for (const char byte : text) {
    if (IsDigitByte(byte)) {
      if (--count == 0) return true;
    } else if (byte != ' ' && byte != '-') {
      return false;
    }
  }
  return false;
}

bool MayBeAmericanPhone(absl::string_view text) {
  return text[0] == '(' || IsOneOf(BehindDigits(text, 3), " -.") ||
         (text[0] == '1' && IsOneOf(text[1], " -."));
}
bool MayBeFrenchPhone(absl::string_view text) { return BehindDigits(text, 2) == '.'; }
bool MayBeCard(absl::string_view text) { return HasLeadingDigits(text, 13); }
bool MayBeIban(absl::string_view text) {
  return text.size() >= 15 && IsDigitByte(text[2]) && IsDigitByte(text[3]);
}
bool MayBeSsn(absl::string_view text) { return BehindDigits(text, 3) == '-'; }
bool MayBeNhsNumber(absl::string_view text) { return HasLeadingDigits(text, 10); }
bool MayBeSpanishId(absl::string_view text) {
  return text.size() >= 9 && std::all_of(text.begin() + 2, text.begin() + 8, IsDigitByte);
}
bool MayBeNir(absl::string_view text) { return HasLeadingDigits(text, 6); }  // 2A is Corsica
bool MayBeGermanTaxId(absl::string_view text) { return HasLeadingDigits(text, 11); }
bool MayBeBsn(absl::string_view text) {
  return absl::StartsWithIgnoreCase(text, "bsn") || absl::StartsWithIgnoreCase(text, "burgers");
}
bool MayBeIpv4(absl::string_view text) {
  return text[1] == '.' || BehindDigits(text, 2) == '.' || BehindDigits(text, 3) == '.';
}
std::size_t LeadingHex(absl::string_view text) {
  const std::size_t most = std::min<std::size_t>(text.size(), 5);
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.begin() + most, IsHexByte) -
                                  text.begin());
}
bool MayBeIpv6(absl::string_view text) {
  if (text[0] == ':') return text[1] == ':';
  const std::size_t group = LeadingHex(text);
  if (group > 4 || group >= text.size() || text[group] != ':') return false;
  const absl::string_view rest = text.substr(group + 1);
  const std::size_t second = LeadingHex(rest);
  return second < rest.size() && rest[second] == ':';
}
bool MayBeMac(absl::string_view text) {
  const std::size_t group = LeadingHex(text);
  return text.size() >= 14 &&
         (group == 2 ? text[2] == ':' || text[2] == '-' : group == 4 && text[4] == '.');
}
bool MayBeBearer(absl::string_view text) { return absl::StartsWith(text.substr(1), "earer "); }
bool MayBeJwt(absl::string_view text) { return absl::StartsWith(text, "eyJ"); }
bool MayBePrivateKey(absl::string_view text) { return absl::StartsWith(text, "-----BEGIN "); }

// --- the forms ------------------------------------------------------------------

constexpr TextForm::Rule kRules[] = {
    // RFC 5321, 4.1.2 and RFC 1035, 2.3.1: at least two labels, the last of letters
    // or, RFC 5890, an A-label.
    {.kind = TextScan::EMAIL_ADDRESS,
     .alone = false,
     .pattern = R"([A-Za-z0-9_][A-Za-z0-9_.%+=~'-]{0,63}@)"
                R"((?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+)"
                R"((?:[A-Za-z]{2,63}|[Xx][Nn]--[A-Za-z0-9-]*[A-Za-z0-9]))"},

    // ITU-T E.123: country code and number, at most 15 digits (E.164, 6).
    {.kind = TextScan::PHONE_NUMBER,
     .pattern = R"(\+[1-9](?:[ ./()-]{0,3}[0-9]){7,14}(?: ?x[0-9]{1,6})?)",
     .first_bytes = "+",
     .second_bytes = "123456789",
     .max_bytes = 66,
     .not_by_digit = kPhoneJoins},
    // The same, as it is dialled.
    {.kind = TextScan::PHONE_NUMBER,
     .pattern = R"(00[1-9][0-9]{0,2}[ ./()-]{1,3}[0-9](?:[ ./()-]{0,2}[0-9]){5,13})"
                R"((?: ?x[0-9]{1,6})?)",
     .first_bytes = "0",
     .second_bytes = "0",
     .valid = IsDialledPhone,
     .max_bytes = 56,
     .not_by_digit = kPhoneJoins},
    // North America.
    {.kind = TextScan::PHONE_NUMBER,
     .pattern = R"((?:1[ .-])?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[ .-]))"
                R"([0-9]{3}[ .-][0-9]{4}(?: ?x[0-9]{1,6})?)",
     .first_bytes = "(123456789",
     .second_bytes = "0123456789 -.",
     .may_begin = MayBeAmericanPhone,
     .max_bytes = 24,
     .not_by_digit = kPhoneJoins},
    // Behind a trunk prefix 0.
    {.kind = TextScan::PHONE_NUMBER,
     .pattern = R"((?:\(0[1-9][0-9]{0,4}\)[ -]?|0[1-9][0-9]{0,4}(?: ?[/-] ?| )))"
                R"([0-9]{2,8}(?:[ -][0-9]{2,8}){0,4}(?: ?x[0-9]{1,6})?)",
     .first_bytes = "(0",
     .second_bytes = kAnyDigit,
     .valid = IsTrunkPhone,
     .max_bytes = 32,
     .not_by_digit = kPhoneJoins},
    {.kind = TextScan::PHONE_NUMBER,
     .pattern = R"(0[1-9](?:\.[0-9]{2}){4}(?: ?x[0-9]{1,6})?)",
     .first_bytes = "0",
     .second_bytes = "123456789",
     .may_begin = MayBeFrenchPhone,
     .max_bytes = 22,
     .not_by_digit = kPhoneJoins},

    {.kind = TextScan::PAYMENT_CARD,
     .pattern = R"([2-6][0-9]{2,18}(?:[ -][0-9]{3,16}){0,5})",
     .first_bytes = "23456",
     .second_bytes = kAnyDigit,
     .may_begin = MayBeCard,
     .valid = IsPaymentCard,
     .max_bytes = 24,
     .not_by_digit = kGroupJoins},

    {.kind = TextScan::IBAN,
     .pattern = R"([A-Z]{2}[0-9]{2}(?:[A-Z0-9]{11,30}|(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,4})?))",
     .first_bytes = kAnyUpper,
     .second_bytes = kAnyUpper,
     .may_begin = MayBeIban,
     .valid = IsIban,
     .max_bytes = 44},

    {.kind = TextScan::NATIONAL_ID,
     .pattern = R"([0-9]{3}-[0-9]{2}-[0-9]{4})",
     .first_bytes = kAnyDigit,
     .second_bytes = kAnyDigit,
     .may_begin = MayBeSsn,
     .valid = IsSocialSecurityNumber,
     .max_bytes = 11,
     .not_by_digit = kGroupJoins},
    {.kind = TextScan::NATIONAL_ID,
     .pattern = R"([0-9]{3}[ -][0-9]{3}[ -][0-9]{4})",
     .first_bytes = kAnyDigit,
     .second_bytes = kAnyDigit,
     .may_begin = MayBeNhsNumber,
     .valid = IsNhsNumber,
     .max_bytes = 12,
     .not_by_digit = kGroupJoins},
    {.kind = TextScan::NATIONAL_ID,
     .pattern = R"((?:[0-9]{8}|[XYZ]-?[0-9]{7})-?[A-HJ-NP-TV-Z])",
     .first_bytes = "0123456789XYZ",
     .second_bytes = "0123456789-",
     .may_begin = MayBeSpanishId,
     .valid = IsSpanishId,
     .max_bytes = 11,
     .not_by_digit = kGroupJoins},
    {.kind = TextScan::NATIONAL_ID,
     .pattern = R"([1-478] ?[0-9]{2} ?[0-9]{2} ?(?:[0-9]{2}|2[AB]) ?[0-9]{3} ?[0-9]{3} ?[0-9]{2})",
     .first_bytes = "123478",
     .second_bytes = "0123456789 ",
     .may_begin = MayBeNir,
     .valid = IsNir,
     .max_bytes = 21,
     .not_by_digit = kGroupJoins},
    {.kind = TextScan::NATIONAL_ID,
     .pattern = R"([1-9][0-9](?: ?[0-9]{3}){3})",
     .first_bytes = "123456789",
     .second_bytes = kAnyDigit,
     .may_begin = MayBeGermanTaxId,
     .valid = IsGermanTaxId,
     .max_bytes = 14,
     .not_by_digit = kGroupJoins},
    {.kind = TextScan::NATIONAL_ID,
     .pattern = R"((?i:bsn|burgerservicenummer)(?:[ -]?(?i:nummer|number|nr|no))?)"
                R"([ .:=#()-]{0,3}(?:[0-9]{9}|[0-9]{4}\.[0-9]{2}\.[0-9]{3}))",
     .first_bytes = "Bb",
     .second_bytes = "SUsu",
     .may_begin = MayBeBsn,
     .valid = IsBsn,
     .max_bytes = 40,
     .not_by_digit = kGroupJoins},

    {.kind = TextScan::IP_ADDRESS,
     .pattern = R"((?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\.){3})"
                R"((?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9]))",
     .first_bytes = kAnyDigit,
     .second_bytes = "0123456789.",
     .may_begin = MayBeIpv4,
     .max_bytes = 15,
     .not_by_digit = "."},
    {.kind = TextScan::IP_ADDRESS,
     .pattern = R"((?:[0-9A-Fa-f]{1,4}:|::)[0-9A-Fa-f:.]{1,40})",
     .first_bytes = "0123456789ABCDEFabcdef:",
     .second_bytes = "0123456789ABCDEFabcdef:",
     .may_begin = MayBeIpv6,
     .valid = IsIpv6,
     .max_bytes = 45,
     .not_by_digit = ".",
     .not_by_hex = ":"},

    {.kind = TextScan::MAC_ADDRESS,
     .pattern = R"([0-9A-Fa-f]{2}(?:(?::[0-9A-Fa-f]{2}){5}|(?:-[0-9A-Fa-f]{2}){5}))"
                R"(|[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4}){2})",
     .first_bytes = kAnyHex,
     .second_bytes = kAnyHex,
     .may_begin = MayBeMac,
     .max_bytes = 17,
     .not_by_hex = "-.:"},

    {.kind = TextScan::ACCESS_TOKEN,
     .pattern = R"((?:AKIA|ASIA)[A-Z2-7]{16})",
     .first_bytes = "A",
     .second_bytes = "KS",
     .max_bytes = 20},
    {.kind = TextScan::ACCESS_TOKEN,
     .pattern = R"(gh[oprsu]_[A-Za-z0-9_]{36,}|github_pat_[A-Za-z0-9_]{22,})",
     .first_bytes = "g",
     .second_bytes = "hi"},
    {.kind = TextScan::ACCESS_TOKEN,
     .pattern = R"(xox[abeoprs]-[A-Za-z0-9-]{10,})",
     .first_bytes = "x",
     .second_bytes = "o"},
    {.kind = TextScan::ACCESS_TOKEN,
     .pattern = R"(AIza[A-Za-z0-9_-]{35,})",
     .first_bytes = "A",
     .second_bytes = "I"},
    {.kind = TextScan::ACCESS_TOKEN,
     .pattern = R"([rs]k_live_[A-Za-z0-9]{16,})",
     .first_bytes = "rs",
     .second_bytes = "k"},
    // RFC 6750, 2.1.
    {.kind = TextScan::ACCESS_TOKEN,
     .pattern = R"([Bb]earer {1,4}[A-Za-z0-9._~+/-]{19,}[A-Za-z0-9_~+/-]=*)",
     .first_bytes = "Bb",
     .second_bytes = "e",
     .may_begin = MayBeBearer},
    // RFC 7515, 7.1: the header is a JSON object, {"..., so it starts with eyJ. RFC
    // 7516 has five parts; the second is empty where what is signed lies elsewhere
    // (RFC 7515, appendix F) or no key is sent (RFC 7516, 5.1). Runs of these bytes
    // hold no other begin.
    {.kind = TextScan::ACCESS_TOKEN,
     .pattern = R"(eyJ[A-Za-z0-9_-]{8,}\.(?:[A-Za-z0-9_-]{8,})?(?:\.[A-Za-z0-9_-]{8,}){1,3})",
     .first_bytes = "e",
     .second_bytes = "y",
     .may_begin = MayBeJwt,
     .not_after = "-"},

    // RFC 7468, 10 and 11, RFC 9580, 6.2. A key without its END reaches to the next
    // five dashes, or else to the end of the text.
    {.kind = TextScan::PRIVATE_KEY,
     .alone = false,
     .pattern = R"(-----BEGIN (?:[A-Z0-9]{1,16} ){0,4}PRIVATE KEY(?: BLOCK)?-----)"
                R"((?:[^-]|-{1,4}[^-])*(?:-----END [A-Z0-9 ]{1,64}-----|-{1,4}\z)?)",
     .first_bytes = "-",
     .second_bytes = "-",
     .may_begin = MayBePrivateKey},
};

RE2::Options PatternOptions() {
  RE2::Options options;
  options.set_encoding(RE2::Options::EncodingLatin1);  // bytes
  options.set_longest_match(true);
  options.set_never_capture(true);
  options.set_log_errors(false);
  // An upper limit for each form. Room enough for the states of these small patterns:
  // RE2 would throw them away, make them again and in the end take its slow way.
  options.set_max_mem(2 << 20);
  return options;
}

}  // namespace

absl::Span<const TextForm::Rule> TextForm::Rules() { return kRules; }

TextForm::TextForm(const Rule& rule) : rule_(rule), pattern_(rule.pattern, PatternOptions()) {}

absl::StatusOr<std::unique_ptr<const TextForm>> TextForm::Create(const Rule& rule) {
  std::unique_ptr<const TextForm> form(new TextForm(rule));
  if (!form->pattern_.ok()) {
    return absl::InternalError(
        absl::StrCat(TextScan::Kind_Name(rule.kind), ": ", form->pattern_.error()));
  }
  return form;
}

bool TextForm::BeginsWell(absl::string_view text, std::size_t at) const {
  if (at == 0) return true;
  const char before = text[at - 1];
  if ((rule_.alone && IsWordByte(before)) || IsOneOf(before, rule_.not_after)) return false;
  if (at == 1) return true;
  const char beyond = text[at - 2];
  return !(IsOneOf(before, rule_.not_by_digit) && IsDigitByte(beyond)) &&
         !(IsOneOf(before, rule_.not_by_hex) && (IsHexByte(beyond) || beyond == before));
}

bool TextForm::EndsWell(absl::string_view text, std::size_t end) const {
  if (end == text.size()) return true;
  const char behind = text[end];
  if (rule_.alone && IsWordByte(behind)) return false;
  if (end + 1 == text.size()) return true;
  const char beyond = text[end + 1];
  return !(IsOneOf(behind, rule_.not_by_digit) && IsDigitByte(beyond)) &&
         !(IsOneOf(behind, rule_.not_by_hex) && (IsHexByte(beyond) || beyond == behind));
}

std::size_t TextForm::MatchIn(absl::string_view text) const {
  re2::StringPiece match;
  const re2::StringPiece in(text.data(), text.size());
  return pattern_.Match(in, 0, in.size(), RE2::ANCHOR_START, &match, 1) ? match.size() : 0;
}

std::size_t TextForm::Match(absl::string_view text, std::size_t at) const {
  const absl::string_view rest = text.substr(at);
  if (rule_.may_begin != nullptr && !rule_.may_begin(rest)) return 0;
  if (!BeginsWell(text, at)) return 0;
  if (rule_.max_bytes == 0) {
    const std::size_t length = MatchIn(rest);
    return length == 0 ? 0 : at + length;
  }
  for (std::size_t most = std::min(rest.size(), rule_.max_bytes); most > 0; --most) {
    if (!EndsWell(text, at + most)) continue;
    const std::size_t length = MatchIn(rest.substr(0, most));
    if (length == 0) return 0;
    if (EndsWell(text, at + length) &&
        (rule_.valid == nullptr || rule_.valid(rest.substr(0, length)))) {
      return at + length;
    }
    most = length;  // and one less
  }
  return 0;
}

}  // namespace sealtrain::pipeline
