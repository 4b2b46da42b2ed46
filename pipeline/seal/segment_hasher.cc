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
    MutexLock lock(&mutex_);
    stop_ = true;
    tasks_.clear();
  }
  if (helper_.joinable()) helper_.join();
}

void SegmentHasher::Add(ByteSpan piece, Digest& leaf) {
  MutexLock lock(&mutex_);
  tasks_.push_back({piece, &leaf});
  if (helper_.joinable() || tasks_.size() < kWorthAThread) return;
  try {
    helper_ = std::thread([this] { Help(); });
  } catch (const std::system_error&) {
    // No thread to be had now: Wait() does it all.
  }
}

void SegmentHasher::Wait() {
  MutexLock lock(&mutex_);
  while (!tasks_.empty()) HashOne();
  mutex_.Await([this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return busy_ == 0; });
}

void SegmentHasher::Help() {
  MutexLock lock(&mutex_);
  while (true) {
    mutex_.Await([this]()
                     ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stop_ || !tasks_.empty(); });
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
