// What does not compile is the point here: a permit cannot be forged.
#include "sealtrain/custody/permit.h"

#include <type_traits>

#include "gtest/gtest.h"

namespace sealtrain::custody {
namespace {

using SealPermit = Permit<policy::SEAL>;
using TrainPermit = Permit<policy::TRAIN>;

static_assert(!std::is_default_constructible_v<TrainPermit>);
static_assert(!std::is_constructible_v<TrainPermit, Grant>);
static_assert(!std::is_constructible_v<TrainPermit, Grant&&>);
static_assert(!std::is_constructible_v<TrainPermit, const Grant&>);
static_assert(!std::is_convertible_v<Grant, TrainPermit>);
static_assert(!std::is_aggregate_v<TrainPermit>);

static_assert(!std::is_copy_constructible_v<TrainPermit>);
static_assert(!std::is_copy_assignable_v<TrainPermit>);
static_assert(std::is_nothrow_move_constructible_v<TrainPermit>);

static_assert(!std::is_constructible_v<SealPermit, TrainPermit>);
static_assert(!std::is_convertible_v<TrainPermit, SealPermit>);
static_assert(!std::is_assignable_v<SealPermit&, TrainPermit>);
static_assert(!std::is_convertible_v<Permit<policy::INGEST>, SealPermit>);

// Keys of a shard do not copy either, nor does a grant's reader get to write.
static_assert(!std::is_copy_constructible_v<ShardKeys>);
static_assert(std::is_same_v<decltype(std::declval<const TrainPermit&>().grant()), const Grant&>);

TEST(Permit, KnowsItsActionAtCompileTime) {
  static_assert(TrainPermit::action() == policy::TRAIN);
  EXPECT_EQ(SealPermit::action(), policy::SEAL);
}

}  // namespace
}  // namespace sealtrain::custody
