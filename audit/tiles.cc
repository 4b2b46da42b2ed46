#include "sealtrain/audit/tiles.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "sealtrain/crypto/hash.h"

namespace sealtrain::audit {
namespace {

constexpr std::size_t kLengthBytes = 2;

// Groups of three digits, all but the last marked by 'x': 1234067 is
// x001/x234/067.
std::string IndexPath(std::uint64_t index) {
  std::string path = absl::StrFormat("%03d", index % 1000);
  for (index /= 1000; index > 0; index /= 1000) {
    path = absl::StrFormat("x%03d/%s", index % 1000, path);
  }
  return path;
}

std::string FilePath(absl::string_view folder, const TileId& tile) {
  std::string full = absl::StrCat("tile/", folder, "/", IndexPath(tile.index));
  if (tile.width == kTileWidth) return full;
  return absl::StrCat(PartialsPath(full), "/", tile.width);
}

}  // namespace

std::string TilePath(const TileId& tile) { return FilePath(absl::StrCat(tile.level), tile); }
std::string BundlePath(const TileId& tile) { return FilePath("entries", tile); }
std::string PartialsPath(absl::string_view path) { return absl::StrCat(path, ".p"); }

Digest PerfectRoot(absl::Span<const Digest> hashes) {
  std::vector<Digest> row(hashes.begin(), hashes.end());
  for (; row.size() > 1; row.resize(row.size() / 2)) {
    for (std::size_t i = 0; i < row.size() / 2; ++i) {
      row[i] = crypto::MerkleNodeHash(row[2 * i], row[2 * i + 1]);
    }
  }
  return row[0];
}

Bytes EncodeTile(absl::Span<const Digest> hashes) {
  Bytes bytes;
  bytes.reserve(hashes.size() * sizeof(Digest));
  for (const Digest& hash : hashes) bytes.insert(bytes.end(), hash.begin(), hash.end());
  return bytes;
}

absl::StatusOr<std::vector<Digest>> ParseTile(ByteSpan bytes, std::uint32_t width) {
  if (bytes.size() != width * sizeof(Digest)) {
    return absl::DataLossError(absl::StrCat(bytes.size(), " bytes instead of ", width, " hashes"));
  }
  std::vector<Digest> hashes(width);
  for (std::size_t i = 0; i < width; ++i) {
    const ByteSpan hash = bytes.subspan(i * sizeof(Digest), sizeof(Digest));
    std::copy(hash.begin(), hash.end(), hashes[i].begin());
  }
  return hashes;
}

void AppendToBundle(absl::string_view entry, std::string& bundle) {
  std::array<std::uint8_t, kLengthBytes> length;
  PutBigEndian(entry.size(), kLengthBytes, absl::MakeSpan(length));
  absl::StrAppend(&bundle, AsText(length), entry);
}

absl::StatusOr<std::vector<absl::string_view>> ParseBundle(absl::string_view bundle,
                                                           std::uint32_t width) {
  std::vector<absl::string_view> entries;
  entries.reserve(width);
  std::size_t offset = 0;
  while (offset < bundle.size()) {
    const absl::string_view rest = bundle.substr(offset);
    if (rest.size() < kLengthBytes) {
      return absl::DataLossError(absl::StrCat("cut off at byte ", offset));
    }
    const std::size_t length = GetBigEndian(AsBytes(rest.substr(0, kLengthBytes)));
    if (rest.size() - kLengthBytes < length) {
      return absl::DataLossError(absl::StrCat("entry at byte ", offset, " is cut off"));
    }
    if (entries.size() == width) {
      return absl::DataLossError(absl::StrCat("bytes after its last entry, at byte ", offset));
    }
    entries.push_back(rest.substr(kLengthBytes, length));
    offset += kLengthBytes + length;
  }
  if (entries.size() != width) {
    return absl::DataLossError(absl::StrCat(entries.size(), " entries instead of ", width));
  }
  return entries;
}

}  // namespace sealtrain::audit
