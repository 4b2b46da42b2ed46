// The blocks of a reading in order, read ahead by some threads.
#ifndef SEALTRAIN_PIPELINE_OPEN_BLOCK_QUEUE_H_
#define SEALTRAIN_PIPELINE_OPEN_BLOCK_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sealtrain/base/mutex.h"
#include "sealtrain/pipeline/open/block_reader.h"
#include "sealtrain/pipeline/row_block.h"

namespace sealtrain::pipeline {

struct BlockPlace {
  std::uint64_t part = 0;   // of the plan
  std::uint64_t block = 0;  // of the part
};

// Threads claim places in order, read them side by side, and give them back in
// the order of the claims. How many blocks a part has is known once a thread has
// opened it; the others wait for that before they claim more of it.
//
// One thread calls. Invariants: 1. ahead_ holds the places that are claimed and
// not handed out, in order; 2. there are at most threads + 1 of them; 3. next_
// exists, unless its part is being opened or does not exist.
class BlockQueue {
 public:
  // Begins at `begin`. `plan` must outlive the queue. With no threads, or where
  // none can be started, Next() reads.
  BlockQueue(const ReadPlan& plan, const ShardOpener& open, BlockPlace begin, int threads);
  BlockQueue(const BlockQueue&) = delete;
  BlockQueue& operator=(const BlockQueue&) = delete;
  ~BlockQueue();  // waits for blocks that are being read

  // Puts the next block into `block`, whose memory is used again, and says
  // which it is; nothing at the end. Not to be called after an error.
  absl::StatusOr<std::optional<BlockPlace>> Next(RowBlock& block);

 private:
  struct Ahead {
    BlockPlace place;
    RowBlock block;
    absl::Status status;
    bool exists = true;  // false: the reading began behind the part's last block
    bool done = false;
  };

  void Work(BlockReader& reader);
  // Claims the next place and reads it, without the lock meanwhile.
  void ReadOne(BlockReader& reader) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void GoToNextPart() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool MayClaim() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return !stop_ && !opening_ && next_.part < plan_.parts.size() && ahead_.size() < limit_;
  }
  // The first place that is claimed is read, or there will be none.
  bool HasAnswer() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return ahead_.empty() ? !MayClaim() : ahead_.front().done;
  }

  const ReadPlan& plan_;
  const std::size_t limit_;
  Mutex mutex_;
  BlockPlace next_ ABSL_GUARDED_BY(mutex_);  // to be claimed
  // Of the part of next_, once it was opened.
  std::optional<std::uint64_t> blocks_ ABSL_GUARDED_BY(mutex_);
  bool opening_ ABSL_GUARDED_BY(mutex_) = false;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;  // an error, or the end of the queue
  std::deque<Ahead> ahead_ ABSL_GUARDED_BY(mutex_);
  std::vector<RowBlock> spare_ ABSL_GUARDED_BY(mutex_);  // for their memory
  std::deque<BlockReader> readers_;                      // of each thread, or of Next()
  std::vector<std::thread> threads_;
};

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_OPEN_BLOCK_QUEUE_H_
