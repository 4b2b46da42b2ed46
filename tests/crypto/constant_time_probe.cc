// Compares bytes that memcheck takes for undefined, so that each branch and each
// address that depends on one of them is reported: Langley's ctgrind.
//
//   constant_time_probe constant-time | memcmp
//
// Under valgrind the first must end without a report and the second, which is
// the control, with one. Exits 2 where nothing is checked: outside of valgrind.
#include <valgrind/memcheck.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

#include "sealtrain/base/bytes.h"
#include "sealtrain/crypto/secret_bytes.h"

namespace sealtrain::crypto {
namespace {

bool CompareWithMemcmp(ByteSpan a, ByteSpan b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
}

// Whether `equal` answers right; what it does on the way is memcheck's to judge.
bool Answers(bool (*equal)(ByteSpan, ByteSpan), Bytes a, Bytes b) {
  const bool expected = a == b;
  VALGRIND_MAKE_MEM_UNDEFINED(a.data(), a.size());
  VALGRIND_MAKE_MEM_UNDEFINED(b.data(), b.size());
  bool result = equal(a, b);
  // The answer itself is no secret.
  VALGRIND_MAKE_MEM_DEFINED(&result, sizeof(result));
  return result == expected;
}

bool AnswersAll(bool (*equal)(ByteSpan, ByteSpan)) {
  bool all = true;
  for (const std::size_t size : {16u, 32u, 48u, 74u}) {  // tags, digests, a stream's header
    const Bytes bytes(size, 7);
    all = Answers(equal, bytes, bytes) && all;
    for (const std::size_t place : {std::size_t{0}, size / 2, size - 1}) {
      Bytes other = bytes;
      other[place] ^= 1;
      all = Answers(equal, bytes, other) && all;
    }
  }
  return all;
}

int Main(const std::string& mode) {
  if (RUNNING_ON_VALGRIND == 0) {
    std::fputs("checks nothing unless valgrind runs it\n", stderr);
    return 2;
  }
  return AnswersAll(mode == "memcmp" ? &CompareWithMemcmp : &ConstantTimeEqual) ? 0 : 1;
}

}  // namespace
}  // namespace sealtrain::crypto

int main(int argc, char** argv) { return sealtrain::crypto::Main(argc == 2 ? argv[1] : ""); }
