// Hashes sealed segments beside the thread that seals them: SHA-256 takes more
// than twice as long as AES-256-GCM.
#ifndef SEALTRAIN_PIPELINE_SEAL_SEGMENT_HASHER_H_
#define SEALTRAIN_PIPELINE_SEAL_SEGMENT_HASHER_H_

#include <cstddef>
#include <deque>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/base/mutex.h"

namespace sealtrain::pipeline {

// One thread calls; a second one, started once there is work worth it, hashes.
class SegmentHasher {
 public:
  SegmentHasher() = default;
  SegmentHasher(const SegmentHasher&) = delete;
  SegmentHasher& operator=(const SegmentHasher&) = delete;
  ~SegmentHasher();  // drops what is not hashed yet

  // Will set `leaf` to the Merkle leaf hash of `piece`. Both must stay where
  // they are, and be left alone, until Wait() returns or the hasher is gone.
  void Add(ByteSpan piece, Digest& leaf);
  // Hashes along until all is done.
  void Wait();

 private:
  struct Task {
    ByteSpan piece;
    Digest* leaf;
  };
  void Help();
  // Hashes the oldest piece, without the lock meanwhile.
  void HashOne() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  std::deque<Task> tasks_ ABSL_GUARDED_BY(mutex_);
  std::size_t busy_ ABSL_GUARDED_BY(mutex_) = 0;  // pieces being hashed
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread helper_;  // started by Add()
};

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_SEAL_SEGMENT_HASHER_H_
