// A shard file as everybody can see it, without a key: header, extent of the
// streams, and the bytes of every segment.
#ifndef SEALTRAIN_PIPELINE_OPEN_SHARD_FILE_H_
#define SEALTRAIN_PIPELINE_OPEN_SHARD_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/base/env.h"
#include "sealtrain/custody/manifest.pb.h"
#include "sealtrain/pipeline/seal/shard.pb.h"

namespace sealtrain::pipeline {

// Move-only; thread-compatible.
class ShardFile {
 public:
  // Opens `path` and checks length and header against the entries of a verified
  // manifest. DataLoss: they differ, or the file is missing.
  static absl::StatusOr<ShardFile> Open(Env& env, const std::string& path,
                                        const custody::Manifest& manifest,
                                        const custody::Shard& shard);

  const custody::Shard& shard() const { return shard_; }
  ByteSpan header_section() const { return header_section_; }
  const RandomAccessFile& file() const { return *file_; }
  // Column streams lie in [streams_begin(), index_begin()), the index stream in
  // the index_bytes() behind.
  std::uint64_t streams_begin() const { return header_section_.size(); }
  std::uint64_t index_begin() const { return index_begin_; }
  std::uint64_t index_bytes() const { return index_bytes_; }

  // Rereads all segments and compares their hashes with the leaves in the
  // file, and those with the manifest's Merkle root: no byte of the file is
  // left out. `manifest` is the one the file was opened with.
  // DataLoss: names the first segment that is not as it was committed, and the
  // column that its stream belongs to; or the leaves, if it is they.
  absl::Status VerifySegments(const custody::Manifest& manifest) const;

 private:
  ShardFile() = default;
  absl::StatusOr<std::vector<Digest>> ReadLeaves() const;

  custody::Shard shard_;
  Bytes header_section_;
  std::unique_ptr<RandomAccessFile> file_;
  std::uint64_t index_begin_ = 0;
  std::uint64_t index_bytes_ = 0;
};

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_OPEN_SHARD_FILE_H_
