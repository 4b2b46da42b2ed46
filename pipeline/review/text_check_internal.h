// Whether a text that looks like a number of some kind is one: check digits, number
// ranges, lengths. Each takes what the form of its kind matched (text_form.cc).
#ifndef SEALTRAIN_PIPELINE_REVIEW_TEXT_CHECK_INTERNAL_H_
#define SEALTRAIN_PIPELINE_REVIEW_TEXT_CHECK_INTERNAL_H_

#include "absl/strings/string_view.h"

namespace sealtrain::pipeline {

// Of phones: digits of an extension do not count.
// 00 and, in groups, 9 to 15 digits.
bool IsDialledPhone(absl::string_view match);
// 9 to 12 digits in groups; not grouped like a date, 01-02-2006, or a US social
// security number.
bool IsTrunkPhone(absl::string_view match);

// ISO/IEC 7812-1: a known issuer, one of its lengths, and annex B, the Luhn sum.
bool IsPaymentCard(absl::string_view match);
// ISO 13616: a country of the registry, its length, and the sum of ISO 7064, MOD 97-10.
bool IsIban(absl::string_view match);

// US. Areas 000, 666 and 900 to 999, group 00 and serial 0000 were never given out.
bool IsSocialSecurityNumber(absl::string_view match);
// GB: modulus 11.
bool IsNhsNumber(absl::string_view match);
// ES: the letter of a DNI or NIE.
bool IsSpanishId(absl::string_view match);
// FR: month and key of a NIR; Corsica is 19 and 18 for 2A and 2B.
bool IsNir(absl::string_view match);
// DE, Steuerliche Identifikationsnummer: ISO 7064, MOD 11,10, and of the first ten
// digits exactly one occurs twice or three times, but not three times in a row.
bool IsGermanTaxId(absl::string_view match);
// NL: the "elfproef".
bool IsBsn(absl::string_view match);

// What inet_pton() takes, with two colons and a decimal digit: a::b is C++.
bool IsIpv6(absl::string_view match);

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_REVIEW_TEXT_CHECK_INTERNAL_H_
