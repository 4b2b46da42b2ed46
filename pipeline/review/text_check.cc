#include "sealtrain/pipeline/review/text_check_internal.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/types/span.h"
#include "sealtrain/pipeline/review/text_byte_internal.h"

namespace sealtrain::pipeline {
namespace {

// The digits of a match in order. No form has more than 32.
class Digits {
 public:
  explicit Digits(absl::string_view match) {
    for (const char byte : match) {
      if (IsDigitByte(byte) && size_ < digits_.size()) digits_[size_++] = byte - '0';
    }
  }
  std::size_t size() const { return size_; }
  int operator[](std::size_t i) const { return digits_[i]; }
  // The digits [begin, begin + count) as one number.
  std::uint64_t Number(std::size_t begin, std::size_t count) const {
    std::uint64_t number = 0;
    for (std::size_t i = begin; i < begin + count; ++i) {
      number = number * 10 + static_cast<std::uint64_t>(digits_[i]);
    }
    return number;
  }

 private:
  std::array<int, 32> digits_ = {};
  std::size_t size_ = 0;
};

absl::string_view WithoutExtension(absl::string_view phone) {
  return phone.substr(0, phone.find('x'));
}

// The lengths of the first three groups of digits.
std::array<std::size_t, 3> GroupLengths(absl::string_view match) {
  std::array<std::size_t, 3> lengths = {};
  std::size_t group = 0;
  for (std::size_t i = 0; i < match.size(); ++i) {
    if (!IsDigitByte(match[i])) continue;
    if (i > 0 && !IsDigitByte(match[i - 1]) && lengths[0] > 0) ++group;
    if (group == lengths.size()) break;
    ++lengths[group];
  }
  return lengths;
}

constexpr std::uint32_t Lengths(int from, int to) {
  std::uint32_t lengths = 0;
  for (int i = from; i <= to; ++i) lengths |= std::uint32_t{1} << i;
  return lengths;
}

struct Issuer {
  std::uint32_t first;  // prefixes [first, last], both of this many digits
  std::uint32_t last;
  std::size_t digits;
  std::uint32_t lengths;  // bit n: numbers of n digits
};
constexpr Issuer kIssuers[] = {
    {4, 4, 1, Lengths(13, 13) | Lengths(16, 16) | Lengths(19, 19)},  // Visa
    {51, 55, 2, Lengths(16, 16)},                                    // Mastercard
    {2221, 2720, 4, Lengths(16, 16)},                                // Mastercard
    {34, 34, 2, Lengths(15, 15)},                                    // American Express
    {37, 37, 2, Lengths(15, 15)},                                    // American Express
    {300, 305, 3, Lengths(14, 19)},                                  // Diners Club
    {309, 309, 3, Lengths(14, 19)},                                  // Diners Club
    {36, 36, 2, Lengths(14, 19)},                                    // Diners Club
    {38, 39, 2, Lengths(14, 19)},                                    // Diners Club
    {3528, 3589, 4, Lengths(16, 19)},                                // JCB
    {60, 60, 2, Lengths(16, 19)},                                    // Discover, RuPay
    {62, 62, 2, Lengths(16, 19)},                                    // UnionPay
    {644, 649, 3, Lengths(16, 19)},                                  // Discover
    {65, 65, 2, Lengths(16, 19)},                                    // Discover, RuPay
    {5018, 5020, 4, Lengths(13, 19)},                                // Maestro, Dankort
    {5038, 5038, 4, Lengths(13, 19)},                                // Maestro
    {5893, 5893, 4, Lengths(13, 19)},                                // Maestro
    {6304, 6304, 4, Lengths(13, 19)},                                // Maestro
    {6759, 6759, 4, Lengths(13, 19)},                                // Maestro
    {6761, 6763, 4, Lengths(13, 19)},                                // Maestro
    {2200, 2204, 4, Lengths(16, 19)},                                // Mir
};

bool IsOfAnIssuer(const Digits& digits) {
  return absl::c_any_of(kIssuers, [&](const Issuer& issuer) {
    const std::uint64_t prefix = digits.Number(0, issuer.digits);
    return prefix >= issuer.first && prefix <= issuer.last &&
           (issuer.lengths >> digits.size() & 1) != 0;
  });
}

bool HasLuhnSum(const Digits& digits) {
  int sum = 0;
  bool doubled = false;
  for (std::size_t i = digits.size(); i-- > 0;) {
    const int digit = digits[i] << static_cast<int>(doubled);
    sum += digit > 9 ? digit - 9 : digit;
    doubled = !doubled;
  }
  return sum % 10 == 0;
}

// The IBAN registry of SWIFT: country and length, sorted.
constexpr std::pair<absl::string_view, std::size_t> kIbanLengths[] = {
    {"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16}, {"BG", 22},
    {"BH", 22}, {"BI", 27}, {"BR", 29}, {"BY", 28}, {"CH", 21}, {"CR", 22}, {"CY", 28}, {"CZ", 24},
    {"DE", 22}, {"DJ", 27}, {"DK", 18}, {"DO", 28}, {"EE", 20}, {"EG", 29}, {"ES", 24}, {"FI", 18},
    {"FK", 18}, {"FO", 18}, {"FR", 27}, {"GB", 22}, {"GE", 22}, {"GI", 23}, {"GL", 18}, {"GR", 27},
    {"GT", 28}, {"HN", 28}, {"HR", 21}, {"HU", 28}, {"IE", 22}, {"IL", 23}, {"IQ", 23}, {"IS", 26},
    {"IT", 27}, {"JO", 30}, {"KW", 30}, {"KZ", 20}, {"LB", 28}, {"LC", 32}, {"LI", 21}, {"LT", 20},
    {"LU", 20}, {"LV", 21}, {"LY", 25}, {"MC", 27}, {"MD", 24}, {"ME", 22}, {"MK", 19}, {"MN", 20},
    {"MR", 27}, {"MT", 31}, {"MU", 30}, {"NI", 28}, {"NL", 18}, {"NO", 15}, {"OM", 23}, {"PK", 24},
    {"PL", 28}, {"PS", 29}, {"PT", 25}, {"QA", 29}, {"RO", 24}, {"RS", 22}, {"RU", 33}, {"SA", 24},
    {"SC", 31}, {"SD", 18}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"SM", 27}, {"SO", 23}, {"ST", 25},
    {"SV", 28}, {"TL", 23}, {"TN", 24}, {"TR", 26}, {"UA", 29}, {"VA", 22}, {"VG", 24}, {"XK", 20},
    {"YE", 30}};

// Of the digits [0, weights.size()).
int WeightedSum(const Digits& digits, absl::Span<const int> weights) {
  int sum = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) sum += digits[i] * weights[i];
  return sum;
}

bool HasOneRepeatedDigit(const Digits& digits) {
  std::array<int, 10> count = {};
  for (std::size_t i = 0; i < 10; ++i) {
    ++count[static_cast<std::size_t>(digits[i])];
    if (i >= 2 && digits[i] == digits[i - 1] && digits[i] == digits[i - 2]) return false;
  }
  return absl::c_count_if(count, [](int n) { return n > 1; }) == 1 &&
         *absl::c_max_element(count) <= 3;
}

}  // namespace

