// Classes of bytes that the text scan knows. ASCII only, whatever the locale.
#ifndef SEALTRAIN_PIPELINE_REVIEW_TEXT_BYTE_INTERNAL_H_
#define SEALTRAIN_PIPELINE_REVIEW_TEXT_BYTE_INTERNAL_H_

#include "absl/strings/ascii.h"

namespace sealtrain::pipeline {

inline bool IsDigitByte(char byte) { return absl::ascii_isdigit(static_cast<unsigned char>(byte)); }
inline bool IsHexByte(char byte) { return absl::ascii_isxdigit(static_cast<unsigned char>(byte)); }
inline bool IsWordByte(char byte) {
  return absl::ascii_isalnum(static_cast<unsigned char>(byte)) || byte == '_';
}
// Of what mailboxes are called in practice. RFC 5322 has more, among them what
// stands around addresses in texts: {x}, |x|, `x`, ?a=x&b=y.
inline bool IsLocalPartByte(char byte) {
  return IsWordByte(byte) || byte == '.' || byte == '%' || byte == '+' || byte == '=' ||
         byte == '~' || byte == '\'' || byte == '-';
}

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_REVIEW_TEXT_BYTE_INTERNAL_H_
