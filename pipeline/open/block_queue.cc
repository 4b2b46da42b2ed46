#include "sealtrain/pipeline/open/block_queue.h"

#include <algorithm>
#include <system_error>
#include <utility>

namespace sealtrain::pipeline {

BlockQueue::BlockQueue(const ReadPlan& plan, const ShardOpener& open, BlockPlace begin, int threads)
    : plan_(plan), limit_(static_cast<std::size_t>(threads) + 1), next_(begin) {
  for (int i = 0; i < std::max(threads, 1); ++i) readers_.emplace_back(plan, open);
  for (int i = 0; i < threads; ++i) {
    try {
      threads_.emplace_back(
          [this, &reader = readers_[static_cast<std::size_t>(i)]] { Work(reader); });
    } catch (const std::system_error&) {
      break;  // those that there are have to do
    }
  }
}

BlockQueue::~BlockQueue() {
  {
    MutexLock lock(&mutex_);
    stop_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
}

absl::StatusOr<std::optional<BlockPlace>> BlockQueue::Next(RowBlock& block) {
  MutexLock lock(&mutex_);
  spare_.push_back(std::move(block));
  while (true) {
    if (threads_.empty() && MayClaim()) ReadOne(readers_.front());
    mutex_.Await([this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return HasAnswer(); });
    if (ahead_.empty()) return std::nullopt;
    Ahead ahead = std::move(ahead_.front());
    ahead_.pop_front();
    if (!ahead.status.ok()) return ahead.status;
    if (!ahead.exists) continue;
    block = std::move(ahead.block);
    return ahead.place;
  }
}

void BlockQueue::Work(BlockReader& reader) {
  MutexLock lock(&mutex_);
  while (true) {
    mutex_.Await([this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stop_ || MayClaim(); });
    if (stop_) return;
    ReadOne(reader);
  }
}

void BlockQueue::ReadOne(BlockReader& reader) {
  Ahead& ahead = ahead_.emplace_back();  // stays where it is until it is done
  ahead.place = next_;
  ++next_.block;
  if (!spare_.empty()) {
    ahead.block = std::move(spare_.back());
    spare_.pop_back();
  }
  opening_ = !blocks_.has_value();
  if (blocks_.has_value() && next_.block >= *blocks_) GoToNextPart();
  const bool first = opening_;

  mutex_.Unlock();
  const absl::StatusOr<std::uint64_t> blocks = reader.Open(ahead.place.part);
  mutex_.Lock();
  if (first) {
    opening_ = false;
    blocks_ = blocks.value_or(0);
    if (next_.block >= *blocks_) GoToNextPart();
  }
  ahead.status = blocks.status();
  ahead.exists = ahead.place.block < blocks.value_or(0);
  if (ahead.exists) {
    mutex_.Unlock();
    ahead.status = reader.Read(ahead.place.block, ahead.block);
    mutex_.Lock();
  }
  if (!ahead.status.ok()) stop_ = true;
  ahead.done = true;
}

void BlockQueue::GoToNextPart() {
  next_ = {.part = next_.part + 1, .block = 0};
  blocks_.reset();
}

}  // namespace sealtrain::pipeline