bool IsDialledPhone(absl::string_view match) {
  const std::size_t digits = Digits(WithoutExtension(match)).size();
  return digits >= 2 + 9 && digits <= 2 + 15;
}

bool IsTrunkPhone(absl::string_view match) {
  match = WithoutExtension(match);
  const std::size_t digits = Digits(match).size();
  const std::array<std::size_t, 3> groups = GroupLengths(match);
  return digits >= 9 && digits <= 12 && groups != std::array<std::size_t, 3>{2, 2, 4} &&
         groups != std::array<std::size_t, 3>{3, 2, 4};
}

bool IsPaymentCard(absl::string_view match) {
  const Digits digits(match);
  return digits.size() >= 13 && digits.size() <= 19 && IsOfAnIssuer(digits) && HasLuhnSum(digits);
}

bool IsIban(absl::string_view match) {
  std::string iban(match);
  iban.erase(std::remove(iban.begin(), iban.end(), ' '), iban.end());
  const auto* const country = absl::c_find_if(
      kIbanLengths, [&](const auto& entry) { return entry.first == iban.substr(0, 2); });
  if (country == std::end(kIbanLengths) || country->second != iban.size()) return false;
  std::rotate(iban.begin(), iban.begin() + 4, iban.end());
  int remainder = 0;
  for (const char byte : iban) {
    remainder =
        (IsDigitByte(byte) ? remainder * 10 + byte - '0' : remainder * 100 + byte - 'A' + 10) % 97;
  }
  return remainder == 1;
}

bool IsSocialSecurityNumber(absl::string_view match) {
  const Digits digits(match);
  const std::uint64_t area = digits.Number(0, 3);
  return area != 0 && area != 666 && area < 900 && digits.Number(3, 2) != 0 &&
         digits.Number(5, 4) != 0;
}

bool IsNhsNumber(absl::string_view match) {
  const Digits digits(match);
  // A check digit of 10 is not given out, and is no digit.
  return (WeightedSum(digits, {10, 9, 8, 7, 6, 5, 4, 3, 2}) + digits[9]) % 11 == 0;
}

bool IsSpanishId(absl::string_view match) {
  constexpr absl::string_view kLetters = "TRWAGMYFPDXBNJZSQVHLCKE";
  const Digits digits(match);
  std::uint64_t number = digits.Number(0, digits.size());
  // The X, Y or Z of foreigners stands for a leading 0, 1 or 2.
  if (!IsDigitByte(match[0])) number += static_cast<std::uint64_t>(match[0] - 'X') * 10'000'000;
  return kLetters[number % kLetters.size()] == match.back();
}

bool IsNir(absl::string_view match) {
  std::string nir(match);
  if (const std::size_t corsica = nir.find_first_of("AB"); corsica != std::string::npos) {
    nir.replace(corsica - 1, 2, nir[corsica] == 'A' ? "19" : "18");
  }
  const Digits digits(nir);
  const std::uint64_t month = digits.Number(3, 2);
  // Above 12: of people whose papers did not tell it.
  const bool may_be_month =
      (month >= 1 && month <= 12) || month == 20 || (month >= 30 && month <= 42) || month >= 50;
  return may_be_month && digits.Number(13, 2) == 97 - digits.Number(0, 13) % 97;
}

bool IsGermanTaxId(absl::string_view match) {
  const Digits digits(match);
  if (!HasOneRepeatedDigit(digits)) return false;
  int product = 10;
  for (std::size_t i = 0; i < 10; ++i) {
    const int sum = (digits[i] + product) % 10;
    product = (sum == 0 ? 10 : sum) * 2 % 11;
  }
  return (11 - product) % 10 == digits[10];
}

bool IsBsn(absl::string_view match) {
  const Digits digits(match);
  const int sum = WeightedSum(digits, {9, 8, 7, 6, 5, 4, 3, 2, -1});
  return sum % 11 == 0 && digits.Number(0, 9) != 0;
}

bool IsIpv6(absl::string_view match) {
  if (absl::c_count(match, ':') < 2 || absl::c_none_of(match, IsDigitByte)) return false;
  in6_addr address;
  return ::inet_pton(AF_INET6, std::string(match).c_str(), &address) == 1;
}

}  // namespace sealtrain::pipeline
