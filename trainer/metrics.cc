#include "sealtrain/trainer/metrics.h"

#include <algorithm>
#include <limits>

namespace sealtrain::trainer {
namespace {

std::uint64_t CountPositives(const SecretVector<ScoredRow>& rows) {
  std::uint64_t positives = 0;
  for (const ScoredRow& row : rows.span()) positives += row.positive;
  return positives;
}

double Share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

double Accuracy(const SecretVector<ScoredRow>& rows) {
  std::uint64_t right = 0;
  for (const ScoredRow& row : rows.span()) right += (row.score > 0) == (row.positive == 1) ? 1 : 0;
  return Share(right, rows.size());
}

double MajorityShare(const SecretVector<ScoredRow>& rows) {
  const std::uint64_t positives = CountPositives(rows);
  return Share(std::max<std::uint64_t>(positives, rows.size() - positives), rows.size());
}

double AreaUnderRocCurve(SecretVector<ScoredRow>& rows) {
  const absl::Span<ScoredRow> sorted = rows.mutable_span();
  std::sort(sorted.begin(), sorted.end(),
            [](const ScoredRow& a, const ScoredRow& b) { return a.score < b.score; });
  // Walks up the scores; each positive row beats the negatives below it, and
  // half of those beside it.
  double wins = 0;
  std::uint64_t negatives = 0;
  for (std::size_t begin = 0; begin < sorted.size();) {
    std::size_t end = begin;
    std::uint64_t tied_positives = 0;
    for (; end < sorted.size() && sorted[end].score == sorted[begin].score; ++end) {
      tied_positives += sorted[end].positive;
    }
    const std::uint64_t tied_negatives = end - begin - tied_positives;
    wins += static_cast<double>(tied_positives) *
            (static_cast<double>(negatives) + static_cast<double>(tied_negatives) / 2);
    negatives += tied_negatives;
    begin = end;
  }
  const std::uint64_t positives = rows.size() - negatives;
  if (positives == 0 || negatives == 0) return std::numeric_limits<double>::quiet_NaN();
  return wins / static_cast<double>(positives) / static_cast<double>(negatives);
}

}  // namespace sealtrain::trainer
