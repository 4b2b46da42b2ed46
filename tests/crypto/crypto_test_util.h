// What the tests of crypto/ share: hex, keys of known bytes, published vectors.
#ifndef SEALTRAIN_TESTS_CRYPTO_CRYPTO_TEST_UTIL_H_
#define SEALTRAIN_TESTS_CRYPTO_CRYPTO_TEST_UTIL_H_

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <ostream>
#include <random>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/crypto/key.h"
#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/crypto/secret_bytes.h"

namespace sealtrain::crypto {

template <class T>
concept Streamable = requires(std::ostream& os, const T& value) {
  os << value;
};

using Sizes = std::initializer_list<std::size_t>;  // for loops

inline Bytes FromHex(absl::string_view hex) {
  const std::string bytes = absl::HexStringToBytes(hex);
  return Bytes(bytes.begin(), bytes.end());
}

inline Bytes ToBytes(ByteSpan span) { return Bytes(span.begin(), span.end()); }

inline SecretBytes SecretOf(ByteSpan bytes) { return SecretBytes::CopyFrom(bytes).value(); }

// A key of 32 bytes of that value.
template <class KeyType>
KeyType KeyOf(std::uint8_t value) {
  return KeyType::FromBytes(SecretOf(Bytes(kKeyBytes, value))).value();
}

// Bytes that differ from one test run to the next only if the seed does.
inline Bytes PseudorandomBytes(std::size_t size, std::uint32_t seed) {
  std::mt19937 generator(seed);
  Bytes bytes(size);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(generator());
  return bytes;
}

// Segments as small as FLOE's known answers have them, and smaller.
constexpr StreamOptions TestSizes(std::uint32_t segment_bytes, std::uint32_t rotation_bits = 20) {
  return {
      .segment_bytes = segment_bytes, .rotation_bits = rotation_bits, .known_answer_sizes = true};
}
inline constexpr StreamOptions kTiny = TestSizes(40);  // 8 plaintext bytes

// Optional published vectors beside the checkout; tests that want them skip
// where the folder is absent.
inline std::string VectorPath(const std::string& name) {
  return std::string(SEALTRAIN_SOURCE_DIR) + "/../shared/vectors/" + name;
}
inline bool HaveVectors() { return std::filesystem::exists(VectorPath("")); }

inline std::string ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

}  // namespace sealtrain::crypto

#endif  // SEALTRAIN_TESTS_CRYPTO_CRYPTO_TEST_UTIL_H_
