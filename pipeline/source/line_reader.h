// Lines of an input stream, of bounded length, without copying them.
#ifndef SEALTRAIN_PIPELINE_SOURCE_LINE_READER_H_
#define SEALTRAIN_PIPELINE_SOURCE_LINE_READER_H_

#include <cstdint>
#include <istream>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sealtrain::pipeline {

// Not thread-safe.
class LineReader {
 public:
  // This many bytes behind a line may be read, though not made sense of:
  // parsers that work in wide steps need them.
  static constexpr std::size_t kReadableBehind = 64;

  // `input` must outlive the reader. A line may have `max_bytes`.
  LineReader(std::istream& input, std::size_t max_bytes) : input_(input), max_bytes_(max_bytes) {}

  // The next line with its LF, if it has one, valid until the next call. False:
  // end of input. InvalidArgument: a longer line, which was passed over.
  // Unavailable: the input cannot be read. A byte order mark is left out.
  absl::StatusOr<bool> Next(absl::string_view& line);

  // Number of the line that Next() returned last, from 1.
  std::uint64_t line_number() const { return line_number_; }

 private:
  absl::StatusOr<bool> Fill();  // false: nothing more to read

  std::istream& input_;
  const std::size_t max_bytes_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;  // of the unread bytes in buffer_
  std::size_t end_ = 0;
  std::uint64_t line_number_ = 0;
};

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_SOURCE_LINE_READER_H_
