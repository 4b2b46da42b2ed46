#include "sealtrain/pipeline/seal/segment_hasher.h"

#include <system_error>

#include "sealtrain/crypto/hash.h"

namespace sealtrain::pipeline {
namespace {

// Pieces to wait for a helper. What is less is hashed sooner than a thread
// starts.
constexpr std::size_t kWorthAThread = 16;

}  // namespace

SegmentHasher::~SegmentHasher() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
    tasks_.clear();
  }
  if (helper_.joinable()) helper_.join();
}

void SegmentHasher::Add(ByteSpan piece, Digest& leaf) {
  absl::MutexLock lock(&mutex_);
  tasks_.push_back({piece, &leaf});
  if (helper_.joinable() || tasks_.size() < kWorthAThread) return;
  try {
    helper_ = std::thread([this] { Help(); });
  } catch (const std::system_error&) {
    // No thread to be had now: Wait() does it all.
  }
}

void SegmentHasher::Wait() {
  absl::MutexLock lock(&mutex_);
  while (!tasks_.empty()) HashOne();
  mutex_.Await(absl::Condition(this, &SegmentHasher::IsDone));
}

void SegmentHasher::Help() {
  absl::MutexLock lock(&mutex_);
  while (true) {
    mutex_.Await(absl::Condition(this, &SegmentHasher::MayGoOn));
    if (stop_) return;
    HashOne();
  }
}

void SegmentHasher::HashOne() {
  const Task task = tasks_.front();
  tasks_.pop_front();
  ++busy_;
  mutex_.Unlock();
  *task.leaf = crypto::MerkleLeafHash(task.piece);
  mutex_.Lock();
  --busy_;
}

}  // namespace sealtrain::pipeline
