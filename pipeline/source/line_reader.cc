#include "sealtrain/pipeline/source/line_reader.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"

namespace sealtrain::pipeline {
namespace {

constexpr std::size_t kLineBlockBytes = 256 * 1024;
constexpr absl::string_view kByteOrderMark = "\xef\xbb\xbf";

}  // namespace

absl::StatusOr<bool> LineReader::Next(absl::string_view& line) {
  ++line_number_;
  std::size_t searched = 0;
  bool too_long = false;
  while (true) {
    const char* const start = buffer_.data() + begin_;
    const auto* const newline = static_cast<const char*>(
        end_ == begin_ ? nullptr : std::memchr(start + searched, '\n', end_ - begin_ - searched));
    if (newline != nullptr) {
      line = absl::string_view(start, static_cast<std::size_t>(newline - start) + 1);
      break;
    }
    searched = end_ - begin_;
    if (searched > max_bytes_) {
      too_long = true;
      begin_ = end_;  // drop what cannot be used anyway
      searched = 0;
    }
    ST_ASSIGN_OR_RETURN(const bool more, Fill());
    if (!more) {
      line = absl::string_view(buffer_.data() + begin_, end_ - begin_);
      if (line.empty() && !too_long) return false;
      break;
    }
  }
  begin_ += line.size();
  if (too_long || line.size() > max_bytes_) {
    return absl::InvalidArgumentError(absl::StrCat("longer than ", max_bytes_, " bytes"));
  }
  if (line_number_ == 1 && absl::StartsWith(line, kByteOrderMark)) {
    line.remove_prefix(kByteOrderMark.size());
  }
  return true;
}

absl::StatusOr<bool> LineReader::Fill() {
  std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
            buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
  end_ -= begin_;
  begin_ = 0;
  if (buffer_.size() < end_ + kLineBlockBytes + kReadableBehind) {
    buffer_.resize(std::max(buffer_.size() * 2, end_ + kLineBlockBytes + kReadableBehind));
  }
  input_.read(buffer_.data() + end_,
              static_cast<std::streamsize>(buffer_.size() - kReadableBehind - end_));
  if (input_.bad()) return absl::UnavailableError("cannot read the input");
  end_ += static_cast<std::size_t>(input_.gcount());
  return input_.gcount() > 0;
}

}  // namespace sealtrain::pipeline
