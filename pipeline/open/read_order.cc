#include "sealtrain/pipeline/open/read_order.h"

namespace sealtrain::pipeline {
namespace {

std::mt19937_64 Seeded(const ShuffleOf& what) {
  const auto low = [](std::uint64_t n) { return static_cast<std::uint32_t>(n); };
  const auto high = [](std::uint64_t n) { return static_cast<std::uint32_t>(n >> 32); };
  std::seed_seq seeds{std::uint32_t{what.kind}, low(what.seed),  high(what.seed),
                      low(what.pass),           high(what.pass), low(what.shard),
                      high(what.shard),         low(what.block), high(what.block)};
  return std::mt19937_64(seeds);
}

}  // namespace

OrderGenerator::OrderGenerator(const ShuffleOf& what) : random_(Seeded(what)) {}

std::uint64_t OrderGenerator::Below(std::uint64_t n) {
  // The upper half of a draw times n; draws whose lower half is below 2^64 mod n
  // would make some results likelier and are thrown away (Lemire,
  // arXiv:1805.10941). That is below n, which spares most of the divisions.
  while (true) {
    const unsigned __int128 product = static_cast<unsigned __int128>(random_()) * n;
    const auto low = static_cast<std::uint64_t>(product);
    if (low >= n || low >= (0 - n) % n) return static_cast<std::uint64_t>(product >> 64);
  }
}

}  // namespace sealtrain::pipeline
