#include "sealtrain/base/number_text.h"

#include <array>
#include <charconv>

namespace sealtrain {

std::string NumberText(double number) {
  std::array<char, 32> text;  // the longest is "-2.2250738585072014e-308"
  const std::to_chars_result end =
      std::to_chars(text.data(), text.data() + text.size(), number, std::chars_format::general);
  return std::string(text.data(), end.ptr);
}

}  // namespace sealtrain
