// Reads a data set in blocks: row groups of one shard that are opened together.
#ifndef SEALTRAIN_PIPELINE_OPEN_BLOCK_READER_H_
#define SEALTRAIN_PIPELINE_OPEN_BLOCK_READER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sealtrain/custody/manifest.pb.h"
#include "sealtrain/pipeline/open/read_space.h"
#include "sealtrain/pipeline/open/shard_reader.h"
#include "sealtrain/pipeline/row_block.h"

namespace sealtrain::pipeline {

// Opens a shard of the manifest for one thread, in that thread's space. Called from
// several.
using ShardOpener = std::function<absl::StatusOr<std::unique_ptr<ShardReader>>(
    const custody::Shard& shard, ReadSpace& space)>;

// What to read in which order; the same for every thread.
struct ReadPlan {
  struct Part {
    const custody::Shard* shard;
    std::uint64_t first_row = 0;  // of the shard, in the snapshot
    std::uint64_t begin = 0;      // rows [begin, end) of the shard are wanted
    std::uint64_t end = 0;
  };
  std::vector<Part> parts;  // in the order of reading
  struct Shuffle {
    std::uint64_t seed = 0;
    std::uint64_t pass = 0;
    bool rows = true;
  };
  std::optional<Shuffle> shuffle;
  std::uint64_t block_bytes = 0;
};

// Keeps the shard at hand open. Not thread-safe; each thread has its own.
class BlockReader {
 public:
  // `plan` must outlive the reader.
  BlockReader(const ReadPlan& plan, ShardOpener open) : plan_(plan), open_(std::move(open)) {}

  // Opens a part of the plan, unless it is the one at hand, and says how many
  // blocks it has. Errors name the shard.
  absl::StatusOr<std::uint64_t> Open(std::uint64_t part);
  // Reads a block of the part at hand into `result`, whose memory is used again.
  // Errors name the shard; `result` then holds nothing. Requires that there is
  // such a block.
  absl::Status Read(std::uint64_t block, RowBlock& result);

 private:
  absl::Status OpenShard(std::uint64_t part);
  absl::Status ReadGroups(std::uint64_t block, RowBlock& result);
  absl::Status InShard(std::uint64_t part, const absl::Status& status) const;

  const ReadPlan& plan_;
  ShardOpener open_;
  std::optional<std::uint64_t> part_;
  ReadSpace space_;
  std::unique_ptr<ShardReader> shard_;
  std::vector<std::uint32_t> groups_;  // of the shard that have rows of the part, in order
  std::size_t block_groups_ = 1;       // groups in a block
};

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_OPEN_BLOCK_READER_H_
